/**
 * Random plans in which all servers are as they should be, or with --hostile all but one or more that sign what the rules
 * forbid: no checker trips of the others, and what fails is recognised as a weakness of the specification. Says how often
 * each check failed, by what it is recognised as; exit code 1 where one failed by nothing that is known, or not all seeds
 * were run.
 *
 *     node .ci/honest-sweep.ts [--first 1] [--count 100000] [--workers N] [--hostile]
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs, promisify } from "node:util"
import type { SweepSummary } from "#cli/sweep/job.ts"

const { values } = parseArgs({
  options: {
    first: { type: "string", default: "1" },
    count: { type: "string", default: "100000" },
    workers: { type: "string" },
    hostile: { type: "boolean", default: false },
  },
})
const first = Number(values.first)
const count = Number(values.count)
const repository = fileURLToPath(new URL("..", import.meta.url))

/** Exit code 1 says that there were failures; what it printed says which. */
const sweep = async (): Promise<SweepSummary> => {
  const seeds = `${first}..${first + count - 1}`
  const workers = values.workers === undefined ? [] : ["--workers", values.workers]
  const flags = ["--seeds", seeds, "--failures-max", String(Number.MAX_SAFE_INTEGER), "--no-record", "--json"]
  if (values.hostile) flags.push("--hostile")
  const args = ["sweep", "random", ...flags, ...workers]
  const options = { cwd: repository, maxBuffer: 2 ** 30 }
  const printed = await promisify(execFile)("./netsplit", args, options).catch(
    (failed: { readonly code?: unknown; readonly stdout?: string }) => {
      if (failed.code === 1 && failed.stdout !== undefined) return { stdout: failed.stdout }
      throw failed
    },
  )
  return JSON.parse(printed.stdout) as SweepSummary
}

const { seedsRun, seconds, failures } = await sweep()
const kinds = Map.groupBy(failures, ({ check, shape }) => `${check}, ${shape ?? "not recognised"}`)
for (const [kind, found] of [...kinds].toSorted(([, one], [, other]) => other.length - one.length)) {
  console.log(`${String(found.length).padStart(6)} ${kind}: seed ${found[0]!.seed} for one`)
}
const unknown = failures.filter(({ shape }) => shape === null)
for (const { seed, check, why, caseFile } of unknown) {
  console.log(`seed ${seed}: ${check}: ${why}\n  ./netsplit replay ${caseFile}`)
}
console.log(`${seedsRun} seeds in ${seconds} s, ${unknown.length} failures that are not recognised`)
if (unknown.length > 0 || seedsRun < count) process.exitCode = 1
