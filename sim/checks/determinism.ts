/** One plan, one run: all that happens is the same each time (DESIGN.md, principle 1). */
import type { TraceRecord } from "../kernel/trace.ts"

/** Plays the same run once more. */
export type Play = (onRecord: (record: TraceRecord) => void) => Promise<{ readonly traceHash: string }>

export const determinism = {
  name: "determinism",
  about: "the same plan has the same trace each time that it is run in one process",
}

/** At which step two runs part, as a sentence; undefined where another one is as that with `traceHash` was. */
export const findDivergence = async (play: Play, traceHash: string): Promise<string | undefined> => {
  const second = await playedBy(play)
  if (second.traceHash === traceHash) return undefined
  // Nobody has kept the first run: what is not the same twice is not the same a third time.
  const third = await playedBy(play)
  const at = second.lines.findIndex((line, nth) => line !== third.lines[nth])
  return at < 0
    ? "two runs of the plan have different traces, and the same records"
    : `two runs of the plan part: ${second.lines[at]}, or else ${third.lines[at] ?? "nothing more"}`
}

const playedBy = async (play: Play) => {
  const lines: string[] = []
  const { traceHash } = await play(({ step, kind, fields }) => {
    lines.push(`step ${step}, ${kind} ${fields.slice(0, fieldsShown).join(" ")}`)
  })
  return { traceHash, lines }
}

/** Those that say what it is about; headers come after. */
const fieldsShown = 5
