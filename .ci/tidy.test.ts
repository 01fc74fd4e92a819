// Shows that tidy names each banned call when it is planted in a source, and lets comments, strings, files
// that are allowed to, and harmless neighbours pass. (The house itself is checked by `npm run check`.)
import { describe, expect, test } from "vitest"
import { tokenise } from "./source-tokens.ts"
import { findUntidy } from "./tidy.ts"
import { bannedCalls } from "./tidy-rules.ts"

const path = "spec-impl/homeserver/planted.ts"

describe("a planted call", () => {
  test.each([
    ["Date.now", "const at = Date.now()"],
    ["Date.now", "const at = Date /* the */ . now"],
    ["new Date", "const at = new Date()"],
    ["new Date", "const at = new Date"],
    ["Date(", "const at = Date()"],
    ["performance.now", "const at = globalThis.performance.now()"],
    ["hrtime", "process.hrtime.bigint()"],
    ["setTimeout", "setTimeout(() => {}, 1)"],
    ["setTimeout", 'import { setTimeout } from "node:timers/promises"'],
    ["setInterval", "globalThis.setInterval(work, 1)"],
    ["setImmediate", "setImmediate(work)"],
    ["queueMicrotask", "queueMicrotask(work)"],
    ["nextTick", "process.nextTick(work)"],
    ["Math.random", `\`\${Math.random()}\``],
    ["randomUUID", "crypto.randomUUID()"],
    ["getRandomValues", "crypto.getRandomValues(bytes)"],
    ["randomBytes", 'import { randomBytes } from "node:crypto"'],
    ["subtle", 'await crypto.subtle.digest("SHA-256", bytes)'],
    ["localeCompare", "ids.sort((left, right) => left.localeCompare(right))"],
    ["toLocaleString", "count.toLocaleString()"],
    ["toLocaleUpperCase", "name.toLocaleUpperCase()"],
    ["Promise.race", "await Promise.race([left, right])"],
    ["Effect.promise", "yield* Effect.promise(() => work)"],
    ["Effect.tryPromise", "yield* Effect.tryPromise(() => work)"],
    ["console.", 'console.log("here")'],
  ])("%s in: %s", (name, source) => {
    const findings = findUntidy(path, `\n${source}\n`)
    expect(findings).toHaveLength(1)
    expect(findings[0]).toContain(`${path}:2: ${name}`)
    expect(findings[0]).toContain("; use ")
  })

  test("every banned call is found when it stands alone", () => {
    for (const call of bannedCalls) {
      expect(findUntidy(path, `${call.tokens.join(" ")};\n`), call.tokens.join("")).not.toEqual([])
    }
  })
})

describe("what passes", () => {
  test.each([
    "// Date.now() is forbidden",
    "/** Math.random */",
    'const name = "Date.now()"',
    `const name = \`setTimeout \${count} randomUUID\``,
    "const pattern = /localeCompare/",
    "const at = new Date(virtualMs)",
    "const at: Date = virtual",
    'const flag = Flag.Date("at")',
    "yield* Effect.promised",
    "const ratio = left / right / setOf",
  ])("%s", (source) => {
    expect(findUntidy(path, `${source}\n`)).toEqual([])
  })

  test("a file that is allowed to, but only what it is allowed", () => {
    expect(findUntidy("cli/planted.ts", "console.log(performance.now())\n")).toEqual([])
    expect(findUntidy("cli/planted.ts", "Math.random()\n")).toHaveLength(1)
    expect(findUntidy("sim/kernel/guard.ts", "Math.random()\n")).toEqual([])
    expect(findUntidy("sim/kernel/guarded.ts", "Math.random()\n")).toHaveLength(1)
  })
})

describe("text", () => {
  test.each([
    ["a path of one machine", path, `const path = "${["", "home", "someone", "x"].join("/")}"`],
    ["a path of one machine", "README.md", `cd ${["", "work", "main"].join("/")}`],
    ["the address of a registry", "package-lock.json", `"resolved": "${"https:"}//npm.example/effect.tgz"`],
    ["the address of a registry", ".npmrc", `registry=${"https:"}//registry.example/`],
    ["unfinished", path, `// ${"TO"}${"DO"} later`],
    ["unfinished", "README.md", `${"FIX"}${"ME"}`],
    ["a silenced compiler", path, `// @ts-${"ignore"}`],
    ["as any", path, "const value = input as any"],
    [".only leaves tests out", "sim/x.test.ts", 'test.only("x", () => {})'],
    [".skip leaves tests out", "sim/x.test.ts", 'it.effect.skip("x", () => {})'],
    ["name it in kebab-case", "sim/roomState.ts", "export {}"],
    ["401 lines, over 400", path, `${"export {}\n".repeat(400)}export {}`],
  ])("%s in %s", (message, file, text) => {
    const findings = findUntidy(file, `${text}\n`)
    expect(findings).toHaveLength(1)
    expect(findings[0]).toContain(message)
  })

  test("a long test, and a Stream that skips, pass", () => {
    expect(findUntidy("sim/x.test.ts", "export {}\n".repeat(900))).toEqual([])
    expect(findUntidy(path, "Stream.skip(events, 2)\n")).toEqual([])
  })
})

describe("tokens", () => {
  test("templates nest, and a slash is a division or a pattern by what stands before", () => {
    const source = `a = \`1\${\`2\${{ b: c }}\`}3\` / d; e = /[/]\`/.test(f)`
    expect(tokenise(source).map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      ..."word a,sign =,text 1,text 2,sign {,word b,sign :,word c,sign },text ,text 3".split(","),
      ..."sign /,word d,sign ;,word e,sign =,sign /[/]`/,sign .,word test,sign (,word f,sign )".split(","),
    ])
  })
})
