/**
 * The simulated network: requests and answers as bytes, over links that take time, can be cut, and lie where a
 * rule says so. All that happens on it is in the kernel's trace.
 */
import { Context, Effect, Latch, Layer, type Scope } from "effect"
import {
  WireError,
  type WireHandler,
  type WireRequest,
  type WireResponse,
} from "#spec-impl/federation/wire.ts"
import { type Fence, stopped } from "../kernel/fence.ts"
import type { Kernel } from "../kernel/kernel.ts"
import { hashParts } from "../kernel/keyed-chance.ts"
import { CurrentServer } from "../kernel/server-runtime.ts"
import { Attachments } from "./attachments.ts"
import { Attempts } from "./attempts.ts"
import { type Departure, type Disturbance, Disturbances } from "./disturbances.ts"
import { makeCarrier } from "./exchange.ts"
import { type LinkConditions, type LinkMatch, Links, linkConditionsDefault } from "./links.ts"
import { type CutDirection, type Groups, type LinkTest, Partition } from "./partition.ts"
import { type EventIdsOf, RequestFacts } from "./request-facts.ts"
import { RuleBook } from "./rule-book.ts"
import type { RequestMatch, Rule, RuleAction, RuleOptions } from "./rules.ts"

/** What a network is like before anything happens to it; times in milliseconds of virtual time. */
export interface NetworkSettings {
  readonly linkConditions: LinkConditions
  /** What a caller is told whose request meets a cut, and how long after it tried. */
  readonly cutReason: "unreachable" | "timed-out"
  readonly cutNoticeMs: number
  /** How long after it sent a request a caller gives up that was lost on the way, there or back. */
  readonly silenceMsMax: number
  /** For rules on event ids: those in a transaction's PDUs, which the network cannot tell. */
  readonly eventIdsOf: EventIdsOf
  /**
   * What sets a request apart from others to its endpoint, where that is not what it says itself: the entry of
   * a plan that it stems from. Equal labels count as attempts at one thing.
   */
  readonly labelOf: (request: WireRequest) => string | undefined
}

export const networkSettingsDefault: NetworkSettings = {
  linkConditions: linkConditionsDefault,
  cutReason: "unreachable",
  cutNoticeMs: 100,
  silenceMsMax: 10_000,
  eventIdsOf: () => [],
  labelOf: () => undefined,
}

/** Requests that do not leave until they are released. */
export interface Hold extends Rule {
  /** Lets go of what is held, and holds nothing any more. */
  readonly release: Effect.Effect<void>
}

export class Network extends Context.Service<
  Network,
  {
    /**
     * Lets `handler` answer for `server` for as long as the scope lives; a server that is not attached refuses
     * connections. Once the scope closes, the requests that it is at work on are reset; once `isGone` it answers nothing.
     */
    readonly attach: (
      server: string,
      handler: WireHandler,
      isGone?: () => boolean,
    ) => Effect.Effect<void, never, Scope.Scope>
    /**
     * Sends a request and waits for its answer, for so long by the server's own clock where that is said. Interruption
     * ends the waiting alone: what was sent arrives, and what its handler began goes on. Of what waits behind a fence
     * nothing is sent and nothing heard once that has fallen.
     */
    readonly send: (
      request: WireRequest,
      answerMsMax?: number,
      fence?: Fence,
    ) => Effect.Effect<WireResponse, WireError>
    /** How many requests were sent so far. */
    readonly requests: () => number

    /**
     * Cuts every link between servers that share no group, in place of the partition before. A server in two
     * groups is a bridge; one in none keeps its links. What is on its way over a link that is cut is lost.
     */
    readonly partition: (groups: Groups) => Effect.Effect<void>
    /** Cuts one link, beside any partition; `both` ways where nothing else is said. */
    readonly cut: (source: string, destination: string, direction?: CutDirection) => Effect.Effect<void>
    /** Undoes `cut`. */
    readonly mend: (source: string, destination: string, direction?: CutDirection) => Effect.Effect<void>
    /** Undoes every cut and partition. */
    readonly heal: Effect.Effect<void>
    /** Whether no request from `source` to `destination` can be answered: a cut one way is enough. */
    readonly isCut: (source: string, destination: string) => boolean

    /** Conditions of some links for as long as the scope lives; the latest adjustment counts. */
    readonly adjust: (
      links: LinkMatch,
      conditions: Partial<LinkConditions>,
    ) => Effect.Effect<void, never, Scope.Scope>
    /** A rule for as long as the scope lives; of several that match the first installed acts. */
    readonly rule: (
      match: RequestMatch,
      action: RuleAction,
      options?: RuleOptions,
    ) => Effect.Effect<Rule, never, Scope.Scope>
    /** Does that to the requests that it strikes, for as long as the scope lives, whatever else is done to them. */
    readonly disturb: (disturbance: Disturbance) => Effect.Effect<void, never, Scope.Scope>
    /** Cuts the links for which it gives true, beside any partition, until `heal` or the end of the scope. */
    readonly sever: (isSevered: LinkTest) => Effect.Effect<void, never, Scope.Scope>
    /** Keeps requests from leaving, until `release` or the end of the scope. */
    readonly hold: (match: RequestMatch) => Effect.Effect<Hold, never, Scope.Scope>
  }
>()("netsplit/Network") {
  /** A network in that kernel, with every server yet to be attached. */
  static make(kernel: Kernel, settings: Partial<NetworkSettings> = {}): Network["Service"] {
    return makeNetwork(kernel, { ...networkSettingsDefault, ...settings })
  }

  static layer(kernel: Kernel, settings: Partial<NetworkSettings> = {}): Layer.Layer<Network> {
    return Layer.sync(Network, () => Network.make(kernel, settings))
  }
}

const makeNetwork = (kernel: Kernel, settings: NetworkSettings): Network["Service"] => {
  const partition = new Partition()
  const rules = new RuleBook()
  const disturbances = new Disturbances()
  const links = new Links(settings.linkConditions)
  const attachments = new Attachments(kernel)
  const depart = makeDepartures(settings)
  const carry = makeCarrier({ ...settings, kernel, links, partition, rules, disturbances, attachments })
  const traced = (change: () => void, kind: string, ...fields: readonly string[]): Effect.Effect<void> =>
    Effect.sync(() => {
      change()
      kernel.trace.record(kind, ...fields)
    })
  const rule = (match: RequestMatch, action: RuleAction, options: RuleOptions = {}) =>
    Effect.acquireRelease(
      Effect.sync(() => rules.install(match, action, options)),
      (entry) => Effect.sync(() => rules.remove(entry)),
    )
  const send: Network["Service"]["send"] = (request, answerMsMax, fence) =>
    Effect.withFiber((fiber) => {
      if (fence?.fallen) return stopped
      const server = Context.get(fiber.context, CurrentServer)
      return Effect.callback((resume) => {
        let departure: Departure | undefined
        let isOver = false
        const end = (): void => {
          isOver = true
          stopWaiting?.()
        }
        const tell = (answer: Effect.Effect<WireResponse, WireError>): void => {
          if (isOver) return
          end()
          resume(fence?.fallen ? stopped : answer)
        }
        const abandon = (): void => {
          end()
          if (departure !== undefined) kernel.trace.record("abandoned", departure.id)
        }
        const stopWaiting =
          answerMsMax === undefined
            ? undefined
            : kernel.later(server, answerMsMax, () => {
                abandon()
                resume(fence?.fallen ? stopped : new WireError({ reason: "timed-out" }))
              })
        kernel.seamBefore(server, "network", () => {
          if (isOver) return
          departure = depart.next(request)
          // The answer is the server's own concern again: while it is paused it does nothing about it.
          carry(departure, kernel.wire(server), (answer) => kernel.enqueue(server, () => tell(answer)))
        })
        return Effect.sync(abandon)
      })
    })
  return {
    attach: attachments.attach,
    send,
    requests: depart.count,
    partition: (groups) => traced(() => partition.split(groups), "partition", JSON.stringify(groups)),
    cut: (source, destination, direction = "both") =>
      traced(() => partition.cut(source, destination, direction), "cut", source, destination, direction),
    mend: (source, destination, direction = "both") =>
      traced(() => partition.mend(source, destination, direction), "mend", source, destination, direction),
    heal: traced(() => partition.heal(), "heal"),
    isCut: (source, destination) =>
      partition.blocks(source, destination) || partition.blocks(destination, source),
    adjust: (match, conditions) => {
      const adjustment = { match, conditions }
      return Effect.acquireRelease(
        Effect.sync(() => links.adjust(adjustment)),
        () => Effect.sync(() => links.restore(adjustment)),
      )
    },
    rule,
    disturb: (disturbance) =>
      Effect.acquireRelease(
        Effect.sync(() => disturbances.add(disturbance)),
        () => Effect.sync(() => disturbances.remove(disturbance)),
      ),
    sever: (isSevered) =>
      Effect.acquireRelease(
        Effect.sync(() => partition.sever(isSevered)),
        () => Effect.sync(() => partition.join(isSevered)),
      ),
    hold: Effect.fnUntraced(function* (match) {
      const latch = Latch.makeUnsafe(false)
      const entry = yield* rule(match, { kind: "hold", until: latch.await })
      const release = Effect.sync(() => {
        if (!latch.openUnsafe()) return
        rules.remove(entry)
        kernel.trace.record("release", String(entry.number))
      })
      yield* Effect.addFinalizer(() => release)
      return { match, action: entry.action, hits: entry.hits, release }
    }),
  }
}

const attemptsOf = [0x13198a2e, 0x03707344] as const

/** Numbers requests, and finds what keys their draws: no draw depends on how many others came before it. */
const makeDepartures = ({ eventIdsOf, labelOf }: NetworkSettings) => {
  const attempts = new Attempts()
  let sent = 0
  return {
    count: () => sent,
    next: (request: WireRequest): Departure => {
      const facts = new RequestFacts(request, eventIdsOf)
      const about = [request.source, request.destination, facts.endpoint, labelOf(request) ?? facts.label]
      const [high, low] = hashParts(attemptsOf, about)
      const attempt = attempts.next(high, low)
      sent += 1
      // So do its draws not hash all of it, each anew.
      return { id: String(sent), facts, key: [high, low, attempt] }
    },
  }
}
