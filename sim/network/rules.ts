/**
 * Rules on requests: which ones, and what becomes of them. The first rule that matches has the last word.
 *
 * An action is one entry of a plan: what it does to a request depends on that request alone.
 */
import type { Effect } from "effect"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import type { WireRequest, WireResponse } from "#spec-impl/federation/wire.ts"
import { type LinkMatch, matchesLink } from "./links.ts"
import type { RequestFacts } from "./request-facts.ts"

/** Which requests a rule is for: those of which everything said here is true. */
export interface RequestMatch extends LinkMatch {
  readonly method?: string
  /** Of the decoded path, without the query: all of it, a pattern somewhere in it, or a predicate. */
  readonly path?: string | RegExp | ((path: string) => boolean)
  /** In the path, in the query (`event_id`, `v`), or in a transaction, where the network can read that. */
  readonly eventId?: string
  /** Of the body as JSON; undefined where it is none. */
  readonly body?: (body: JsonValue | undefined) => boolean
}

/** What becomes of a request. */
export type RuleAction =
  /** It goes on as if there were no rules. */
  | { readonly kind: "pass" }
  /** It is lost on the way: the caller hears nothing. */
  | { readonly kind: "drop" }
  /** It takes so much longer to arrive. */
  | { readonly kind: "delay"; readonly ms: number }
  /** It does not leave before that has ended. */
  | { readonly kind: "hold"; readonly until: Effect.Effect<void> }
  /** The destination never sees it; the caller gets this answer as if it came from there. */
  | { readonly kind: "reply"; readonly response: WireResponse }
  /** The destination sees another request. */
  | { readonly kind: "alter-request"; readonly alter: (request: WireRequest) => WireRequest }
  /** The caller sees another answer than the destination gave. */
  | {
      readonly kind: "alter-reply"
      readonly alter: (response: WireResponse, request: WireRequest) => WireResponse
    }

/** How often a rule acts. */
export interface RuleOptions {
  /** After so many hits the rule matches nothing any more. */
  readonly times?: number
}

/** A rule that was installed. */
export interface Rule {
  readonly match: RequestMatch
  readonly action: RuleAction
  /** How many requests it has acted on. */
  readonly hits: () => number
}

/** Keeps later rules off a request. */
export const pass: RuleAction = { kind: "pass" }

/** Loses the request. */
export const drop: RuleAction = { kind: "drop" }

/** Delays the request by so many milliseconds of virtual time. */
export const delay = (ms: number): RuleAction => ({ kind: "delay", ms })

/** Answers in the destination's place. */
export const reply = (status: number, json: JsonValue): RuleAction => ({
  kind: "reply",
  response: { status, headers: { "content-type": "application/json" }, body: canonicalJsonBytes(json) },
})

/** Gives the destination another request. */
export const alterRequest = (alter: (request: WireRequest) => WireRequest): RuleAction => ({
  kind: "alter-request",
  alter,
})

/** Gives the caller another answer. */
export const alterReply = (
  alter: (response: WireResponse, request: WireRequest) => WireResponse,
): RuleAction => ({ kind: "alter-reply", alter })

/** `response` with another body, and the length of that. */
export const withBody = (response: WireResponse, body: Uint8Array): WireResponse => ({
  // Named, since of a typed answer it is no property of its own.
  status: response.status,
  headers:
    response.headers["content-length"] === undefined
      ? response.headers
      : { ...response.headers, "content-length": String(body.length) },
  body,
})

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder() }

/** Puts `replacement` wherever the answer's body says `replaced`: one event id in place of another. */
export const replacingInAnswer = (replaced: string, replacement: string): RuleAction =>
  alterReply((response) => {
    const text = utf8.decoder.decode(response.body)
    return text.includes(replaced)
      ? withBody(response, utf8.encoder.encode(text.split(replaced).join(replacement)))
      : response
  })

const matchesPath = (wanted: NonNullable<RequestMatch["path"]>, path: string): boolean => {
  if (typeof wanted === "string") return wanted === path
  // Unlike `test`, `search` takes no notice of where the pattern left off before.
  return wanted instanceof RegExp ? path.search(wanted) >= 0 : wanted(path)
}

/** Whether everything that `match` says is true of the request. */
export const matchesRequest = (match: RequestMatch, facts: RequestFacts): boolean => {
  const { source, destination, method } = facts.request
  return (
    matchesLink(match, source, destination) &&
    (match.method === undefined || match.method === method) &&
    (match.path === undefined || matchesPath(match.path, facts.path)) &&
    (match.eventId === undefined || facts.eventIds.has(match.eventId)) &&
    (match.body === undefined || match.body(facts.json))
  )
}
