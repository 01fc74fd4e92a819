/** One run in one process, and the hash of its trace. */
export interface RunLine {
  readonly scenario: string
  readonly seed: number
  readonly roomVersion: string
  /** In a process that may be cold; again in the same process; with the memos of pure results switched off. */
  readonly way: "first" | "again" | "without-memos"
  readonly traceHash: string
}

const ways: Readonly<Record<RunLine["way"], string>> = {
  first: "at first",
  again: "run again in the same process",
  "without-memos": "run without memos",
}

const describe = (line: RunLine): string =>
  `${line.scenario}, room version ${line.roomVersion}, seed ${line.seed}, ${ways[line.way]}`

/** The command that repeats a run. */
export const replayOf = (line: RunLine): string =>
  line.scenario === "random"
    ? `./netsplit sweep random --hostile --seeds ${line.seed}`
    : `./netsplit run ${line.scenario} --seed ${line.seed} --room-version ${line.roomVersion}`

/** The first run that two processes trace differently, or that only one of them has. */
const findDifference = (here: readonly RunLine[], there: readonly RunLine[]): readonly string[] => {
  const length = Math.max(here.length, there.length)
  for (let index = 0; index < length; index++) {
    const [left, right] = [here[index], there[index]]
    const known = left ?? right
    if (known === undefined || (left?.traceHash === right?.traceHash && left && right)) continue
    return [
      `two processes differ in ${describe(known)}: ${left?.traceHash ?? "no trace"}, ${right?.traceHash ?? "no trace"}`,
      replayOf(known),
    ]
  }
  return []
}

/** The first run that one process traces differently a second time. */
const findRepeat = (lines: readonly RunLine[]): readonly string[] => {
  const first = new Map<string, string>()
  for (const line of lines) {
    const run = replayOf(line)
    const before = first.get(run)
    if (before === undefined) first.set(run, line.traceHash)
    else if (before !== line.traceHash) {
      return [`one process differs in ${describe(line)}: ${before} before, ${line.traceHash} now`, run]
    }
  }
  return []
}

/** Two seeds that give one trace, although chance should have parted them. */
const findSameness = (lines: readonly RunLine[]): readonly string[] => {
  const byHash = new Map<string, RunLine>()
  for (const line of lines) {
    const other = byHash.get(line.traceHash)
    if (other !== undefined && replayOf(other) !== replayOf(line)) {
      return [
        `two runs have one trace: ${describe(other)} and ${describe(line)}`,
        replayOf(other),
        replayOf(line),
      ]
    }
    byHash.set(line.traceHash, line)
  }
  return []
}

/**
 * What contradicts determinism in the runs of two processes, as lines for people, replay commands included:
 * the first run on which they differ, the first on which one differs from itself, the first two that should
 * differ and do not. Empty where all is well.
 */
export const compareTraces = (here: readonly RunLine[], there: readonly RunLine[]): readonly string[] => [
  ...(here.length === 0 ? ["there are no runs to compare"] : []),
  ...findDifference(here, there),
  ...findRepeat(here),
  ...findSameness(here),
]
