/** Why a key that some servers show is not there, or different, on another: the resolution that decided it. */
import { type ExplainedCheck, Explanation } from "#spec-impl/core/state-resolution/explanation.ts"
import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import { differingKeys, type HeldRoom, stateByKey } from "../checks/agreement.ts"
import { describeEvent } from "./describe-event.ts"

/** For the server that stands alone on the first differing key: what its resolution made of each candidate. */
export const explainLoss = (
  rooms: readonly HeldRoom[],
  states: readonly Readonly<Record<string, string>>[],
): readonly string[] => {
  const [key] = differingKeys(states)
  if (key === undefined) return []
  const odd = rooms[standsAlone(states.map((state) => state[key]))]
  const decided = odd === undefined ? undefined : decidingResolution(odd, key)
  if (odd === undefined || decided === undefined) return []
  const verdicts = decided.map(({ eventId, outcome }) => {
    const event = odd.dag.record(eventId)?.event
    return `${describeEvent(event)} by ${event?.sender} is ${outcome.allowed ? "allowed" : "rejected"} by ${outcome.rule}: ${outcome.reason}`
  })
  return [`On ${odd.server}, resolving ${key}: ${verdicts.join("; ")}.`]
}

/** The place of the value that is rarest. */
const standsAlone = (values: readonly (string | undefined)[]): number => {
  const counts = values.map((value) => values.filter((other) => other === value).length)
  return counts.indexOf(Math.min(...counts))
}

/** The checks on that key in the first resolution of the room whose state sets differ on it. */
const decidingResolution = (room: HeldRoom, key: string): readonly ExplainedCheck[] | undefined => {
  for (const record of room.dag.records()) {
    if (record.place !== "timeline" || record.event.prevEvents.length < 2) continue
    const parents = record.event.prevEvents.flatMap((id) => room.dag.timeline(id)?.stateAfter ?? [])
    if (differingKeys(parents.map((state) => stateByKey(room.dag, state))).includes(key)) {
      const explanation = new Explanation()
      resolve(room.dag.graph, parents, room.dag.context, explanation)
      const checks = explanation.checks.filter((check) => check.key.join("|") === key)
      if (checks.length > 0) return checks
    }
  }
  return undefined
}
