/**
 * Shows that a run is (commit, scenario, options, seed) → one trace hash: two processes at once, one of them on
 * the other side of the world and with Turkish letters, run the same seeds; their traces must be equal.
 * `node .ci/determinism.ts [FROM TO]`: the seeds, 1 to 100 unless given. Exit code 1 on a difference.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { compareTraces, type RunLine } from "./compare-traces.ts"
import { root } from "./source-files.ts"

const seeds = process.argv.length > 2 ? process.argv.slice(2) : ["1", "100"]

const traceIn = async (environment: Readonly<Record<string, string>>): Promise<readonly RunLine[]> => {
  const child = spawn(process.execPath, [join(root, ".ci/trace-hashes.ts"), ...seeds], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  })
  const closed = once(child, "close")
  const lines: RunLine[] = []
  for await (const line of createInterface({ input: child.stdout })) lines.push(JSON.parse(line))
  const [exitCode] = await closed
  if (exitCode !== 0) throw new Error(`a process of the proof ended with ${exitCode}`)
  return lines
}

const startedMs = performance.now()
const [here, there] = await Promise.all([
  traceIn({ TZ: "UTC", LC_ALL: "C" }),
  traceIn({ TZ: "Pacific/Auckland", LC_ALL: "tr_TR.UTF-8" }),
])
const faults = compareTraces(here, there)
for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
else {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`${here.length} runs, the same traces in two processes, warm and without memos (${seconds} s)`)
}
