/** A failing case becomes what other tools read, in one command. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { makePlan } from "#sim/explore/make-plan.ts"
import { problemsOfTardis } from "#sim/explore/testing/tardis-format.ts"
import { Engine } from "./engine.ts"
import { runLine } from "./testing/run-line.ts"

const name = "phantom-join-rules-by-chance"
const cases = fileURLToPath(new URL("../scenarios/cases/", import.meta.url))
const file = join(cases, "fixtures", `${name}.json`)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "netsplit-export-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const line = (...words: readonly string[]) => runLine(words, Engine.layer)

test("TARDIS: the file that it opens, with the failure for its title", async () => {
  const out = join(folder, "case.json5")
  expect(await line("export", file, "--to", "tardis", "--out", out)).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: "",
  })
  const scenario = JSON.parse(readFileSync(out, "utf8"))
  expect(problemsOfTardis(scenario)).toEqual([])
  expect(scenario.annotations.title).toMatch(/^no-reset \(phantom-join-rules\): .*\nAs s1 sees /)
  expect((await line("export", file, "--to", "tardis")).stdout).toBe(readFileSync(out, "utf8"))
})

describe("lines of JSON are a corpus that resolves to what the server had", () => {
  const resolvesTo = async (from: string, ...more: readonly string[]) => {
    const out = join(folder, "room.ndjson")
    expect(await line("export", from, "--to", "ndjson", "--out", out, ...more)).toMatchObject({ exitCode: 0 })
    const resolved = await line("resolve", "--corpus", out)
    expect(resolved).toMatchObject({ exitCode: 0, stderr: "" })
    return resolved.stdout
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text))
  }

  test("of a case", async () => {
    const lines = await resolvesTo(file)
    expect(lines.at(-1)).toMatchObject({ name: "s1 now", roomVersion: "11" })
    expect(lines.length).toBeGreaterThan(1)
  })

  test("of random plans, in every room version, as every server sees them", async () => {
    let resolutions = 0
    for (const [at, roomVersion] of ["1", "2", "3", "6", "8", "10", "11", "12"].entries()) {
      const plan = makePlan(100 + at, { roomVersions: [roomVersion], hostile: at % 2 === 1 })
      const from = join(folder, "plan.json")
      writeFileSync(from, JSON.stringify(plan))
      const server = plan.servers[at % plan.servers.length]!.name
      if ((await line("export", from, "--to", "ndjson", "--server", server)).exitCode === 64) continue
      resolutions += (await resolvesTo(from, "--server", server)).length
    }
    // More than the present of each alone.
    expect(resolutions).toBeGreaterThan(10)
  })

  test("and one that was tampered with does not", async () => {
    const out = join(folder, "tampered.ndjson")
    const { stdout } = await line("export", file, "--to", "ndjson")
    const lines = stdout.trimEnd().split("\n")
    const last = JSON.parse(lines.at(-1)!)
    delete last.resolved["m.room.power_levels|"]
    writeFileSync(out, [...lines.slice(0, -1), JSON.stringify(last)].join("\n"))
    const resolved = await line("resolve", "--corpus", out)
    expect(resolved.exitCode).toBe(1)
    expect(resolved.stderr).toBe("netsplit: 1 differ from what is expected: s1 now\n")
    writeFileSync(
      out,
      lines.map((text) => text.replace('"membership":"join"', '"membership":"knock"')).join("\n"),
    )
    expect((await line("resolve", "--corpus", out)).exitCode).toBe(64)
  })
})

describe("a test of this repository", () => {
  test("is what stands in scenarios/cases, where it runs", async () => {
    const { exitCode, stdout } = await line(
      "export",
      file,
      "--to",
      "test",
      "--out",
      join(folder, `${name}.test.ts`),
    )
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^npx vitest run .*phantom-join-rules-by-chance\.test\.ts\n$/)
    const written = readFileSync(join(folder, `${name}.test.ts`), "utf8")
    const helper = /from "(.*)"/.exec(written)![1]!
    expect(join(folder, helper)).toBe(join(cases, "case-test.ts"))
    expect(written.replace(helper, "./case-test.ts")).toBe(
      readFileSync(join(cases, `${name}.test.ts`), "utf8"),
    )
    expect(JSON.parse(readFileSync(join(folder, "fixtures", `${name}.json`), "utf8"))).toEqual(
      JSON.parse(readFileSync(file, "utf8")),
    )
  })

  test("says that the failure is gone where it should be", async () => {
    await line("export", file, "--to", "test", "--holds", "--out", join(folder, "gone.test.ts"))
    expect(readFileSync(join(folder, "gone.test.ts"), "utf8")).toContain('import.meta.url), "holds")')
  })
})

test("a case of a scenario is exported as well", async () => {
  const from = join(folder, "scenario.json")
  const said = { check: "agree", why: "s1 and s3 part", shape: null, transport: "direct" }
  writeFileSync(from, JSON.stringify({ ...said, scenario: "phantom-join-rules", seed: 1, roomVersion: "10" }))
  const { stdout } = await line("export", from, "--to", "tardis", "--server", "s3")
  const scenario = JSON.parse(stdout)
  expect(problemsOfTardis(scenario)).toEqual([])
  expect(scenario.annotations.titles[scenario.events.at(-1).event_id]).toContain(
    "m.room.join_rules|: s1 invite; s2 invite; s3 —",
  )
})

test.each([
  [["--to", "pdf"], '--to wants "tardis" | "ndjson" | "test", not "pdf"'],
  [["--to", "tardis", "--server", "s9"], "there is no server s9: there are s1, s3"],
  [["--to", "tardis", "--holds"], "--holds is of tests: add --to test, or leave it out"],
  [["--to", "tardis", "--out", "no/such/folder/x"], '"no/such/folder/x": there is no such folder'],
  [["--to", "test", "--out", "x.ts"], "--out of a test wants a name that ends with .test.ts"],
])("%s is wrong usage", async (words, message) => {
  expect(await line("export", file, ...words)).toEqual({
    exitCode: 64,
    stdout: "",
    stderr: `netsplit: ${message}\n`,
  })
})
