import { type AuthContext, type AuthOutcome, authorise } from "../auth-rules/authorise.ts"
import type { AuthGraph } from "./auth-graph.ts"
import { AuthView } from "./auth-view.ts"
import type { Explanation } from "./explanation.ts"
import type { PartialState } from "./partial-state.ts"

/**
 * The iterative auth checks algorithm (rooms/v2 §State resolution): goes through `order`, and puts into `state`
 * each event that the authorisation rules allow there; the others are ignored.
 *
 * What `state` lacks is taken from the event's auth_events unless it was rejected, or is lacking (`auth-fallback`).
 * A rejected event in `state`
 * itself counts as lacking or not by the reading `rejected-in-partial-state`; one in `order` is handled as usual
 * (§Rejected events) or never admitted by `rejected-in-state`.
 */
export const iterativeAuthChecks = (
  graph: AuthGraph,
  state: PartialState,
  order: readonly number[],
  context: AuthContext,
  explanation: Explanation | undefined,
): void => {
  const { readings } = context
  const view = new AuthView(graph, state, {
    fallsBack: readings.authFallback === "auth-events",
    skipsRejected: readings.rejectedInPartialState === "skip",
  })
  for (const index of order) {
    view.begin(index)
    const isBarred = readings.rejectedInState === "skip" && graph.isRejected(index)
    const outcome = isBarred ? barred : authorise(graph.event(index), view, context)
    if (outcome.allowed) state.set(index)
    explanation?.noteCheck(graph, index, outcome, view.answers)
  }
}

const barred: AuthOutcome = {
  allowed: false,
  rule: "rejected-in-state",
  reason: "it was rejected on receipt, and by this reading such events are never admitted",
}
