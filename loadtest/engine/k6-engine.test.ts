import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, expect, it } from "vitest"
import { findK6 } from "./k6-engine.ts"
import { runScript } from "./run-script.ts"

const directory = mkdtempSync(join(tmpdir(), "netsplit-fake-k6-"))
const environment = { K6_BIN: process.env.K6_BIN, PATH: process.env.PATH }

afterEach(() => {
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
})

/** A program in k6's place: it keeps what it was told, and ends as it is told. */
const fakeK6 = (behaviour: string): string => {
  const path = join(directory, "k6")
  writeFileSync(
    path,
    `#!${process.execPath}
const { writeFileSync } = require("node:fs")
const args = process.argv.slice(2)
if (args[0] === "version") {
  console.log("k6 v1.2.3 (commit/abc, go1.24, linux/amd64)")
} else {
  writeFileSync(${JSON.stringify(join(directory, "seen.json"))}, JSON.stringify({ args, authority: process.env.SSL_CERT_FILE }))
  const variables = Object.fromEntries(args.flatMap((arg, i) => (arg === "-e" ? [args[i + 1].split(/=(.*)/s)] : [])))
  const summarize = (metrics) => writeFileSync(variables.SUMMARY_PATH, JSON.stringify({ metrics }))
  ${behaviour}
}
`,
  )
  chmodSync(path, 0o755)
  process.env.K6_BIN = path
  return path
}

const options = {
  script: "send-one.ts",
  env: { TARGET: "https://a=b", RATE: "5" },
  engine: "k6",
  print: () => {},
} as const

it("runs the user's k6, and reads the summary that the script leaves", async () => {
  fakeK6(`summarize({
    iterations: { type: "counter", contains: "default", values: { count: 7, rate: 1 } },
    dropped_iterations: { type: "counter", contains: "default", values: { count: 2 }, thresholds: { "count==0": { ok: false } } },
  }); process.exitCode = 99`)
  const summaryPath = join(directory, "summary.json")
  const result = await runScript({ ...options, summaryPath, authorityPath: join(directory, "ca.pem") })
  expect(result).toMatchObject({
    engine: { name: "k6", version: "1.2.3" },
    script: "send-one.ts",
    exitCode: 99,
    iterations: 7,
    droppedIterations: 2,
    thresholds: [{ metric: "dropped_iterations", threshold: "count==0", ok: false }],
  })
  const seen = JSON.parse(readFileSync(join(directory, "seen.json"), "utf8")) as {
    args: string[]
    authority: string
  }
  expect(seen.authority).toBe(join(directory, "ca.pem"))
  expect(seen.args[0]).toBe("run")
  expect(seen.args.at(-1)).toBe("send-one.ts")
  expect(seen.args).toEqual(
    expect.arrayContaining(["TARGET=https://a=b", "RATE=5", `SUMMARY_PATH=${summaryPath}`]),
  )
})

it("does without a summary where k6 ends before there is one", async () => {
  fakeK6(`console.error("boom"); process.exitCode = 107`)
  const said: string[] = []
  const result = await runScript({ ...options, log: (_, text) => said.push(text) })
  expect(result).toMatchObject({ exitCode: 107, iterations: 0, thresholds: [] })
  expect(result.summary).toBeUndefined()
  expect(said.join()).toContain("boom")
})

it("interrupts k6 where the run is stopped from outside", async () => {
  fakeK6(`process.on("SIGINT", () => process.exit(105)); setInterval(() => {}, 1_000); console.log("ready")`)
  const stop = new AbortController()
  const result = await runScript({ ...options, signal: stop.signal, print: () => stop.abort() })
  expect(result.exitCode).toBe(105)
})

it("finds k6 by K6_BIN, then on PATH, and says what to do without", async () => {
  const path = fakeK6("")
  expect(findK6({ K6_BIN: "/opt/own-k6", PATH: directory })).toBe("/opt/own-k6")
  expect(findK6({ PATH: `/nowhere:${directory}` })).toBe(path)
  expect(findK6({ PATH: "/nowhere" })).toBeUndefined()
  delete process.env.K6_BIN
  process.env.PATH = "/nowhere"
  await expect(runScript(options)).rejects.toThrow("no k6 was found: put it on PATH, name it in K6_BIN")
  rmSync(directory, { recursive: true })
})
