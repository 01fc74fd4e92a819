/** A crash ends a boot at once and loses nothing that was acknowledged; the next boot goes on where it was. */
import { Effect, Exit } from "effect"
import { describe, expect, it } from "vitest"
import { type Played, type PlayOptions, play } from "./testing/play.ts"

const inRoom = <A, E>(options: PlayOptions, story: (played: Played, roomId: string) => Effect.Effect<A, E>) =>
  play(options, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user("@alice:s1").createRoom()
      yield* stage.user("@bob:s2").join(roomId, "s1")
      yield* stage.quiet
      return yield* story(played, roomId)
    }),
  )

const holds = ({ servers }: Played, server: string, roomId: string, eventId: string) =>
  servers.get(server)!.rooms.find(roomId)!.dag.timeline(eventId) !== undefined

describe("a crash", () => {
  it("lets nothing of that boot through any more, whatever it was at", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      await inRoom({ seed }, ({ stage, kernel, requests }, roomId) =>
        Effect.gen(function* () {
          const alice = stage.user("@alice:s1")
          for (let count = 0; count < 5; count++)
            yield* Effect.forkChild(alice.say(roomId, `message ${count}`))
          yield* stage.wait(seed % 3)
          yield* stage.crash("s1")
          const before = [kernel.trace.records.length, requests.length] as const
          yield* stage.wait(600_000)
          expect(requests.slice(before[1]).filter(({ source }) => source === "s1")).toEqual([])
          const kinds = kernel.trace.records
            .slice(before[0])
            .filter(({ kind, fields }) => ["store", "event"].includes(kind) && fields[0] === "s1")
          expect(kinds).toEqual([])
        }),
      )
    }
  })

  it("loses nothing that was acknowledged: it is there after the restart, and is sent", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      await inRoom({ seed }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const acknowledged: string[] = []
          for (let count = 0; count < 8; count++) {
            yield* stage
              .user("@alice:s1")
              .say(roomId, `message ${count}`)
              .pipe(
                Effect.tap(({ eventId }) => Effect.sync(() => acknowledged.push(eventId))),
                Effect.forkChild,
              )
          }
          yield* stage.wait(seed)
          yield* stage.crash("s1")
          const said = [...acknowledged]
          yield* stage.wait(20_000)
          yield* stage.restart("s1")
          yield* stage.quiet
          expect(said.filter((eventId) => !holds(played, "s1", roomId, eventId))).toEqual([])
          expect(said.filter((eventId) => !holds(played, "s2", roomId, eventId))).toEqual([])
          expect(acknowledged).toEqual(said)
          yield* stage.user("@alice:s1").say(roomId, "and on")
          yield* stage.quiet
          const [one, two] = ["s1", "s2"].map((name) =>
            played.servers.get(name)!.rooms.find(roomId)!.dag.forwardExtremities(),
          )
          expect(one).toEqual(two)
        }),
      )
    }
  })

  it("refuses others meanwhile, and nobody acts through a server that is down", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        yield* stage.crash("s1")
        const { eventId } = yield* stage.user("@bob:s2").say(roomId, "anybody there?")
        yield* stage.quiet
        expect(servers.get("s2")!.destinations.unsent()).toMatchObject([{ destination: "s1" }])
        const acting = yield* Effect.exit(stage.user("@alice:s1").say(roomId, "hello"))
        expect(Exit.isFailure(acting)).toBe(true)
        yield* stage.restart("s1")
        yield* stage.quiet
        expect(holds(played, "s1", roomId, eventId)).toBe(true)
        yield* stage.user("@alice:s1").say(roomId, "here I am")
      }),
    )
  })

  it("sends nothing before it can be asked back, however long its boot takes", async () => {
    await inRoom({ settings: { missingEventsLimit: 1 } }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const alice = stage.user("@alice:s1")
        yield* stage.partition(["s1"], ["s2"])
        for (let count = 0; count < 3; count++) {
          yield* alice.say(roomId, `message ${count}`)
          yield* stage.wait(10_000)
        }
        const { eventId } = yield* alice.leave(roomId)
        yield* stage.fault({ fault: "restart", server: "s1", downMs: 1_000, readMs: 5_000, lasting: true })
        yield* stage.heal
        yield* stage.wait(600_000)
        expect(holds(played, "s2", roomId, eventId)).toBe(true)
      }),
    )
  })

  it("keeps nothing any more of what a slow disk had not kept by then", async () => {
    await inRoom({}, ({ stage, servers }, roomId) =>
      Effect.gen(function* () {
        const slow = {
          fault: "disk-latency",
          servers: ["s1"],
          commitMsMin: 4_000,
          commitMsMax: 4_000,
        } as const
        const undo = yield* stage.fault(slow)
        yield* Effect.forkChild(stage.user("@alice:s1").say(roomId, "too late"))
        yield* stage.wait(1)
        yield* stage.crash("s1")
        yield* undo
        yield* stage.restart("s1")
        yield* stage.wait(10_000)
        yield* stage.crash("s1")
        yield* stage.restart("s1")
        const { dag } = servers.get("s1")!.rooms.find(roomId)!
        expect([...dag.records()].filter(({ event }) => event.type === "m.room.message")).toEqual([])
      }),
    )
  })
})
