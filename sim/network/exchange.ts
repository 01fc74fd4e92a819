/** One request and what comes of it: there, into the handler, and back. */
import { Clock, Effect } from "effect"
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { DirectRequest, DirectResponse } from "#spec-impl/federation/direct/message.ts"
import { WireError, type WireRequest, type WireResponse } from "#spec-impl/federation/wire.ts"
import type { Kernel } from "../kernel/kernel.ts"
import type { Attachments, Outcome } from "./attachments.ts"
import { latencyMs } from "./latency.ts"
import type { Links } from "./links.ts"
import type { Partition } from "./partition.ts"
import type { RequestFacts } from "./request-facts.ts"
import type { RuleBook } from "./rule-book.ts"
import { pass, type RuleAction } from "./rules.ts"

/** What all exchanges of a network share. */
export interface Surroundings {
  readonly kernel: Kernel
  readonly links: Links
  readonly partition: Partition
  readonly rules: RuleBook
  readonly attachments: Attachments
  /** What a caller is told that cannot reach its destination, and so many milliseconds after it tried. */
  readonly cutReason: WireError["reason"]
  readonly cutNoticeMs: number
  /** So many milliseconds after it sent a request that was lost, or whose answer was, a caller gives up. */
  readonly silenceMsMax: number
}

/** A request that is about to leave. */
export interface Departure {
  /** Counted from 1, for the trace. */
  readonly id: string
  readonly facts: RequestFacts
  /** What all its draws are keyed by. */
  readonly key: readonly string[]
}

type Exchange = Effect.Effect<WireResponse, WireError>

/** Headers as they would stand on the wire, in an order that does not depend on who set which first. */
const headerLines = (headers: Readonly<Record<string, string>>): string =>
  Object.keys(headers)
    .sort(compareCodePoints)
    .map((name) => `${name}: ${headers[name]}\r\n`)
    .join("")

/** What stands in the trace of a message: typed calls have no bytes, and to make them for it would cost their speed. */
const bytesOf = (message: WireRequest | WireResponse): Uint8Array =>
  message instanceof DirectRequest || message instanceof DirectResponse ? noBytes : message.body

const noBytes = new Uint8Array(0)

/** Carries requests through those surroundings. */
export const makeCarrier = (surroundings: Surroundings): ((departure: Departure) => Exchange) => {
  const { kernel, links, partition, rules, attachments } = surroundings
  const { trace } = kernel

  /** Takes a message over a link; false where it was lost. */
  const cross = (
    from: string,
    to: string,
    key: readonly string[],
    extraMs: number,
  ): Effect.Effect<boolean> => {
    const { latency } = links.between(from, to)
    const message = { source: from, destination: to, key }
    return partition.cross(from, to, latencyMs(latency, message, kernel.chance) + extraMs)
  }

  const fail = (id: string, reason: WireError["reason"], afterMs: number): Effect.Effect<never, WireError> =>
    Effect.sleep(Math.max(0, afterMs)).pipe(
      Effect.andThen(
        Effect.suspend(() => {
          trace.record("failed", id, reason)
          return new WireError({ reason })
        }),
      ),
    )

  /** Nobody tells the caller what became of its request. */
  const lose = (id: string, leg: "request" | "answer", sentMs: number): Effect.Effect<never, WireError> =>
    Effect.suspend(() => {
      trace.record("lost", id, leg)
      const { silenceMsMax } = surroundings
      return Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
        fail(id, "timed-out", sentMs + silenceMsMax - nowMs),
      )
    })

  const arrive = (id: string, request: WireRequest, action: RuleAction): Effect.Effect<Outcome> =>
    Effect.suspend((): Effect.Effect<Outcome> => {
      trace.record("delivered", id)
      return action.kind === "reply"
        ? Effect.succeed({ kind: "response", response: action.response })
        : attachments.handle(request)
    })

  const traceRequest = (kind: string, id: string, request: WireRequest): void => {
    const { source, destination, method, target, headers } = request
    trace.record(kind, id, source, destination, method, target, headerLines(headers), bytesOf(request))
  }

  const traceOutcome = (id: string, outcome: Outcome): void => {
    if (outcome.kind !== "response") {
      trace.record("answer", id, outcome.kind)
      return
    }
    const { status, headers } = outcome.response
    trace.record("answer", id, String(status), headerLines(headers), bytesOf(outcome.response))
  }

  const altered = ({ id, facts }: Departure, action: RuleAction): WireRequest => {
    if (action.kind !== "alter-request") return facts.request
    const request = action.alter(facts.request)
    traceRequest("altered-request", id, request)
    return request
  }

  /** The action of the first rule that matches. */
  const ruleOn = ({ id, facts }: Departure): RuleAction => {
    const rule = rules.hit(facts)
    if (rule === undefined) return pass
    trace.record("rule", id, String(rule.number), rule.action.kind)
    return rule.action
  }

  return Effect.fnUntraced(function* (departure: Departure): Effect.fn.Return<WireResponse, WireError> {
    const { id, facts, key } = departure
    const { source, destination } = facts.request
    const sentMs = yield* Clock.currentTimeMillis
    traceRequest("request", id, facts.request)
    if (partition.blocks(source, destination)) {
      return yield* fail(id, surroundings.cutReason, surroundings.cutNoticeMs)
    }
    const action = ruleOn(departure)
    if (action.kind === "drop") return yield* lose(id, "request", sentMs)
    if (action.kind === "hold") yield* action.until
    const request = altered(departure, action)
    const extraMs = action.kind === "delay" ? action.ms : 0
    if (!(yield* cross(source, destination, [...key, "request"], extraMs))) {
      return yield* lose(id, "request", sentMs)
    }
    yield* kernel.seam("network")
    const outcome = alteredOutcome(yield* arrive(id, request, action), departure, action)
    traceOutcome(id, outcome)
    if (!(yield* cross(destination, source, [...key, "answer"], 0))) return yield* lose(id, "answer", sentMs)
    if (outcome.kind !== "response") return yield* fail(id, outcome.kind, 0)
    trace.record("answered", id)
    return outcome.response
  })
}

const alteredOutcome = (outcome: Outcome, { facts }: Departure, action: RuleAction): Outcome =>
  outcome.kind === "response" && action.kind === "alter-reply"
    ? { kind: "response", response: action.alter(outcome.response, facts.request) }
    : outcome
