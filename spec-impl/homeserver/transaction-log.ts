/**
 * What the store is told of transactions to other servers: that they are about to be sent, and what of them is over. Of
 * nine that begin together all are kept in one group, with all that is over by then.
 */
import { type Clock, type Context, Duration, Effect, Exit, Fiber } from "effect"
import type { DestinationWrite, EventReference, EventStore, StoreFailure } from "../store/event-store.ts"
import { type Destination, noteKept } from "./destination.ts"

/** What a destination need not be told any more. */
export interface Over {
  readonly events: readonly EventReference[]
  readonly eduIds: readonly string[]
  /** Whether nothing is in flight to it. */
  readonly isAcknowledged: boolean
}

/** Whoever sends. None of them waits. */
export interface Sender {
  /** Puts something in flight to the destination, if nothing is. */
  readonly begin: (destination: Destination) => void
  /** What is in flight to them is kept: it may leave. */
  readonly send: (destinations: readonly Destination[]) => void
  readonly failed: (destination: Destination, failure: StoreFailure) => void
}

/**
 * For how long it may stay unsaid that something is over, where nothing else is to be kept. What a crash forgets is sent
 * once more, by the same id, and the other server answers as it did (§Transactions).
 */
const overUnsaidMsMax = 1_000

export class TransactionLog {
  readonly #run: ReturnType<typeof Effect.runForkWith<never>>
  readonly #clock: Clock.Clock
  readonly #store: EventStore["Service"]
  readonly #sender: Sender
  #beginning: Destination[] = []
  #over = new Map<string, Over>()
  /** What is being written; it joins what is over again where the store fails. */
  #overInWriting: Map<string, Over> = new Map()
  #writer: Fiber.Fiber<void> | undefined
  #sleeper: Fiber.Fiber<void> | undefined

  constructor(
    services: Context.Context<never>,
    clock: Clock.Clock,
    store: EventStore["Service"],
    sender: Sender,
  ) {
    this.#run = Effect.runForkWith(services)
    this.#clock = clock
    this.#store = store
    this.#sender = sender
  }

  /** Has the next transaction to that destination kept, and then sent. */
  begin(destination: Destination): void {
    this.#beginning.push(destination)
    this.#write()
  }

  /** Notes that the destination has acknowledged what is in flight to it, but for the EDUs that were kept anew since. */
  acknowledged({ name, inFlight, keptAnew }: Destination): void {
    const { events, edus } = inFlight ?? nothingInFlight
    const eduIds = edus.length === 0 ? none : edus.map(({ id }) => id).filter((id) => !keptAnew?.has(id))
    this.#add(name, { events, eduIds, isAcknowledged: true })
    this.#writeInTime()
  }

  /** Notes events that others cover which the destination has yet to get. */
  covered(name: string, events: readonly EventReference[]): void {
    if (events.length === 0) return
    this.#add(name, { events, eduIds: none, isAcknowledged: false })
    this.#writeInTime()
  }

  /** Whether what is over for that destination can be kept with something else: of EDUs it can be undone meanwhile. */
  isFree(name: string): boolean {
    return !this.#overInWriting.has(name) && (this.#over.get(name)?.eduIds.length ?? 0) === 0
  }

  /** What is over for that destination, which is kept with something else. */
  take(name: string): Over | undefined {
    const over = this.#over.get(name)
    this.#over.delete(name)
    return over
  }

  /** It was not. */
  giveBack(name: string, over: Over): void {
    this.#add(name, over)
    this.#writeInTime()
  }

  /** An EDU is kept anew for that destination: it is not over. */
  keptAnew(name: string, eduId: string): void {
    for (const all of [this.#over, this.#overInWriting]) {
      const over = all.get(name)
      if (over?.eduIds.includes(eduId))
        all.set(name, { ...over, eduIds: over.eduIds.filter((id) => id !== eduId) })
    }
  }

  /** Writes nothing any more. */
  readonly end: Effect.Effect<void> = Effect.suspend(() =>
    Fiber.interruptAll([this.#writer, this.#sleeper].filter((fiber) => fiber !== undefined)),
  )

  #add(name: string, over: Over): void {
    const before = this.#over.get(name)
    this.#over.set(name, before === undefined ? over : bothOver(before, over))
  }

  #writeInTime(): void {
    if (this.#sleeper !== undefined || this.#writer !== undefined) return
    const sleeper = this.#run(this.#clock.sleep(Duration.millis(overUnsaidMsMax)))
    this.#sleeper = sleeper
    sleeper.addObserver((exit) => {
      this.#sleeper = undefined
      if (Exit.isSuccess(exit) && this.#over.size > 0) this.#write()
    })
  }

  #write(): void {
    if (this.#writer !== undefined) return
    // Whatever begins in the same step is kept in the same group.
    const writer = this.#run(Effect.andThen(Effect.yieldNow, this.#writeAll()))
    this.#writer = writer
    writer.addObserver((exit) => {
      this.#writer = undefined
      if (!Exit.isSuccess(exit)) return
      if (this.#beginning.length > 0) this.#write()
      else if (this.#over.size > 0) this.#writeInTime()
    })
  }

  #writeAll(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const beginning = this.#beginning
      const over = this.#over
      this.#overInWriting = over
      this.#beginning = []
      this.#over = new Map()
      for (const destination of beginning) this.#sender.begin(destination)
      const ended = () => {
        this.#overInWriting = new Map()
      }
      return Effect.match(this.#store.commit({ destinations: writesOf(beginning, over) }), {
        onSuccess: () => {
          ended()
          for (const destination of beginning) {
            noteKept(destination)
          }
          this.#sender.send(beginning)
        },
        onFailure: (failure) => {
          ended()
          for (const [name, before] of over) this.#add(name, before)
          for (const destination of beginning) this.#sender.failed(destination, failure)
        },
      })
    })
  }
}

const none: readonly string[] = []
const nothingInFlight = { events: [], edus: [] }

const bothOver = (one: Over, other: Over): Over => ({
  events: [...one.events, ...other.events],
  eduIds: [...one.eduIds, ...other.eduIds],
  isAcknowledged: one.isAcknowledged || other.isAcknowledged,
})

const writesOf = (
  beginning: readonly Destination[],
  over: ReadonlyMap<string, Over>,
): readonly DestinationWrite[] => {
  const unmentioned = new Map(over)
  const begun = beginning.map(({ name, inFlight, covered }): DestinationWrite => {
    const past = unmentioned.get(name)
    unmentioned.delete(name)
    return { ...overWrite(name, past, covered), inFlight: inFlight ?? null }
  })
  const others = [...unmentioned].map(
    ([name, past]): DestinationWrite =>
      past.isAcknowledged ? { ...overWrite(name, past, []), inFlight: null } : overWrite(name, past, []),
  )
  return [...begun, ...others]
}

const overWrite = (
  destination: string,
  past: Over | undefined,
  covered: readonly EventReference[],
): DestinationWrite => {
  const settled = past === undefined ? covered : [...past.events, ...covered]
  return {
    destination,
    ...(settled.length === 0 ? {} : { settled }),
    ...(past === undefined || past.eduIds.length === 0 ? {} : { settledEdus: past.eduIds }),
  }
}
