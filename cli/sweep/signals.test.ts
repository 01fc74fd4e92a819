/** A sweep in a process of its own that is interrupted, or killed: what it keeps, and how to go on. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { expect, test } from "vitest"
import { openForReading } from "#results/database/open.ts"
import { readCommand } from "#results/database/read.ts"
import { temporaryFiles } from "#spec-impl/store/sqlite/testing/files.ts"
import { runLine } from "../testing/run-line.ts"
import { countSeeds, parseSeeds } from "./seed-ranges.ts"

const newFile = temporaryFiles()
const launcher = fileURLToPath(new URL("../../netsplit", import.meta.url))

const kept = (filename: string) =>
  Effect.scoped(Effect.flatMap(openForReading(filename), (sql) => readCommand(sql, 1))).pipe(
    Effect.orElseSucceed(() => undefined),
    Effect.runPromise,
  )

/** Sweeps until the first seeds are kept, and sends a signal then. */
const sweepUntil = async (signal: NodeJS.Signals) => {
  const filename = newFile()
  const words = "sweep random --room-version 11 --seeds 411..5000 --workers 2 --json --results"
  const child = spawn(launcher, [...words.split(" "), filename])
  let stdout = ""
  let stderr = ""
  child.stdout.on("data", (text) => (stdout += text))
  child.stderr.on("data", (text) => (stderr += text))
  const ended = new Promise<number | null>((done) => child.on("close", done))
  while (!((await kept(filename))?.sweeps[0]?.seeds_run ?? 0)) {
    if (child.exitCode !== null) throw new Error(`the sweep ended: ${stderr}`)
    await new Promise((done) => setTimeout(done, 50))
  }
  child.kill(signal)
  return { exitCode: await ended, stdout, stderr, filename, sweep: (await kept(filename))!.sweeps[0]! }
}

test("Ctrl-C: what was done is told and kept, and the command that goes on has all options", async () => {
  const { exitCode, stdout, stderr, filename, sweep } = await sweepUntil("SIGINT")
  const { seedsRun, failures } = JSON.parse(stdout)
  expect(exitCode).toBe(failures.length > 0 ? 1 : 2)
  expect(sweep.seeds_run).toBe(seedsRun)
  expect(sweep.failures).toHaveLength(failures.length)
  const left = sweep.seeds_left!
  expect(seedsRun + countSeeds(parseSeeds(left)!)).toBe(4590)
  const goOn = `./netsplit sweep random --room-version 11 --seeds ${left} --workers 2 --json --results ${filename}`
  expect(stderr).toBe(
    `netsplit: ended early (interrupt), ${4590 - seedsRun} seeds left; go on with: ${goOn}\n`,
  )
})

test("kill -9: what was done is kept, and results tell how to go on", async () => {
  const { stdout, filename, sweep } = await sweepUntil("SIGKILL")
  expect(stdout).toBe("")
  expect(sweep.seeds_run + countSeeds(parseSeeds(sweep.seeds_left!)!)).toBe(4590)
  const shown = (await runLine(["results", "show", "1", "--results", filename])).stdout
  expect(shown).toContain("took       not ended")
  expect(shown).toContain(
    `Go on with: ./netsplit sweep random --room-version 11 --seeds ${sweep.seeds_left} --workers 2 --json --results ${filename}\n`,
  )
})
