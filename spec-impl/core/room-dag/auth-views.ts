import type { AuthState } from "../auth-rules/authorise.ts"
import type { Event } from "../event.ts"
import type { AuthGraph } from "../state-resolution/auth-graph.ts"
import type { StateMap } from "../state-resolution/state-map.ts"

/** The state that `state` holds, as the authorisation rules ask for it. */
export const viewOfState = (graph: AuthGraph, state: StateMap): AuthState => ({
  get: (type, stateKey) => {
    const index = state.get(graph.knownKeyIndex(type, stateKey))
    return index < 0 ? undefined : graph.event(index)
  },
})

/**
 * The state that an event's own `auth_events` make up. In room 12 the create event is never cited but implied
 * by the room id (rooms/v12 §Authorisation rules), so it is given beside them.
 */
export const viewOfCitations = (cited: readonly Event[], create: Event | undefined): AuthState => ({
  get: (type, stateKey) =>
    type === "m.room.create" && create !== undefined
      ? create
      : cited.find((event) => event.type === type && event.stateKey === stateKey),
})

/**
 * A state from which memberships were left out, filled up with those that an event's own `auth_events` name: all
 * that there is to judge it by while the rest is fetched (MSC3706 §Proposal, MSC3902).
 */
export const viewOfPartialState = (known: AuthState, cited: readonly Event[]): AuthState => ({
  get: (type, stateKey) =>
    known.get(type, stateKey) ??
    (type === "m.room.member"
      ? cited.find((event) => event.type === type && event.stateKey === stateKey)
      : undefined),
})
