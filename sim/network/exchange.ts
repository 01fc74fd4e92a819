/** One request and what comes of it: there, into the handler, and back. */
import { Effect } from "effect"
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { DirectRequest, DirectResponse } from "#spec-impl/federation/direct/message.ts"
import { WireError, type WireRequest, type WireResponse } from "#spec-impl/federation/wire.ts"
import type { Kernel, Wire } from "../kernel/kernel.ts"
import type { Attachments, Outcome } from "./attachments.ts"
import { type Departure, type Disturbances, type Fate, together, undisturbed } from "./disturbances.ts"
import { makeLatencies } from "./latency.ts"
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

/** Tells the caller what came of its request. */
type Tell = (answer: Effect.Effect<WireResponse, WireError>) => void

/** Headers as they would stand on the wire, in an order that does not depend on who set which first. */
const headerLines = (headers: Readonly<Record<string, string>>): string => {
  const names = Object.keys(headers)
  // Typed calls have none.
  if (names.length === 0) return ""
  return names
    .sort(compareCodePoints)
    .map((name) => `${name}: ${headers[name]}\r\n`)
    .join("")
}

/** What stands in the trace of a message: typed calls have no bytes, and to make them for it would cost their speed. */
const bytesOf = (message: WireRequest | WireResponse): Uint8Array =>
  message instanceof DirectRequest || message instanceof DirectResponse ? noBytes : message.body

const noBytes = new Uint8Array(0)

/** Carries requests through those surroundings. No fiber is spent on one but that of its handler. */
export const makeCarrier = (
  surroundings: Surroundings,
): ((departure: Departure, wire: Wire, tell: Tell) => void) => {
  const { kernel, links, partition, rules, disturbances, attachments } = surroundings
  const { trace } = kernel
  const latencyMs = makeLatencies(kernel.chance)

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

  return (departure, wire, tell) => {
    const { id, facts, key } = departure
    const { source, destination } = facts.request
    const sentMs = kernel.nowMs

    const fail = (reason: WireError["reason"], afterMs: number): void =>
      wire.after(afterMs, () => {
        trace.record("failed", id, reason)
        tell(Effect.fail(new WireError({ reason })))
      })

    /** Nobody tells the caller what became of its request. */
    const lose = (leg: "request" | "answer"): void => {
      trace.record("lost", id, leg)
      fail("timed-out", sentMs + surroundings.silenceMsMax - kernel.nowMs)
    }

    /** Takes a message over a link. */
    const cross = (
      from: string,
      to: string,
      leg: "request" | "answer",
      extraMs: number,
      then: () => void,
    ) => {
      const { latency } = links.between(from, to)
      const ms = latencyMs(latency, { source: from, destination: to, key: [...key, leg] })
      partition.cross(
        from,
        to,
        (arrive) => wire.after(ms + extraMs, arrive),
        (hasArrived) => (hasArrived ? then() : lose(leg)),
      )
    }

    /** The same request once more, on a way of its own; what is answered to it nobody hears. */
    const copy = (request: WireRequest, afterMs: number): void =>
      partition.cross(
        source,
        request.destination,
        (arrive) => wire.after(afterMs, arrive),
        (hasArrived) => {
          trace.record("copied", id, hasArrived ? "delivered" : "lost")
          if (hasArrived) attachments.handle(request, () => undefined)
        },
      )

    const goBack = (outcome: Outcome, fate: Fate): void => {
      const answerMs = outcome.kind === "response" ? fate.answerDelayMs(outcome.response, kernel.nowMs) : 0
      cross(destination, source, "answer", answerMs, () => {
        if (outcome.kind === "response") {
          trace.record("answered", id)
          tell(Effect.succeed(outcome.response))
        } else fail(outcome.kind, 0)
      })
    }

    const answer = (outcome: Outcome, fate: Fate): void => {
      traceOutcome(id, outcome)
      if (fate.loses === "answer") lose("answer")
      else if (fate.breaks) fail("reset", 0)
      else goBack(outcome, fate)
    }

    const arrive = (action: RuleAction, fate: Fate, request: WireRequest): void => {
      if (fate.copyAfterMs !== undefined) copy(request, fate.copyAfterMs)
      trace.record("delivered", id)
      const tellOutcome = (given: Outcome): void => {
        const outcome = alteredOutcome(given, departure, action, fate)
        if (isOtherThan(given, outcome)) trace.record("altered-answer", id)
        answer(outcome, fate)
      }
      const response = action.kind === "reply" ? action.response : fate.reply
      if (response === undefined) attachments.handle(request, tellOutcome)
      else tellOutcome({ kind: "response", response })
    }

    const go = (action: RuleAction, fate: Fate): void => {
      if (fate.fails !== undefined) fail(fate.fails.reason, fate.fails.afterMs)
      else if (fate.loses === "request") lose("request")
      else {
        const request = altered(departure, action)
        const extraMs = (action.kind === "delay" ? action.ms : 0) + fate.delayMs
        cross(source, destination, "request", extraMs, () => arrive(action, fate, request))
      }
    }

    const leave = (action: RuleAction): void => {
      const fate = fateOf(departure)
      if (fate.holds.length === 0) go(action, fate)
      else wire.until(Effect.all(fate.holds, { discard: true }), () => go(action, fate))
    }

    traceRequest("request", id, facts.request)
    if (partition.blocks(source, destination)) {
      fail(surroundings.cutReason, surroundings.cutNoticeMs)
      return
    }
    const action = ruleOn(departure)
    if (action.kind === "drop") lose("request")
    else if (action.kind === "hold") wire.until(action.until, () => leave(action))
    else leave(action)
  }
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
