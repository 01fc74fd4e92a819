/** Outcomes that servers of one process share: each judges the same event, mostly by the same few events of its state. */
import type { Event } from "../event.ts"
import { Recent } from "../recent.ts"
import type { AuthContext, AuthOutcome, AuthState } from "./auth-context.ts"
import { authorise } from "./authorise.ts"

interface KnownOutcome {
  readonly version: AuthContext["version"]
  readonly readings: AuthContext["readings"]
  /** What the rules asked of the state, each key once. */
  readonly asked: readonly Asked[]
  readonly outcome: AuthOutcome
}

interface Asked {
  readonly type: string
  readonly stateKey: string
  readonly event: Event | undefined
}

const outcomes = new Recent<Event, KnownOutcome>()

/** As `authorise`; the rules are asked once while a state gives them the same answers as the last one did. */
export const authoriseOnce = (event: Event, state: AuthState, context: AuthContext): AuthOutcome => {
  const { version, readings } = context
  const known = outcomes.get(event)
  if (known?.version === version && known.readings === readings && givesAll(state, known.asked)) {
    return known.outcome
  }
  const asked: Asked[] = []
  const outcome = authorise(event, noting(state, asked), context)
  if (!dependsOnSignatures(event)) outcomes.keep(event, { version, readings, asked, outcome })
  return outcome
}

const givesAll = (state: AuthState, asked: readonly Asked[]): boolean => {
  for (const { type, stateKey, event } of asked) {
    if (!isSameCopy(state.get(type, stateKey), event)) return false
  }
  return true
}

/** By what they were read from: a server that was restarted has read its events anew. */
export const isSameCopy = (one: Event | undefined, other: Event | undefined): boolean =>
  one?.pdu === other?.pdu

/** The state, that notes what it is asked. */
const noting = (state: AuthState, asked: Asked[]): AuthState => ({
  get: (type, stateKey) => {
    const known = asked.find((one) => one.stateKey === stateKey && one.type === type)
    if (known !== undefined) return known.event
    const event = state.get(type, stateKey)
    asked.push({ type, stateKey, event })
    return event
  },
})

/** By signatures some memberships alone are judged: each server knows by itself which of them hold. */
const dependsOnSignatures = ({ type, content }: Event): boolean =>
  type === "m.room.member" &&
  (Object.hasOwn(content, "join_authorised_via_users_server") || Object.hasOwn(content, "third_party_invite"))
