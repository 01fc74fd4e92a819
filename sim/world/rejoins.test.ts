/** Coming back to a room after an absence; and what becomes of events that were rejected, or came too early. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { Event } from "#spec-impl/core/event.ts"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import type { HomeserverSettings } from "#spec-impl/homeserver/settings.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { stateByKey } from "../checks/agreement.ts"
import { findInconsistencies } from "../checks/room-consistency.ts"
import { reply } from "../network/rules.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { roomOn, stateOn } from "./testing/views.ts"
import { bootServer } from "./world.ts"

const bob = "@bob:s2"
const alice = "@alice:s1"
const dagOn = (played: Played, server: string, roomId: string) => roomOn(played, server, roomId).dag
const timelineOn = (played: Played, server: string, roomId: string): readonly string[] =>
  [...dagOn(played, server, roomId).records()]
    .filter(({ place }) => place === "timeline")
    .map(({ event }) => event.eventId)
    .sort()

/** Bob (s2) was in Alice's room and went, by `going`; then the room went on without him. */
const afterAbsence = <A, E>(
  roomVersion: string,
  going: (played: Played, roomId: string) => Effect.Effect<unknown, unknown>,
  story: (played: Played, roomId: string) => Effect.Effect<A, E>,
  settings: Partial<HomeserverSettings> = {},
) =>
  play({ servers: 3, roomVersion, settings }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user(alice).createRoom()
      yield* stage.user(bob).join(roomId, "s1")
      yield* stage.user("@carol:s3").join(roomId, "s1")
      yield* stage.quiet
      yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "before" })
      yield* stage.quiet
      yield* going(played, roomId)
      yield* stage.quiet
      yield* stage.wait(86_400_000)
      yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "meanwhile" })
      yield* stage.user("@carol:s3").say(roomId, "where is Bob?")
      yield* stage.user(alice).setState(roomId, "m.room.name", { name: "a name" })
      yield* stage.quiet
      return yield* story(played, roomId)
    }),
  )

const leave = ({ stage }: Played, roomId: string) => stage.user(bob).leave(roomId)

/** Both ways, and with one history. */
const expectWhole = Effect.fnUntraced(function* (played: Played, roomId: string) {
  const { stage } = played
  yield* stage.quiet
  const said = yield* stage.user(bob).say(roomId, "I am back")
  yield* stage.quiet
  const answer = yield* stage.user("@carol:s3").say(roomId, "welcome")
  yield* stage.quiet
  for (const server of ["s1", "s2", "s3"]) {
    const dag = dagOn(played, server, roomId)
    expect([said, answer].map(({ eventId }) => dag.timeline(eventId)?.verdict)).toEqual([
      "accepted",
      "accepted",
    ])
    expect(stateOn(played, server, roomId)).toEqual(stateOn(played, "s1", roomId))
    expect(dag.forwardExtremities()).toEqual([answer.eventId])
    expect(findInconsistencies(dag)).toEqual([])
  }
})

describe("coming back after an absence", () => {
  for (const { id } of roomVersions) {
    it(`room ${id}: the history between is fetched, the state is what was told, and events go both ways`, async () => {
      await afterAbsence(id, leave, (played, roomId) =>
        Effect.gen(function* () {
          const before = timelineOn(played, "s2", roomId)
          yield* played.stage.user(bob).join(roomId, "s1")
          expect(stateOn(played, "s2", roomId)).toEqual(stateOn(played, "s1", roomId))
          expect(played.stage.stateOf("s2", roomId, "m.room.topic")?.content.topic).toBe("meanwhile")
          expect(dagOn(played, "s2", roomId).forwardExtremities()).toHaveLength(1)
          expect(timelineOn(played, "s2", roomId)).toEqual(expect.arrayContaining([...before]))
          expect(timelineOn(played, "s2", roomId).length).toBeGreaterThan(before.length + 3)
          yield* expectWhole(played, roomId)
        }),
      )
    })
  }

  it("is by a server in the room, and not by what was held of it: a membership is set by those in it alone", async () => {
    await afterAbsence("11", leave, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const join = stage.user(bob).setState(roomId, "m.room.member", { membership: "join" }, bob)
        expect(yield* refusal(join)).toContain("403 M_FORBIDDEN: s2 is not in room")
        yield* stage.quiet
        expect(stage.stateOf("s2", roomId, "m.room.member", bob)?.content.membership).toBe("leave")
        yield* stage.user(bob).join(roomId, "s1")
        const renamed = { membership: "join", displayname: "Bobby" }
        yield* stage.user(bob).setState(roomId, "m.room.member", renamed, bob)
        yield* expectWhole(played, roomId)
      }),
    )
  })

  it("works by way of another server than before", async () => {
    await afterAbsence("11", leave, (played, roomId) =>
      Effect.gen(function* () {
        yield* played.stage.user(bob).join(roomId, "s3")
        yield* expectWhole(played, roomId)
      }),
    )
  })

  it("works after a ban was lifted, of which this server heard nothing: its old state does not judge", async () => {
    const banned = ({ stage }: Played, roomId: string) => stage.user(alice).ban(roomId, bob)
    const returns = (played: Played, roomId: string) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        expect(yield* refusal(stage.user(bob).join(roomId, "s1"))).toContain("403 M_FORBIDDEN")
        yield* servers.get("s1")!.users.unban(alice, roomId, bob)
        yield* stage.quiet
        expect(stage.stateOf("s2", roomId, "m.room.member", bob)?.content.membership).toBe("ban")
        yield* stage.user(bob).join(roomId, "s1")
        expect(stage.stateOf("s2", roomId, "m.room.member", bob)?.content.membership).toBe("join")
        yield* expectWhole(played, roomId)
      })
    // Also where events behind a gap are judged by the state that is held alone: the way back is none of them.
    for (const presentBehindGap of ["with-told", "held-alone"] as const) {
      const settings = { readings: { ...readingsDefault, presentBehindGap } }
      await afterAbsence("11", banned, returns, settings)
    }
  })

  it("goes by the join alone where the history between is not to be had", async () => {
    await afterAbsence("11", leave, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.rule("no history", { path: /\/backfill\// }, reply(404, { errcode: "M_NOT_FOUND" }))
        const join = yield* stage.user(bob).join(roomId, "s1")
        expect(dagOn(played, "s2", roomId).forwardExtremities()).toEqual([join.eventId])
        expect(stateOn(played, "s2", roomId)).toEqual(stateOn(played, "s1", roomId))
        yield* expectWhole(played, roomId)
      }),
    )
  })

  it("of a leave that nobody heard of: it stands beside the join until others have it too", async () => {
    await afterAbsence(
      "11",
      ({ stage }, roomId) =>
        stage
          .partition(["s2"], ["s1", "s3"])
          .pipe(Effect.andThen(stage.user(bob).leave(roomId)), Effect.andThen(stage.wait(5_000))),
      (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const [left] = dagOn(played, "s2", roomId).forwardExtremities()
          yield* stage.heal
          const join = yield* stage.user(bob).join(roomId, "s1")
          yield* stage.quiet
          const tips = [left!, join.eventId].sort()
          expect(dagOn(played, "s2", roomId).forwardExtremities()).toEqual(tips)
          expect(dagOn(played, "s1", roomId).forwardExtremities()).toEqual(tips)
          expect(stateOn(played, "s2", roomId)).toEqual(stateOn(played, "s1", roomId))
        }),
    )
  })

  it("survives a restart", async () => {
    await play({ servers: 1, roomVersion: "11" }, ({ kernel, network, stage, servers }) =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        const signatures = synchronously(nativeSignatures("libsodium"))
        const parts = { kernel, network, disk, settings: {}, signatures }
        const roomId = yield* stage.user(alice).createRoom()
        const before = yield* Effect.scoped(
          Effect.gen(function* () {
            const { users, rooms } = yield* bootServer("s2", parts)
            yield* users.join(bob, roomId, ["s1"])
            yield* users.leave(bob, roomId)
            yield* Effect.sleep(5_000)
            yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "meanwhile" })
            yield* users.join(bob, roomId, ["s1"])
            const { dag } = rooms.find(roomId)!
            return [dag.forwardExtremities(), stateByKey(dag, dag.currentState())]
          }),
        )
        const { rooms } = yield* bootServer("s2", parts)
        const { dag } = rooms.find(roomId)!
        expect([dag.forwardExtremities(), stateByKey(dag, dag.currentState())]).toEqual(before)
        const there = servers.get("s1")!.rooms.find(roomId)!.dag
        expect(dag.forwardExtremities()).toEqual(there.forwardExtremities())
      }).pipe(Effect.scoped),
    )
  })
})

describe("an event whose auth event is not to be had", () => {
  /** s2 gets B, of which A is parent and auth event, while nobody gives it A; then A, and B once more. */
  const inOrder = (
    eventsOf: (played: Played, roomId: string) => Effect.Effect<readonly [Event, Event], unknown>,
  ) =>
    play({ servers: 2, roomVersion: "11" }, (played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const roomId = yield* stage.user(alice).createRoom()
        yield* stage.user(bob).join(roomId, "s1")
        yield* stage.quiet
        yield* stage.rule("lost", { source: "s1", path: /\/send\// }, reply(500, {}))
        const [a, b] = yield* eventsOf(played, roomId)
        yield* stage.rule(
          "silent",
          { source: "s2", path: /get_missing_events|event_auth|state|\/event\// },
          reply(404, { errcode: "M_NOT_FOUND" }),
        )
        const { incoming } = servers.get("s2")!
        const receive = (nth: string, event: Event) => incoming.receiveTransaction("s1", nth, [event.pdu], [])
        const first = yield* receive("1", b)
        const held = dagOn(played, "s2", roomId).record(b.eventId)
        yield* receive("2", a)
        yield* receive("3", b)
        const { dag } = servers.get("s2")!.rooms.find(roomId)!
        return {
          first: Object.values(first.pdus)[0]?.error,
          held,
          verdicts: [a, b].map(({ eventId }) => dag.timeline(eventId)?.verdict),
        }
      }),
    )

  it("is not rejected but dropped: once the other is there it is accepted (I25; Complement TestUnrejectRejectedEvents)", async () => {
    const outcome = await inOrder(({ stage }, roomId) =>
      Effect.gen(function* () {
        const users = { [alice]: 100, [bob]: 50 }
        const a = yield* stage.user(alice).setState(roomId, "m.room.power_levels", { users })
        const b = yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "B" })
        return [a, b] as const
      }),
    )
    expect(outcome.first).toContain("missing")
    expect(outcome.held).toBeUndefined()
    expect(outcome.verdicts).toEqual(["accepted", "accepted"])
  })
})
