/** The verdicts on a run, from what the servers hold when it is over. */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { differingKeys, findParting, type Parting, stateByKey } from "../checks/agreement.ts"
import { findStuck, type LiveRoom } from "../checks/liveness.ts"
import { describeEvent } from "./describe-event.ts"
import { explainLoss } from "./explain-loss.ts"
import type { DifferingKey, RunReport, Verdict, Verdicts } from "./report.ts"
import type { ServerView } from "./scenario.ts"

/** What is judged of a run. */
export interface Ending {
  readonly rooms: readonly LiveRoom[]
  /** Servers that could not send their settling message. */
  readonly unsettled: readonly string[]
  readonly wanted: (view: ServerView) => boolean
}

type Judged = Verdicts &
  Pick<RunReport, "state" | "differing" | "why"> & { readonly parting: Parting | undefined }

/** Judges an ending; knows nothing of what was expected. */
export const judge = ({ rooms, unsettled, wanted }: Ending): Judged => {
  const state = Object.fromEntries(
    rooms.map(({ server, dag }) => [server, stateByKey(dag, dag.currentState())]),
  )
  const parting = findParting(rooms)
  const stuck = findStuck(rooms)
  const agree: Verdict = unsettled.length > 0 ? "unknown" : parting === undefined ? "yes" : "no"
  const isWanted = rooms.every(({ server, dag }) =>
    wanted({ server, state: (type, stateKey) => dag.eventIn(dag.currentState(), type, stateKey) }),
  )
  const reasons = [
    ...unsettled.map((server) => `${server} cannot send in the room any more.`),
    ...(parting === undefined ? [] : [describeParting(parting), ...explainLoss(rooms, Object.values(state))]),
    ...stuck.map((reason) => `${reason}.`),
  ]
  return {
    agree,
    wanted: isWanted ? "yes" : "no",
    live: stuck.length === 0 ? "yes" : "no",
    state,
    differing: differingTable(rooms, Object.values(state)),
    why: reasons.length > 0 ? reasons.join(" ") : "All servers hold the same events and show the same state.",
    parting,
  }
}

const differingTable = (
  rooms: readonly LiveRoom[],
  states: readonly Readonly<Record<string, string>>[],
): readonly DifferingKey[] =>
  differingKeys(states)
    .toSorted(compareCodePoints)
    .map((key) => ({
      key,
      values: Object.fromEntries(
        rooms.map(({ server, dag }, at) => {
          const eventId = states[at]?.[key]
          return [server, describeEvent(eventId === undefined ? undefined : dag.record(eventId)?.event)]
        }),
      ),
    }))

const describeParting = ({ cause, servers: [one, other], eventId, claimedBy, keys }: Parting): string => {
  const at = eventId === undefined ? "at the end of the room's history" : `before ${eventId}`
  const what = keys.length > 0 ? ` in ${keys.join(", ")}` : ""
  switch (cause) {
    case "different-inputs":
      return `${one} and ${other} part ${at}: one of them was told the state there by ${claimedBy}, and it differs${what}.`
    case "different-resolution":
      return `${one} and ${other} part ${at}: they resolved the same states differently${what}.`
    case "different-verdict-on-event":
      return `${one} and ${other} part ${at}: one of them rejected that event.`
    case "missing-events":
      return `${one} and ${other} do not hold the same events${what}.`
  }
}
