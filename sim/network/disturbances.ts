/**
 * Disturbances of requests: what faults do to those that they strike. Unlike a rule, none has the last word: all that
 * strike one request do to it what they do, after the rule that matches it.
 */
import type { Effect } from "effect"
import type { WireError, WireRequest, WireResponse } from "#spec-impl/federation/wire.ts"
import type { KeyPart } from "../kernel/keyed-chance.ts"
import type { RequestFacts } from "./request-facts.ts"

/** A request that is about to leave. */
export interface Departure {
  /** Counted from 1, for the trace. */
  readonly id: string
  readonly facts: RequestFacts
  /** What all its draws are keyed by. */
  readonly key: readonly KeyPart[]
}

/** What becomes of a request that is struck; what is not said goes its usual way. */
export interface Treatment {
  /** It does not leave before that has ended. */
  readonly heldUntil?: Effect.Effect<void>
  /** It does not leave at all, and its caller learns of that so much later. */
  readonly fails?: { readonly reason: WireError["reason"]; readonly afterMs: number }
  /** It is lost, or its answer is: the caller hears nothing. */
  readonly loses?: "request" | "answer"
  /** It takes so much longer to arrive. */
  readonly delayMs?: number
  /** It arrives once more, so long after the first time; nobody waits for the second answer. */
  readonly copyAfterMs?: number
  /** The destination never sees it: this is the answer. */
  readonly reply?: WireResponse
  /** The caller sees another answer than was given. */
  readonly alterReply?: (response: WireResponse, request: WireRequest) => WireResponse
  /** The connection breaks once the destination has done what it was asked. */
  readonly breaks?: true
  /** The answer takes so much longer, as seen when it leaves. */
  readonly answerDelayMs?: (response: WireResponse, virtualMs: number) => number
}

/** One disturbance, for as long as it is in the book. */
export interface Disturbance {
  /** For the trace. */
  readonly name: string
  /** What it does to a request that leaves now; undefined where it does not strike it. */
  readonly treat: (departure: Departure, virtualMs: number) => Treatment | undefined
}

const none: readonly [] = []

/** Those in force, in the order in which they were added. */
export class Disturbances {
  readonly #all = new Set<Disturbance>()

  add(disturbance: Disturbance): void {
    this.#all.add(disturbance)
  }

  remove(disturbance: Disturbance): void {
    this.#all.delete(disturbance)
  }

  /** What those that strike the request do to it, each with its name. */
  on(departure: Departure, virtualMs: number): readonly (readonly [name: string, treatment: Treatment])[] {
    if (this.#all.size === 0) return none
    const struck: (readonly [string, Treatment])[] = []
    for (const { name, treat } of this.#all) {
      const treatment = treat(departure, virtualMs)
      if (treatment !== undefined) struck.push([name, treatment])
    }
    return struck
  }
}

/** The treatments of one request as one: of what only one can decide, the first that says it does. */
export const together = (treatments: readonly Treatment[]) => {
  const first = <K extends keyof Treatment>(key: K): Treatment[K] | undefined =>
    treatments.find((treatment) => treatment[key] !== undefined)?.[key]
  return {
    holds: treatments.flatMap(({ heldUntil }) => heldUntil ?? []),
    fails: first("fails"),
    loses: first("loses"),
    delayMs: treatments.reduce((ms, { delayMs = 0 }) => ms + delayMs, 0),
    copyAfterMs: first("copyAfterMs"),
    reply: first("reply"),
    breaks: first("breaks") ?? false,
    alterReply: (response: WireResponse, request: WireRequest): WireResponse =>
      treatments.reduce((altered, { alterReply }) => alterReply?.(altered, request) ?? altered, response),
    answerDelayMs: (response: WireResponse, virtualMs: number): number =>
      treatments.reduce((ms, { answerDelayMs }) => ms + (answerDelayMs?.(response, virtualMs) ?? 0), 0),
  }
}

export type Fate = ReturnType<typeof together>

/** Of requests that nothing strikes. */
export const undisturbed: Fate = together([])
