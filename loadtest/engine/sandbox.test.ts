import { describe, expect, it } from "vitest"
import { runText } from "../testing/run-text.ts"
import { bundleSandboxApi, bundleScript } from "./bundle.ts"

/** What a script makes of an expression: its value, or what it threw. */
const evaluate = async (expression: string): Promise<string> => {
  const { result, lines } = await runText(`
    import http from "k6/http"
    import exec from "k6/execution"
    import { open as openFile } from "k6/experimental/fs"
    import { Counter, Trend } from "k6/metrics"
    const trend = new Trend("t")
    const caught = (run) => { try { run() } catch (error) { return error } }
    const hostErrors = [caught(() => open("/nowhere")), caught(() => new Counter("t")), caught(() => setTimeout(() => {}))]
    const response = () => http.asyncRequest("GET", "nonsense")
    const dive = () => { try { trend.add(1) } catch (error) { return error } return dive() }
    const attempt = async () => { try { return ${expression} } catch (error) { return "threw " + error } }
    export default async () => { console.log(String(await attempt())) }
  `)
  expect(result.exitCode).toBe(0)
  return lines.join("\n")
}

describe("a script sees nothing of Node's", () => {
  it.each([
    "typeof process",
    "typeof Buffer",
    "typeof global",
    "typeof setImmediate",
    "typeof queueMicrotask",
    "typeof fetch",
    "typeof URL",
    "typeof TextDecoder",
    "typeof WebAssembly",
    "typeof structuredClone",
    "typeof __dirname",
  ])("%s", async (expression) => {
    expect(await evaluate(expression)).toBe("info: undefined")
  })

  // Each object that the API hands out, and each error that it throws, was made in the script's own context, where
  // no code is made from strings; an object of Node's would give `process` away.
  it.each([
    ["the global object", "globalThis"],
    ["an API function", "http.asyncRequest"],
    ["a module", "exec"],
    ["a metric", "trend"],
    ["__ENV", "__ENV"],
    ["require", "require"],
    ["console.log", "console.log"],
    ["setTimeout", "setTimeout"],
    ["a promise", "response()"],
    ["a response", "await response()"],
    ["its headers", "(await response()).headers"],
    ["an error of the API", "caught(() => trend.add('x'))"],
    ["an error of the host's file system", "hostErrors[0]"],
    ["an error of the host's metrics", "hostErrors[1]"],
    ["an error of the host's timers", "hostErrors[2]"],
    ["a rejected promise", "await openFile('/nowhere').catch((error) => error)"],
    ["a stack overflow", "dive()"],
  ])("%s leads to no other realm", async (_, value) => {
    expect(await evaluate(`(${value}).constructor.constructor("return process")()`)).toMatch(
      /^info: threw EvalError: Code generation from strings disallowed/,
    )
  })

  it("a dynamic import asks for nothing", async () => {
    const { result, lines } = await runText(`
      const name = "node" + ":fs"
      export default async () => {
        const error = await import(name).catch((error) => error)
        console.log(String(error), error instanceof Error)
      }`)
    expect(result.exitCode).toBe(0)
    expect(lines).toEqual(["info: Error: unknown module: node:fs true"])
  })
})

describe("the bundle", () => {
  it.each([
    ["node:fs", "k6 cannot run it"],
    ["fs", "k6 cannot run it"],
    ["undici", "k6 cannot run it"],
    ["https://jslib.k6.io/x.js", "k6 cannot run it"],
    ["k6/browser", "the node engine does not offer it"],
  ])("takes no %s", async (name, reason) => {
    const { result } = await runText(`import x from "${name}"\nexport default () => x`)
    expect(result).toMatchObject({
      exitCode: 104,
      reason: `script.ts:1: ${name} cannot be imported: ${reason}`,
    })
  })

  it("of the API imports nothing at all", async () => {
    const { metafile } = await bundleSandboxApi()
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports)
    expect(imports).toEqual([])
  })

  it.each([
    "keys",
    "send-one",
    "send-fifty",
    "send-conflict",
    "state-ids",
    "event",
    "backfill",
    "join-storm",
    "mixed",
    "breakpoint",
  ])("of %s imports k6's modules and none of Node's", async (name) => {
    const { metafile } = await bundleScript(new URL(`../scripts/${name}.ts`, import.meta.url).pathname)
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports)
    expect(imports.length).toBeGreaterThan(0)
    expect(imports.filter(({ path }) => path !== "k6" && !path.startsWith("k6/"))).toEqual([])
    const inputs = Object.keys(metafile.inputs)
    expect(inputs.filter((path) => !/loadtest\/(scripts|corpus)\//.test(path))).toEqual([])
  })
})
