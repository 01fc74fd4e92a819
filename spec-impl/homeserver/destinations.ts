/**
 * What goes to other servers, one record a destination, with a fiber only while there is something to send
 * (server-server API §Transactions).
 *
 * A destination that answers gets its events in order. One that failed gets, once it answers again, the same
 * transaction once more, and then no backlog but the forward extremities of what it missed: it asks for the
 * rest itself. Its waits double; anything that comes in from it ends the wait, and they begin anew.
 */
import { Clock, Context, Effect, Latch, Layer } from "effect"
import { encodeBase64Url } from "../core/base64.ts"
import type { Event } from "../core/event.ts"
import { sha256 } from "../core/hash.ts"
import { transactionEdusMax, transactionPdusMax } from "../core/limits.ts"
import { FederationClient } from "../federation/client.ts"
import type {
  DestinationWrite,
  EventReference,
  QueuedEdu,
  TransactionInFlight,
} from "../store/event-store.ts"
import { EventStore } from "../store/event-store.ts"
import { ServerIdentity } from "./identity.ts"
import { Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"

interface Destination {
  readonly name: string
  inFlight: TransactionInFlight | undefined
  /** In the order of sending. */
  pending: EventReference[]
  /** Events that it missed and that no later missed event has for a parent, by event id. */
  readonly missed: Map<string, EventReference>
  /** By id, in the order of sending. */
  readonly edus: Map<string, QueuedEdu>
  failures: number
  sending: boolean
  /** Closed while it waits to be tried again. */
  readonly retry: Latch.Latch
}

/** What one destination has yet to get: for observers. */
export interface Unsent {
  readonly destination: string
  readonly eventCount: number
  readonly eduCount: number
  readonly failures: number
}

export class Destinations extends Context.Service<
  Destinations,
  {
    /** What to keep in the group of `event`, before it is sent to those servers. */
    readonly writesFor: (
      roomId: string,
      event: Event,
      servers: Iterable<string>,
    ) => readonly DestinationWrite[]
    /** What to keep in a group that `edus` tell of, before they are sent to those servers. */
    readonly eduWritesFor: (
      edus: readonly QueuedEdu[],
      servers: Iterable<string>,
    ) => readonly DestinationWrite[]
    /**
     * Sends EDUs, to all of those servers but this one. One with the id of another that has not left yet takes its
     * place, and that of the one that it replaces. What is of the moment is not kept for a server that does not answer.
     */
    readonly sendEdus: (
      edus: readonly QueuedEdu[],
      servers: Iterable<string>,
      options?: { readonly isOfTheMoment?: boolean },
    ) => Effect.Effect<void>
    /** Sends a committed event. */
    readonly send: (roomId: string, event: Event, servers: Iterable<string>) => Effect.Effect<void>
    /** A server that speaks to us can be spoken to: it is tried at once. */
    readonly heardFrom: (server: string) => Effect.Effect<void>
    readonly unsent: () => readonly Unsent[]
  }
>()("netsplit/Destinations") {
  /** Goes on with what the store has kept unsent. */
  static readonly layer = Layer.effect(
    Destinations,
    Effect.gen(function* () {
      const store = yield* EventStore
      const client = yield* FederationClient
      const settings = yield* Settings
      const { serverName } = yield* ServerIdentity
      const rooms = yield* Rooms
      const scope = yield* Effect.scope
      const destinations = new Map<string, Destination>()

      const destinationOf = (name: string): Destination => {
        const known = destinations.get(name)
        if (known !== undefined) return known
        const made: Destination = {
          name,
          inFlight: undefined,
          pending: [],
          missed: new Map(),
          edus: new Map(),
          failures: 0,
          sending: false,
          retry: Latch.makeUnsafe(true),
        }
        destinations.set(name, made)
        return made
      }

      const eventOf = ([roomId, eventId]: EventReference): Event | undefined => {
        const dag = rooms.find(roomId)?.dag
        const event = dag?.record(eventId)?.event
        // A redaction goes out as it came though it was redacted itself: else, in rooms 1–10, it would name no event.
        return event === undefined || event.redacts !== undefined ? event : dag?.redactions.shown(event)
      }

      const begin = Effect.fnUntraced(function* (destination: Destination, nowMs: number) {
        const { events, edus } = takeNext(destination)
        const eduIds = edus.map(({ id }) => id)
        const content = [serverName, destination.name, nowMs, ...events.flat(), ...eduIds].join("\n")
        const inFlight = { transactionId: encodeBase64Url(sha256(content)).slice(0, 22), events, edus }
        destination.inFlight = inFlight
        yield* store.commit({ destinations: [{ destination: destination.name, inFlight }] })
        return inFlight
      })

      const sendOnce = Effect.fnUntraced(function* (destination: Destination) {
        const nowMs = yield* Clock.currentTimeMillis
        const { transactionId, events, edus } = destination.inFlight ?? (yield* begin(destination, nowMs))
        const payload = {
          origin: serverName,
          origin_server_ts: nowMs,
          pdus: events.flatMap((reference) => eventOf(reference)?.pdu ?? []),
          ...(edus.length === 0 ? {} : { edus: edus.map(({ edu }) => edu) }),
        }
        yield* client.call(destination.name, (api) =>
          api.transactions.send({ params: { transactionId }, payload }),
        )
        destination.inFlight = undefined
        destination.failures = 0
        const settledEdus = edus.map(({ id }) => id)
        yield* store.commit({
          destinations: [{ destination: destination.name, settled: events, settledEdus, inFlight: null }],
        })
      })

      const waitToRetry = Effect.fnUntraced(function* (destination: Destination) {
        destination.failures += 1
        yield* settleCovered(destination)
        const waitMs = Math.min(settings.retryMsMin * 2 ** (destination.failures - 1), settings.retryMsMax)
        destination.retry.closeUnsafe()
        yield* destination.retry.await.pipe(Effect.timeoutOption(waitMs))
        destination.retry.openUnsafe()
      })

      /** Turns a backlog into the tips of what is missed. */
      const settleCovered = Effect.fnUntraced(function* (destination: Destination) {
        const settled = destination.pending.splice(0).flatMap((reference) => {
          const event = eventOf(reference)
          return event === undefined ? [] : miss(destination, reference, event)
        })
        if (settled.length === 0) return
        yield* store
          .commit({ destinations: [{ destination: destination.name, settled }] })
          .pipe(Effect.ignore)
      })

      const sendAll = Effect.fnUntraced(function* (destination: Destination) {
        while (hasUnsent(destination)) {
          yield* sendOnce(destination).pipe(Effect.catch(() => waitToRetry(destination)))
        }
        destination.sending = false
      })

      const start = (destination: Destination): Effect.Effect<void> => {
        if (destination.sending || !hasUnsent(destination)) return Effect.void
        destination.sending = true
        return Effect.asVoid(Effect.forkIn(sendAll(destination), scope))
      }

      for (const kept of yield* store.destinations) {
        const destination = destinationOf(kept.destination)
        destination.inFlight = kept.inFlight
        const inFlight = new Set(kept.inFlight?.events.map(([, eventId]) => eventId))
        for (const reference of kept.unsent) {
          const event = eventOf(reference)
          if (event !== undefined && !inFlight.has(event.eventId)) miss(destination, reference, event)
        }
        const eduIds = new Set(kept.inFlight?.edus.map(({ id }) => id))
        for (const queued of kept.unsentEdus) {
          if (!eduIds.has(queued.id)) destination.edus.set(queued.id, queued)
        }
        yield* start(destination)
      }

      return Destinations.of({
        writesFor: (roomId, event, servers) =>
          [...servers].map((name) => ({
            destination: name,
            queued: [[roomId, event.eventId]],
            settled: isBehind(destinationOf(name)) ? coveredBy(destinationOf(name), event) : [],
          })),
        eduWritesFor: (edus, servers) =>
          [...servers]
            .filter((name) => name !== serverName)
            .map((name) => ({
              destination: name,
              queuedEdus: edus,
              settledEdus: edus.flatMap(({ replaces }) => replaces ?? []),
            })),
        sendEdus: Effect.fnUntraced(function* (edus, servers, options) {
          for (const name of servers) {
            const destination = destinationOf(name)
            if (name === serverName || (options?.isOfTheMoment && destination.failures > 0)) continue
            for (const queued of edus) {
              destination.edus.delete(queued.id)
              if (queued.replaces !== undefined) destination.edus.delete(queued.replaces)
              destination.edus.set(queued.id, queued)
            }
            yield* start(destination)
          }
        }),
        send: Effect.fnUntraced(function* (roomId: string, event: Event, servers: Iterable<string>) {
          for (const name of servers) {
            const destination = destinationOf(name)
            const reference = [roomId, event.eventId] as const
            if (isBehind(destination)) miss(destination, reference, event)
            else destination.pending.push(reference)
            yield* start(destination)
          }
        }),
        heardFrom: (server) =>
          Effect.sync(() => {
            const destination = destinations.get(server)
            if (destination === undefined) return
            destination.failures = 0
            destination.retry.openUnsafe()
          }),
        unsent: () =>
          [...destinations.values()].filter(hasUnsent).map((destination) => ({
            destination: destination.name,
            eventCount: eventCount(destination),
            eduCount: eduCount(destination),
            failures: destination.failures,
          })),
      })
    }),
  )
}

/** Until it has caught up, what is new for it joins what it missed. */
const isBehind = ({ failures, missed }: Destination): boolean => failures > 0 || missed.size > 0

const eventCount = ({ inFlight, pending, missed }: Destination): number =>
  (inFlight?.events.length ?? 0) + pending.length + missed.size

const eduCount = ({ inFlight, edus }: Destination): number => (inFlight?.edus.length ?? 0) + edus.size

const hasUnsent = (destination: Destination): boolean => eventCount(destination) + eduCount(destination) > 0

/** Takes what the next transaction will carry: what is pending, or else the tips of what was missed; and EDUs. */
const takeNext = (destination: Destination): Pick<TransactionInFlight, "events" | "edus"> => {
  const edus = [...destination.edus.values()].slice(0, transactionEdusMax)
  for (const { id } of edus) destination.edus.delete(id)
  if (destination.pending.length > 0) {
    return { events: destination.pending.splice(0, transactionPdusMax), edus }
  }
  const events = [...destination.missed.values()].slice(0, transactionPdusMax)
  for (const [, eventId] of events) destination.missed.delete(eventId)
  return { events, edus }
}

const coveredBy = ({ missed }: Destination, event: Event): readonly EventReference[] =>
  event.prevEvents.flatMap((parent) => {
    const reference = missed.get(parent)
    return reference === undefined ? [] : [reference]
  })

/** Notes that the destination missed `event`, and gives the missed events that are covered by it. */
const miss = (
  destination: Destination,
  reference: EventReference,
  event: Event,
): readonly EventReference[] => {
  const covered = coveredBy(destination, event)
  for (const [, eventId] of covered) destination.missed.delete(eventId)
  destination.missed.set(event.eventId, reference)
  return covered
}
