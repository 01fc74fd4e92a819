/** Groups that come while another transaction is being written go into the next one together. */
import { Effect, Exit, Option } from "effect"
import type { SqlConnection } from "effect/sql"
import { StoreFailure, type StoreGroup } from "../event-store.ts"
import { storeFailureOf } from "./failure.ts"
import {
  applyChanges,
  charactersOf,
  clearStaged,
  type EncodedGroup,
  encodeBatch,
  encodeGroup,
  stageBlob,
} from "./rows.ts"

type Outcome = Exit.Exit<void, StoreFailure>

interface Waiting {
  readonly encoded: EncodedGroup
  readonly learn: (outcome: Outcome) => void
}

/** No more text than this goes into one transaction, unless one group alone is longer. */
const batchCharactersMax = 8 * 1024 * 1024

/**
 * `commit` on a connection that nobody else writes with, in the order of the calls.
 *
 * One writer takes all that is waiting, and goes on while there is more; all of a batch learn of it at once. A group that
 * cannot be kept takes no other down: each is then tried alone. Nobody is interrupted between handing a group over and
 * learning what became of it.
 */
export const makeGroupCommit = Effect.fnUntraced(function* (connection: SqlConnection.Connection) {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const waiting: Waiting[] = []
  let isWriting = false
  let blobs = 0

  const write = Effect.fnUntraced(function* (batch: readonly Waiting[]) {
    const staged = batch.flatMap(({ encoded }) => encoded.blobs)
    if (staged.length > 0) yield* connection.execute(clearStaged, [], undefined)
    for (const { id, bytes } of staged) yield* connection.execute(stageBlob, [id, asBuffer(bytes)], undefined)
    const [rows, bytes] = encodeBatch(batch.map(({ encoded }) => encoded))
    yield* connection.execute(applyChanges, [rows, asBuffer(bytes)], undefined)
    if (staged.length > 0) yield* Effect.ignore(connection.execute(clearStaged, [], undefined))
  }, Effect.mapError(storeFailureOf))

  const writeWaiting = Effect.fnUntraced(function* () {
    do {
      // What came in the same turn of the event loop goes in the same transaction.
      yield* Effect.yieldNow
      const batch = takeBatch(waiting)
      const outcome = yield* Effect.exit(write(batch))
      const isWorthAnother = Exit.isFailure(outcome) && batch.length > 1 && !isBusy(outcome)
      for (const group of batch) group.learn(isWorthAnother ? yield* Effect.exit(write([group])) : outcome)
    } while (waiting.length > 0)
    isWriting = false
  })

  const written = (encoded: EncodedGroup): Effect.Effect<void, StoreFailure> =>
    Effect.callback((resume) => {
      waiting.push({ encoded, learn: resume })
      if (isWriting) return
      isWriting = true
      run(writeWaiting())
    })

  return (group: StoreGroup): Effect.Effect<void, StoreFailure> =>
    Effect.uninterruptible(
      Effect.flatMap(Effect.try({ try: () => encodeGroup(group, () => ++blobs), catch: notJson }), written),
    )
})

const notJson = (error: unknown): StoreFailure =>
  new StoreFailure({ reason: "broken", detail: `the group is not JSON: ${error}` })

/** The groups that waited longest. One with many events is a batch of its own. */
const takeBatch = (waiting: Waiting[]): readonly Waiting[] => {
  let characters = 0
  let taken = 0
  for (const { encoded } of waiting) {
    characters += charactersOf(encoded)
    const isAlone = encoded.eventBytes !== undefined
    if (taken > 0 && (isAlone || characters > batchCharactersMax)) break
    taken++
    if (isAlone) break
  }
  return waiting.splice(0, taken)
}

/** A lock is in the way of each group alike: to wait for it once is enough. */
const isBusy = (exit: Outcome): boolean =>
  Option.match(Exit.findErrorOption(exit), { onNone: () => false, onSome: ({ reason }) => reason === "busy" })

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
