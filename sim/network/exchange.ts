/** One request and what comes of it: there, into the handler, and back. */
import { Clock, Effect } from "effect"
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { DirectRequest, DirectResponse } from "#spec-impl/federation/direct/message.ts"
import { WireError, type WireRequest, type WireResponse } from "#spec-impl/federation/wire.ts"
import type { Kernel } from "../kernel/kernel.ts"
import type { Attachments, Outcome } from "./attachments.ts"
import { type Departure, type Disturbances, type Fate, together, undisturbed } from "./disturbances.ts"
import { latencyMs } from "./latency.ts"
import type { Links } from "./links.ts"
import type { Partition } from "./partition.ts"
import type { RuleBook } from "./rule-book.ts"
import { pass, type RuleAction } from "./rules.ts"

/** What all exchanges of a network share. */
export interface Surroundings {
  readonly kernel: Kernel
  readonly links: Links
  readonly partition: Partition
  readonly rules: RuleBook
  readonly disturbances: Disturbances
  readonly attachments: Attachments
  /** What a caller is told that cannot reach its destination, and so many milliseconds after it tried. */
  readonly cutReason: WireError["reason"]
  readonly cutNoticeMs: number
  /** So many milliseconds after it sent a request that was lost, or whose answer was, a caller gives up. */
  readonly silenceMsMax: number
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
  const { kernel, links, partition, rules, disturbances, attachments } = surroundings
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

  const arrive = (id: string, request: WireRequest, action: RuleAction, fate: Fate): Effect.Effect<Outcome> =>
    Effect.suspend((): Effect.Effect<Outcome> => {
      trace.record("delivered", id)
      const response = action.kind === "reply" ? action.response : fate.reply
      return response === undefined
        ? attachments.handle(request)
        : Effect.succeed({ kind: "response", response })
    })

  /** The same request once more, on a way of its own; what is answered to it nobody hears. */
  const copy = ({ id }: Departure, request: WireRequest, afterMs: number): Effect.Effect<void> =>
    partition.cross(request.source, request.destination, afterMs).pipe(
      Effect.flatMap((hasArrived) => {
        trace.record("copied", id, hasArrived ? "delivered" : "lost")
        return hasArrived ? Effect.asVoid(attachments.handle(request)) : Effect.void
      }),
      Effect.forkDetach,
      Effect.asVoid,
    )

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

  /** What all disturbances that strike it do to the request. */
  const fateOf = (departure: Departure): Fate => {
    const struck = disturbances.on(departure, kernel.nowMs)
    if (struck.length === 0) return undisturbed
    for (const [name] of struck) trace.record("fault", departure.id, name)
    return together(struck.map(([, treatment]) => treatment))
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
    const fate = fateOf(departure)
    for (const held of fate.holds) yield* held
    if (fate.fails !== undefined) return yield* fail(id, fate.fails.reason, fate.fails.afterMs)
    if (fate.loses === "request") return yield* lose(id, "request", sentMs)
    const request = altered(departure, action)
    const extraMs = (action.kind === "delay" ? action.ms : 0) + fate.delayMs
    if (!(yield* cross(source, destination, [...key, "request"], extraMs))) {
      return yield* lose(id, "request", sentMs)
    }
    yield* kernel.seam("network")
    if (fate.copyAfterMs !== undefined) yield* copy(departure, request, fate.copyAfterMs)
    const given = yield* arrive(id, request, action, fate)
    const outcome = alteredOutcome(given, departure, action, fate)
    if (isOtherThan(given, outcome)) trace.record("altered-answer", id)
    traceOutcome(id, outcome)
    if (fate.loses === "answer") return yield* lose(id, "answer", sentMs)
    if (fate.breaks) return yield* fail(id, "reset", 0)
    const answerMs = outcome.kind === "response" ? fate.answerDelayMs(outcome.response, kernel.nowMs) : 0
    if (!(yield* cross(destination, source, [...key, "answer"], answerMs))) {
      return yield* lose(id, "answer", sentMs)
    }
    if (outcome.kind !== "response") return yield* fail(id, outcome.kind, 0)
    trace.record("answered", id)
    return outcome.response
  })
}

const alteredOutcome = (outcome: Outcome, { facts }: Departure, action: RuleAction, fate: Fate): Outcome => {
  if (outcome.kind !== "response" || (action.kind !== "alter-reply" && fate === undisturbed)) return outcome
  const { response } = outcome
  const ruled = action.kind === "alter-reply" ? action.alter(response, facts.request) : response
  return { kind: "response", response: fate.alterReply(ruled, facts.request) }
}

/** Whether an answer says something else than was given. */
const isOtherThan = (given: Outcome, outcome: Outcome): boolean =>
  given !== outcome &&
  given.kind === "response" &&
  outcome.kind === "response" &&
  given.response !== outcome.response &&
  (given.response.status !== outcome.response.status ||
    Buffer.compare(given.response.body, outcome.response.body) !== 0)
