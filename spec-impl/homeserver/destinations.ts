/**
 * What goes to other servers, one record a destination, with a fiber only while there is something to send
 * (server-server API §Transactions).
 *
 * A destination that answers gets its events in order. One that failed gets, once it answers again, the same
 * transaction once more, and then no backlog but the forward extremities of what it missed: it asks for the
 * rest itself. Its waits double; anything that comes in from it ends the wait, and they begin anew.
 */
import { Clock, Context, Effect, Exit, Fiber, Layer, Option } from "effect"
import type { Event } from "../core/event.ts"
import { FederationClient } from "../federation/client.ts"
import { MatrixError } from "../federation/matrix-error.ts"
import type {
  DestinationWrite,
  EventReference,
  QueuedEdu,
  TransactionInFlight,
} from "../store/event-store.ts"
import { EventStore } from "../store/event-store.ts"
import {
  coveredBy,
  type Destination,
  dropMoments,
  eduCount,
  eventCount,
  hasUnsent,
  isBehind,
  keepAnew,
  miss,
  noteKept,
  noteMoment,
  nothingFor,
  putEdu,
  putPending,
  restore,
  takeNext,
  takePending,
} from "./destination.ts"
import { ServerIdentity } from "./identity.ts"
import { Listening } from "./listening.ts"
import { OutgoingTransactions } from "./outgoing-transactions.ts"
import { Retries } from "./retries.ts"
import { Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import { type Over, TransactionLog } from "./transaction-log.ts"

const none: readonly [] = []

/** What one destination has yet to get: for observers. */
export interface Unsent {
  readonly destination: string
  readonly eventCount: number
  readonly eduCount: number
  readonly failures: number
}

/** An event on its way to other servers. One of these follows on its commit. */
export interface OutgoingEvent {
  /** What to keep in the group of the event. */
  readonly writes: readonly DestinationWrite[]
  /** It is kept: it leaves. */
  readonly send: () => void
  /** It is not: it never does. */
  readonly withdraw: () => void
}

export class Destinations extends Context.Service<
  Destinations,
  {
    /** What sends `event` to those servers; that it is asked for says that the event is about to be committed. */
    readonly outgoing: (roomId: string, event: Event, servers: Iterable<string>) => OutgoingEvent
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
    /** A server that speaks to us can be spoken to: it is tried at once. */
    readonly heardFrom: (server: string) => void
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
      const listening = yield* Listening
      const clock = yield* Clock.Clock
      const services = yield* Effect.context<never>()
      const run = Effect.runForkWith(services)
      const destinations = new Map<string, Destination>()
      const transactions = new OutgoingTransactions(serverName)

      const destinationOf = (name: string): Destination => {
        const known = destinations.get(name)
        if (known !== undefined) return known
        const made = nothingFor(name)
        destinations.set(name, made)
        return made
      }

      const eventOf = ([roomId, eventId]: EventReference): Event | undefined => {
        const dag = rooms.find(roomId)?.dag
        const event = dag?.record(eventId)?.event
        // A redaction goes out as it came though it was redacted itself: else, in rooms 1–10, it would name no event.
        return event === undefined || event.redacts !== undefined ? event : dag?.redactions.shown(event)
      }

      /** What the next transaction carries; until it is kept it does not leave. */
      const begin = (destination: Destination): void => {
        if (destination.inFlight !== undefined) return
        const carried = takeNext(destination, (roomId) => rooms.find(roomId)?.dag)
        destination.inFlight = transactions.begin(carried, clock.currentTimeMillisUnsafe())
        destination.isKept = false
      }

      /** A destination to which nothing was unsent, with that in flight; until it is kept it does not leave. */
      const beginWith = (name: string, events: readonly EventReference[]): Destination => {
        const destination = destinationOf(name)
        destination.inFlight = transactions.begin({ events, edus: none }, clock.currentTimeMillisUnsafe())
        destination.sending = true
        return destination
      }

      const payloadOf = ({ originServerTs, events, edus }: TransactionInFlight) => ({
        origin: serverName,
        origin_server_ts: originServerTs,
        pdus: events.flatMap((reference) => eventOf(reference)?.pdu ?? []),
        ...(edus.length === 0 ? {} : { edus: edus.map(({ edu }) => edu) }),
      })

      /** No error is kept while it waits: its stack holds on to the request and all that was at work on it. */
      const waitToRetry = (destination: Destination, error: unknown): void => {
        const askedMs = askedToWaitMs(error)
        destination.failures += 1
        dropMoments(destination)
        log.covered(destination.name, missPending(destination))
        const backOffMs = settings.retryMsMin * 2 ** Math.max(0, destination.failures - 1)
        destination.sending = false
        destination.isWaiting = true
        retries.add(destination, Math.min(Math.max(backOffMs, askedMs), settings.retryMsMax))
      }

      /** Turns a backlog into the tips of what is missed; gives what they cover. */
      const missPending = (destination: Destination): readonly EventReference[] =>
        takePending(destination).flatMap((reference) => {
          const event = eventOf(reference)
          return event === undefined ? [] : miss(destination, reference, event)
        })

      const goOn = (destination: Destination): void => {
        log.acknowledged(destination)
        destination.inFlight = undefined
        destination.keptAnew = undefined
        destination.failures = 0
        rest(destination)
      }

      /** Nothing is in flight to it. */
      const rest = (destination: Destination): void => {
        destination.sending = false
        if (hasUnsent(destination)) start(destination)
        // With everything told there is nothing to remember: of a thousand servers most are idle.
        else destinations.delete(destination.name)
      }

      const sendTo = (
        destination: Destination,
        transactionId: string,
        payload: ReturnType<typeof payloadOf>,
      ): void => {
        const sender = run(
          client.call(destination.name, (api) =>
            api.transactions.send({ params: { transactionId }, payload }),
          ),
        )
        destination.sender = sender
        sender.addObserver((exit) => {
          destination.sender = undefined
          if (Exit.isSuccess(exit)) goOn(destination)
          // Who is interrupted says nothing: this server ends.
          else Option.map(Exit.findErrorOption(exit), (error) => waitToRetry(destination, error))
        })
      }

      /** Most of those that are sent at once are one and the same. */
      const send = (to: readonly Destination[]): void => {
        const payloads = new Map<TransactionInFlight, ReturnType<typeof payloadOf>>()
        for (const destination of to) {
          const inFlight = destination.inFlight!
          const payload = payloads.get(inFlight) ?? payloadOf(inFlight)
          payloads.set(inFlight, payload)
          sendTo(destination, inFlight.transactionId, payload)
        }
      }

      const log = new TransactionLog(services, clock, store, { begin, send, failed: waitToRetry })

      let isListening = false
      const start = (destination: Destination): void => {
        const { sending, isWaiting } = destination
        if (!isListening || sending || isWaiting || !hasUnsent(destination)) return
        destination.sending = true
        if (destination.isKept && destination.inFlight !== undefined) send([destination])
        else log.begin(destination)
      }

      const tryAgain = (destination: Destination): void => {
        destination.isWaiting = false
        start(destination)
      }
      const retries = new Retries(services, clock, tryAgain)
      yield* Effect.addFinalizer(() =>
        Effect.andThen(
          Effect.andThen(retries.end, log.end),
          Effect.suspend(() =>
            Fiber.interruptAll([...destinations.values()].flatMap(({ sender }) => sender ?? [])),
          ),
        ),
      )

      for (const kept of yield* store.destinations) restore(destinationOf(kept.destination), kept, eventOf)
      const startAll = Effect.sync(() => {
        isListening = true
        for (const destination of destinations.values()) start(destination)
      })
      yield* Effect.forkScoped(Effect.andThen(listening.await, startAll))

      return Destinations.of({
        outgoing: (roomId, event, servers) => {
          const reference = [roomId, event.eventId] as const
          const queued: [EventReference] = [reference]
          const begun: Destination[] = []
          const taken = new Map<string, Over>()
          const queue: string[] = []
          const writes = [...servers].map((name): DestinationWrite => {
            const known = destinations.get(name)
            // Whoever has yet to get nothing gets it at once: its transaction is kept with the event.
            if (known === undefined && isListening && log.isFree(name)) {
              const destination = beginWith(name, queued)
              begun.push(destination)
              const over = log.take(name)
              if (over !== undefined) taken.set(name, over)
              return {
                destination: name,
                queued,
                settled: over?.events ?? [],
                inFlight: destination.inFlight!,
              }
            }
            queue.push(name)
            const isLate = known !== undefined && isBehind(known)
            return { destination: name, queued, settled: isLate ? coveredBy(known, event) : [] }
          })
          return {
            writes,
            send: () => {
              for (const destination of begun) noteKept(destination)
              send(begun)
              for (const name of queue) {
                const destination = destinationOf(name)
                if (isBehind(destination)) miss(destination, reference, event)
                else putPending(destination, queued)
                start(destination)
              }
            },
            withdraw: () => {
              for (const [name, over] of taken) log.giveBack(name, over)
              for (const destination of begun) {
                destination.inFlight = undefined
                rest(destination)
              }
            },
          }
        },
        eduWritesFor: (edus, servers) =>
          [...servers]
            .filter((name) => name !== serverName)
            .map((name) => {
              const known = destinations.get(name)
              const ids = new Set(known?.inFlight?.edus.map(({ id }) => id))
              for (const { id } of edus) {
                if (known !== undefined && ids.has(id)) keepAnew(known, id)
                log.keptAnew(name, id)
              }
              return {
                destination: name,
                queuedEdus: edus,
                settledEdus: edus.flatMap(({ replaces }) => replaces ?? []),
              }
            }),
        sendEdus: (edus, servers, options) =>
          Effect.sync(() => {
            for (const name of servers) {
              if (name === serverName) continue
              const destination = destinationOf(name)
              if (options?.isOfTheMoment && destination.failures > 0) continue
              for (const queued of edus) {
                putEdu(destination, queued)
                if (options?.isOfTheMoment) noteMoment(destination, queued.id)
              }
              start(destination)
            }
          }),
        heardFrom: (server) => {
          const destination = destinations.get(server)
          if (destination === undefined) return
          destination.failures = 0
          if (retries.cancel(destination)) tryAgain(destination)
        },
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

/** How long a destination that was asked too often wants to be left alone (client-server API §Rate limiting). */
const askedToWaitMs = (error: unknown): number => {
  const waitMs = error instanceof MatrixError ? error.details?.retry_after_ms : undefined
  return typeof waitMs === "number" ? waitMs : 0
}
