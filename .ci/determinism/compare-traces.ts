import { isHostile, type Job, type JobResult } from "./job.ts"

/** One run in one process, and the hash of its trace. */
export interface RunLine extends Job, JobResult {
  /** In a process that may be cold; again in the same process; with the memos of pure results switched off. */
  readonly way: "first" | "again" | "without-memos"
}

/** Something that contradicts determinism. */
export interface Contradiction {
  /** What it is, for people. */
  readonly what: string
  /** The runs that it was seen in: their steps tell more. */
  readonly runs: readonly RunLine[]
}

const ways: Readonly<Record<RunLine["way"], string>> = {
  first: "at first",
  again: "run again in the same process",
  "without-memos": "run without memos",
}

const describe = (line: RunLine): string =>
  `${line.scenario}, room version ${line.roomVersion}, seed ${line.seed}, ${line.transport}, ${ways[line.way]}`

/** The command that repeats a run. */
export const replayOf = (job: Job): string =>
  job.scenario === "random"
    ? `./netsplit sweep random${isHostile(job.seed) ? " --hostile" : ""} --seeds ${job.seed} --transport ${job.transport}`
    : `./netsplit run ${job.scenario} --seed ${job.seed} --room-version ${job.roomVersion} --transport ${job.transport}`

/** The first run in which something was asked for that no simulation may have, or which broke off. */
const findProblem = (lines: readonly RunLine[]): readonly Contradiction[] => {
  const found = lines.find(({ problem }) => problem !== undefined)
  return found === undefined ? [] : [{ what: `${describe(found)}: ${found.problem}`, runs: [found] }]
}

/** The first run that two processes trace differently, or that only one of them has. */
const findDifference = (here: readonly RunLine[], there: readonly RunLine[]): readonly Contradiction[] => {
  const length = Math.max(here.length, there.length)
  for (let index = 0; index < length; index++) {
    const [left, right] = [here[index], there[index]]
    const known = left ?? right
    if (known === undefined || (left?.traceHash === right?.traceHash && left && right)) continue
    const what = `two processes differ in ${describe(known)}: ${left?.traceHash ?? "no trace"}, ${right?.traceHash ?? "no trace"}`
    return [{ what, runs: [known] }]
  }
  return []
}

/** The first run that one process traces differently a second time. */
const findRepeat = (lines: readonly RunLine[]): readonly Contradiction[] => {
  const first = new Map<string, string>()
  for (const line of lines) {
    const run = replayOf(line)
    const before = first.get(run)
    if (before === undefined) first.set(run, line.traceHash)
    else if (before !== line.traceHash) {
      const what = `one process differs in ${describe(line)}: ${before} before, ${line.traceHash} now`
      return [{ what, runs: [line] }]
    }
  }
  return []
}

/** Two seeds that give one trace, although chance should have parted them. */
const findSameness = (lines: readonly RunLine[]): readonly Contradiction[] => {
  const byHash = new Map<string, RunLine>()
  for (const line of lines) {
    const other = byHash.get(line.traceHash)
    if (other !== undefined && replayOf(other) !== replayOf(line)) {
      return [
        { what: `two runs have one trace: ${describe(other)} and ${describe(line)}`, runs: [other, line] },
      ]
    }
    byHash.set(line.traceHash, line)
  }
  return []
}

/**
 * What contradicts determinism in the runs of two processes: the first run that asked the world outside for
 * something, the first on which the processes differ, the first on which one differs from itself, the first two
 * that should differ and do not. Empty where all is well.
 */
export const compareTraces = (
  here: readonly RunLine[],
  there: readonly RunLine[],
): readonly Contradiction[] => [
  ...(here.length === 0 ? [{ what: "there are no runs to compare", runs: [] }] : []),
  ...findProblem(here),
  ...findDifference(here, there),
  ...findRepeat(here),
  ...findSameness(here),
]
