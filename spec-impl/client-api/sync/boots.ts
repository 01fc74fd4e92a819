/** Which boot of this server it is, for what is numbered anew in each (`homeserver/changes.ts`). */
import { Effect, Semaphore } from "effect"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"

/** One record: the number of the last boot in which a client has synced. */
const collection = "sync-boot"

/** The number is taken, and kept, as it is asked for the first time. */
export const makeBoots = Effect.gen(function* () {
  const store = yield* EventStore
  const [kept] = yield* store.records(collection)
  const writing = Semaphore.makeUnsafe(1)
  let number: number | undefined

  const begin = Effect.gen(function* () {
    if (number !== undefined) return number
    const next = Number(kept?.[1] ?? 0) + 1
    yield* store.commit({ records: [{ collection, key: "", value: next }] })
    number = next
    return next
  })
  const current: Effect.Effect<number, StoreFailure> = Effect.suspend(() =>
    number === undefined ? Semaphore.withPermits(writing, 1)(begin) : Effect.succeed(number),
  )
  return { current }
})
