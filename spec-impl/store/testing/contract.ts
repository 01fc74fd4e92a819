/** The contract of `EventStore` as tests that every layer must pass: random groups, interrupts, crashes. */
import { Deferred, Effect, Exit, Fiber } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { EventStore, StoreGroup } from "../event-store.ts"
import { type Disk, event, onDisk } from "./disk.ts"
import { describeExamples } from "./examples.ts"
import { keptRooms } from "./kept-rooms.ts"
import { Model, told } from "./model.ts"
import { names, randomGroup } from "./random-groups.ts"

type Store = EventStore["Service"]

const homeless: StoreGroup = { events: [event("$x", { roomId: "!unknown" })] }

/** A group that says in a record of its own that it was kept. */
const marked = (group: StoreGroup, at: number): StoreGroup => ({
  ...group,
  records: [...(group.records ?? []), { collection: "marks", key: String(at), value: true }],
})

const marksIn = (store: Store) =>
  Effect.map(store.records("marks"), (records) => new Set(records.map(([key]) => Number(key))))

const yields = (times: number) => Effect.repeat(Effect.yieldNow, { times })

const groups = fc.array(randomGroup, { minLength: 1, maxLength: 6 }).map((all) => all.map(marked))

/** The groups of a list that a store in good health keeps, by their place. */
const keptOf = (all: readonly StoreGroup[]): readonly number[] =>
  [...all.keys()].filter((at) => Model.after(all.slice(0, at)).takes(all[at]!))

/** Every other group is foreseen: it makes no difference. */
const prepareSome = (store: Store, all: readonly StoreGroup[]): void => {
  for (const [at, { events = [] }] of all.entries()) {
    if (at % 2 === 0) store.prepare(events.map(({ pdu }) => pdu))
  }
}

/** Tests of one layer. `makeDisk` gives an empty one each time; `numRuns` is for each property. */
export const describeContract = (makeDisk: () => Disk, numRuns: number): void => {
  const check = <A extends unknown[]>(property: fc.IAsyncProperty<A>) => fc.assert(property, { numRuns })

  describeExamples(makeDisk)

  describe("whatever is committed", () => {
    const property = (concurrency: 1 | "unbounded") =>
      fc.asyncProperty(groups, async (all) => {
        const disk = makeDisk()
        const model = Model.after(all).told(names)
        const exits = await Effect.runPromise(
          onDisk(disk, (store) =>
            Effect.gen(function* () {
              prepareSome(store, all)
              const each = yield* Effect.forEach(all, (group) => Effect.exit(store.commit(group)), {
                concurrency,
              })
              expect(yield* told(store, names)).toEqual(model)
              return each
            }),
          ),
        )
        expect([...exits.keys()].filter((at) => Exit.isSuccess(exits[at]!))).toEqual(keptOf(all))
        expect(await Effect.runPromise(onDisk(disk, (store) => told(store, names)))).toEqual(model)
      })
    it("is told at once and by the next boot, one group after the other", () => check(property(1)))
    it("and all at the same time, in the order of the calls; what fails takes nobody down", () =>
      check(property("unbounded")))
  })

  it("an interrupt leaves a group whole, or nothing of it", () =>
    check(
      fc.asyncProperty(
        groups,
        fc.array(fc.nat(12), { minLength: 6, maxLength: 6 }),
        async (all, interrupts) => {
          const disk = makeDisk()
          const isAcknowledged = await Effect.runPromise(
            onDisk(disk, (store) =>
              Effect.gen(function* () {
                const fibers = yield* Effect.forEach(all, (group, at) =>
                  Effect.forkChild(Effect.andThen(yields(at), store.commit(group))),
                )
                yield* Effect.forEach(
                  fibers,
                  (fiber, at) =>
                    interrupts[at]! > 6
                      ? Effect.void
                      : Effect.andThen(yields(interrupts[at]!), Fiber.interrupt(fiber)),
                  { concurrency: "unbounded" },
                )
                const exits = yield* Effect.forEach(fibers, Fiber.await)
                return exits.map(Exit.isSuccess)
              }),
            ),
          )
          await Effect.runPromise(
            onDisk(disk, (store) =>
              Effect.gen(function* () {
                const marks = yield* marksIn(store)
                for (const [at, is] of isAcknowledged.entries()) if (is) expect(marks).toContain(at)
                const kept = all.filter((_, at) => marks.has(at))
                expect(yield* told(store, names)).toEqual(Model.after(kept).told(names))
              }),
            ),
          )
        },
      ),
    ))

  it("a crash at any moment leaves all that was acknowledged, and of what comes next whole groups in their order", () =>
    check(
      fc.asyncProperty(
        groups,
        fc.nat(6),
        fc.nat(10),
        fc.boolean(),
        async (all, acknowledgedMin, later, isTogether) => {
          const disk = makeDisk()
          const acknowledged = new Set<number>()
          const crashed = await Effect.runPromise(
            onDisk(disk, (store) =>
              Effect.gen(function* () {
                const reached = yield* Deferred.make<void>()
                const note = (at: number) => {
                  acknowledged.add(at)
                  if (acknowledged.size >= acknowledgedMin) Deferred.doneUnsafe(reached, Exit.void)
                }
                const running = yield* Effect.forEach(
                  all,
                  (group, at) =>
                    Effect.ignore(
                      Effect.andThen(
                        store.commit(group),
                        Effect.sync(() => note(at)),
                      ),
                    ),
                  { concurrency: isTogether ? "unbounded" : 1, discard: true },
                ).pipe(Effect.forkChild)
                yield* Effect.race(Deferred.await(reached), Fiber.await(running))
                yield* yields(later)
                const found = { disk: disk.copy(), acknowledged: [...acknowledged] }
                yield* Fiber.await(running)
                return found
              }),
            ),
          )
          await Effect.runPromise(
            onDisk(crashed.disk, (store) =>
              Effect.gen(function* () {
                const marks = yield* marksIn(store)
                expect([...marks]).toEqual(expect.arrayContaining(crashed.acknowledged))
                expect([...marks].sort()).toEqual(keptOf(all).slice(0, marks.size))
                const kept = all.filter((_, at) => marks.has(at))
                expect(yield* told(store, names)).toEqual(Model.after(kept).told(names))
              }),
            ),
          )
        },
      ),
    ))

  it("nobody sees half a group, nor one that fails, nor less than what was acknowledged", () =>
    Effect.runPromise(
      onDisk(makeDisk(), (store) =>
        Effect.gen(function* () {
          let acknowledged = 0
          const both = (value: number, more: StoreGroup = {}): StoreGroup => ({
            records: ["a", "b"].map((key) => ({ collection: "both", key, value })),
            ...more,
          })
          const writing = yield* Effect.forEach(
            Array.from({ length: 60 }, (_, at) => at + 1),
            (at) =>
              Effect.all(
                [
                  Effect.andThen(
                    store.commit(both(at)),
                    Effect.sync(() => (acknowledged = Math.max(acknowledged, at))),
                  ),
                  Effect.flip(store.commit(both(-1, homeless))),
                ],
                { concurrency: "unbounded" },
              ),
            { concurrency: 3, discard: true },
          ).pipe(Effect.forkChild)
          let seen: readonly (readonly [string, unknown])[] = []
          while (writing.pollUnsafe() === undefined) {
            const least = acknowledged
            seen = yield* store.records("both")
            const values = seen.map(([, value]) => value as number)
            if (values.length === 0) expect(least).toBe(0)
            else {
              expect(values[0]).toBe(values[1])
              expect(values[0]).toBeGreaterThanOrEqual(least)
            }
            yield* Effect.yieldNow
          }
          yield* Fiber.join(writing)
          expect(yield* store.records("both")).toEqual([
            ["a", 60],
            ["b", 60],
          ])
        }),
      ),
    ))

  describe("a group that cannot be kept", () => {
    it("fails as broken, and leaves nothing behind", () =>
      Effect.runPromise(
        onDisk(makeDisk(), (store) =>
          Effect.gen(function* () {
            yield* store.commit({ rooms: [{ roomId: "!r", roomVersion: "11" }] })
            const failure = yield* Effect.flip(
              store.commit({
                events: [event("$a"), ...homeless.events!],
                answers: [{ origin: "s2", transactionId: "1", answer: { pdus: {} }, answeredTs: 1 }],
              }),
            )
            expect(failure).toMatchObject({ _tag: "StoreFailure", reason: "broken" })
            expect(failure.detail).toContain("!unknown")
            expect((yield* keptRooms(store))[0]!.events).toEqual([])
            expect(yield* store.answer("s2", "1")).toBeUndefined()
          }),
        ),
      ))
  })

  it("bytes of a megabyte come back as they went in", () =>
    Effect.runPromise(
      onDisk(makeDisk(), (store) =>
        Effect.gen(function* () {
          const bytes = Uint8Array.from({ length: 1_000_000 }, (_, at) => at % 251)
          yield* store.commit({ blobs: [{ collection: "media", key: "a", bytes: bytes.subarray(7) }] })
          const kept = yield* store.blob("media", "a")
          expect(kept !== undefined && Buffer.compare(kept, bytes.subarray(7))).toBe(0)
        }),
      ),
    ))
}
