import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import type { LoadOptions } from "./load-options.ts"
import { isAsExpected, presentReport } from "./present.ts"
import { prepareOnly, runLoad } from "./run-load.ts"

const directories: string[] = []
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

const optionsFor = (script: string, more: Partial<LoadOptions> = {}): LoadOptions => {
  const directory = mkdtempSync(join(tmpdir(), "netsplit-load-"))
  directories.push(directory)
  return {
    script,
    engine: "node",
    seed: 1,
    pace: { rate: script === "join-storm" ? 2 : 10, durationSeconds: 2 },
    // What is tested is that all is answered; how fast is for a machine that has nothing else to do.
    latencyMsMax: 10_000,
    flow: undefined,
    roomVersion: "12",
    rooms: { count: 2, users: 10, prelude: 60 },
    target: undefined,
    directory,
    originHost: "127.0.0.1",
    originListen: { host: "127.0.0.1", port: 0 },
    originTls: undefined,
    tell: () => undefined,
    onProgress: () => undefined,
    ...more,
  }
}

const flows = [
  ...["keys", "send-one", "send-fifty", "send-conflict", "state-ids", "event", "backfill"],
  ...["mixed", "join-storm"],
]

it.each(flows)(
  "%s puts a netsplit serve under load, and it has what was sent",
  async (script) => {
    const report = await runLoad(optionsFor(script))
    const text = presentReport(report)
    expect(isAsExpected(report), text).toBe(true)
    expect(report.result.droppedIterations).toBe(0)
    expect(report.result.iterations).toBeGreaterThanOrEqual(report.rateWanted * report.durationSeconds - 1)
    expect(report.check?.rooms).toBe(script === "keys" ? undefined : 2)
    expect(text).toContain("engine: node")
  },
  120_000,
)

it("a corpus is prepared first, used later, and once", async () => {
  const options = optionsFor("send-conflict", { roomVersion: "10" })
  const made = await prepareOnly(options)
  expect(made.requests).toBeGreaterThanOrEqual(20)
  const report = await runLoad(options)
  expect(isAsExpected(report), presentReport(report)).toBe(true)
  await expect(runLoad(options)).rejects.toThrow("was used")
}, 120_000)
