/** The authorisation rules (rooms §Authorisation rules), for every room version. */
import type { Event } from "../event.ts"
import type { AuthContext, AuthOutcome, AuthState } from "./auth-context.ts"
import { type Citation, citationRulesOf, objectionToCitations } from "./citation-rules.ts"
import { Facts } from "./facts.ts"
import { decide } from "./rule.ts"
import { rulesOf } from "./rules-of-version.ts"

export type { AuthContext, AuthOutcome, AuthSignatures, AuthState } from "./auth-context.ts"
export type { Citation } from "./citation-rules.ts"

/**
 * Judges an event by a state, by all rules but those on its auth_events. In room 12 `state` must give the
 * create event too, though nobody cites it. Never throws, whatever the contents.
 */
export const authorise = (event: Event, state: AuthState, context: AuthContext): AuthOutcome =>
  decide(rulesOf(context.version), new Facts(event, state, context))

/** Judges an event's auth_events, all of which are given: what speaks against them, or undefined. */
export const authoriseCitations = (
  event: Event,
  citations: readonly Citation[],
  context: AuthContext,
): AuthOutcome | undefined =>
  objectionToCitations(citationRulesOf(context.version), event, citations, context)
