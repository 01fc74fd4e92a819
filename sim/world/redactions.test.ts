/** Redactions: whose apply, in each room version; what is shown and kept after them; and what is decided as before. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { roomVersions, roomVersion as versionOf } from "#spec-impl/core/room-version.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { findInconsistencies } from "../checks/room-consistency.ts"
import { craftPdu, message } from "./testing/craft-event.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { bootServer, type VirtualServer } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const carol = "@carol:s3"
const everyVersion = roomVersions.map(({ id }) => id)
const fromV3 = everyVersion.slice(2)

/** Alice's room on s1, with Bob of s2 and, where there are three servers, Carol of s3, who has no power. */
const inRoom = <A, E>(
  options: { readonly roomVersion?: string; readonly servers?: number; readonly levels?: JsonObject },
  story: (played: Played, roomId: string) => Effect.Effect<A, E>,
) =>
  play({ servers: 2, ...options }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const users = versionOf(options.roomVersion ?? "12")!.auth.privilegedCreators ? {} : { [alice]: 100 }
      const roomId = yield* stage.user(alice).createRoom({ powerLevels: { users, ...options.levels } })
      yield* stage.user(bob).join(roomId, "s1")
      if ((options.servers ?? 2) > 2) yield* stage.user(carol).join(roomId, "s1")
      yield* stage.quiet
      const told = yield* story(played, roomId)
      for (const { rooms } of played.servers.values()) {
        const dag = rooms.find(roomId)?.dag
        expect(dag === undefined ? [] : findInconsistencies(dag)).toEqual([])
      }
      return told
    }),
  )

const dagOf = ({ servers }: Played, server: string, roomId: string) =>
  servers.get(server)!.rooms.find(roomId)!.dag
const shownBy = ({ rooms }: VirtualServer, roomId: string, eventId: string): unknown => {
  const { dag } = rooms.find(roomId)!
  const held = dag.record(eventId)?.event
  return held === undefined ? "not held" : dag.redactions.shown(held).content
}
const shownOn = (played: Played, server: string, roomId: string, eventId: string): unknown =>
  shownBy(played.servers.get(server)!, roomId, eventId)

let transactions = 0
/** Has `from` send PDUs that none of its users could. */
const push = ({ servers }: Played, from: string, to: string, pdus: readonly JsonObject[]) =>
  servers.get(from)!.client.call(to, (api) =>
    api.transactions.send({
      params: { transactionId: `crafted-${transactions++}` },
      payload: { origin: from, origin_server_ts: 1, pdus },
    }),
  )

const redactionOf = (version: string, sender: string, target: string) => {
  const isInContent = versionOf(version)!.redaction.redactsIn === "content"
  return {
    draft: { type: "m.room.redaction", sender, content: isInContent ? { redacts: target } : {} },
    change: (pdu: JsonObject): JsonObject => (isInContent ? pdu : { ...pdu, redacts: target }),
  }
}

describe("a redaction", () => {
  for (const roomVersion of everyVersion) {
    it(`room ${roomVersion}: takes a message away on every server, and from what a newcomer is given`, async () => {
      await inRoom({ roomVersion, servers: 3 }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const said = yield* stage.user(bob).say(roomId, "a secret")
          yield* stage.quiet
          expect(shownOn(played, "s1", roomId, said.eventId)).toMatchObject({ body: "a secret" })
          const redaction = yield* stage.user(bob).redact(roomId, said.eventId, "not for you")
          yield* stage.quiet
          const { redactsIn } = versionOf(roomVersion)!.redaction
          expect([redaction.pdu.redacts, redaction.content]).toEqual(
            redactsIn === "content"
              ? [undefined, { redacts: said.eventId, reason: "not for you" }]
              : [said.eventId, { reason: "not for you" }],
          )
          for (const server of ["s1", "s2", "s3"]) {
            expect([server, shownOn(played, server, roomId, said.eventId)]).toEqual([server, {}])
          }
          const { client } = played.servers.get("s3")!
          const backfill = yield* client.call("s1", (api) =>
            api.history.backfill({ params: { roomId }, query: { v: [said.eventId], limit: 1 } }),
          )
          const event = yield* client.call("s1", (api) =>
            api.history.event({ params: { eventId: said.eventId } }),
          )
          for (const { pdus } of [backfill, event]) {
            expect(pdus.map((pdu) => [eventIdOf(pdu, versionOf(roomVersion)!), pdu.content])).toEqual([
              [said.eventId, {}],
            ])
          }
        }),
      )
    })

    it(`room ${roomVersion}: is for who has the power, or is of the same server`, async () => {
      await inRoom({ roomVersion, servers: 3, levels: { redact: 50 } }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const said = yield* stage.user(bob).say(roomId, "one")
          const other = yield* stage.user(bob).say(roomId, "two")
          yield* stage.quiet
          const refused = yield* refusal(stage.user(carol).redact(roomId, said.eventId))
          expect(refused).toContain("403 M_FORBIDDEN")
          const { draft, change } = redactionOf(roomVersion, carol, said.eventId)
          const pdu = yield* craftPdu(played, "s3", roomId, draft, change)
          yield* push(played, "s3", "s1", [pdu])
          const verdict = dagOf(played, "s1", roomId).record(
            eventIdOf(pdu, versionOf(roomVersion)!)!,
          )?.verdict
          expect(verdict).toBe(Number(roomVersion) < 3 ? "rejected" : "accepted")
          expect(shownOn(played, "s1", roomId, said.eventId)).toMatchObject({ body: "one" })
          yield* stage.user(alice).redact(roomId, said.eventId)
          yield* stage.user("@ben:s2").join(roomId)
          yield* stage.user("@ben:s2").redact(roomId, other.eventId)
          yield* stage.quiet
          for (const server of ["s1", "s2"]) {
            expect(shownOn(played, server, roomId, said.eventId)).toEqual({})
            expect(shownOn(played, server, roomId, other.eventId)).toEqual({})
          }
        }),
      )
    })
  }

  for (const roomVersion of ["1", "3", "11"]) {
    it(`room ${roomVersion}: that comes before its event applies once both are there`, async () => {
      await inRoom({ roomVersion }, (played, roomId) =>
        Effect.gen(function* () {
          const version = versionOf(roomVersion)!
          const said = yield* craftPdu(played, "s2", roomId, message(bob, "late"))
          const saidId = eventIdOf(said, version)!
          const { draft, change } = redactionOf(roomVersion, bob, saidId)
          const redaction = yield* craftPdu(played, "s2", roomId, draft, change)
          yield* push(played, "s2", "s1", [redaction])
          expect(shownOn(played, "s1", roomId, saidId)).toBe("not held")
          yield* push(played, "s2", "s1", [said])
          expect(shownOn(played, "s1", roomId, saidId)).toEqual({})
        }),
      )
    })
  }

  it("by who had the power at that point of the history applies, whatever came to be of it; by none other", async () => {
    for (const roomVersion of fromV3) {
      await inRoom({ roomVersion, servers: 3, levels: { redact: 50 } }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const dag = dagOf(played, "s1", roomId)
          const setLevel = (level: number) => {
            const { content } = dag.eventIn(dag.currentState(), "m.room.power_levels", "")!
            const users = { ...(content.users as JsonObject), [carol]: level }
            return stage.user(alice).setState(roomId, "m.room.power_levels", { ...content, users })
          }
          yield* setLevel(50)
          const said = yield* stage.user(bob).say(roomId, "one")
          const other = yield* stage.user(bob).say(roomId, "two")
          yield* stage.quiet
          yield* stage.user(carol).redact(roomId, said.eventId)
          yield* stage.quiet
          yield* setLevel(0)
          yield* stage.quiet
          const { draft, change } = redactionOf(roomVersion, carol, other.eventId)
          yield* push(played, "s3", "s1", [yield* craftPdu(played, "s3", roomId, draft, change)])
          expect(shownOn(played, "s1", roomId, said.eventId)).toEqual({})
          expect(shownOn(played, "s1", roomId, other.eventId)).toMatchObject({ body: "two" })
        }),
      )
    }
  })

  it("of an event in another room is none, and of one that is not held is refused", async () => {
    await inRoom({ roomVersion: "11" }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const elsewhere = yield* stage.user(bob).createRoom({ roomVersion: "11" })
        const said = yield* stage.user(bob).say(roomId, "here")
        yield* stage.quiet
        expect(yield* refusal(stage.user(bob).redact(elsewhere, said.eventId))).toContain("404 M_NOT_FOUND")
        const { draft, change } = redactionOf("11", bob, said.eventId)
        const pdu = yield* craftPdu(played, "s2", elsewhere, draft, change)
        yield* push(played, "s2", "s2", [pdu])
        expect(dagOf(played, "s2", elsewhere).record(eventIdOf(pdu, versionOf("11")!)!)?.verdict).toBe(
          "accepted",
        )
        expect(shownOn(played, "s2", roomId, said.eventId)).toMatchObject({ body: "here" })
      }),
    )
  })

  it("of a redaction does not bring back what that one took away", async () => {
    for (const roomVersion of ["10", "11"]) {
      await inRoom({ roomVersion }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const said = yield* stage.user(bob).say(roomId, "a secret")
          const redaction = yield* stage.user(bob).redact(roomId, said.eventId, "a reason")
          yield* stage.user(bob).redact(roomId, redaction.eventId)
          yield* stage.quiet
          expect(shownOn(played, "s1", roomId, said.eventId)).toEqual({})
          expect(shownOn(played, "s1", roomId, redaction.eventId)).not.toHaveProperty("reason")
        }),
      )
    }
  })
})

describe("redacted state", () => {
  it("is shown empty, and stays the state", async () => {
    for (const roomVersion of everyVersion) {
      await inRoom({ roomVersion }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const topic = yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "rude" })
          yield* stage.user(alice).redact(roomId, topic.eventId)
          yield* stage.quiet
          for (const server of ["s1", "s2"]) {
            const shown = stage.stateOf(server, roomId, "m.room.topic")
            expect([shown?.eventId, shown?.content]).toEqual([topic.eventId, {}])
          }
        }),
      )
    }
  })

  it("still says what the rules read: who may invite, in rooms where redaction takes that level", async () => {
    for (const roomVersion of ["10", "11"]) {
      await inRoom({ roomVersion, levels: { invite: 50 } }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const levels = stage.stateOf("s1", roomId, "m.room.power_levels")!
          yield* stage.user(alice).redact(roomId, levels.eventId)
          yield* stage.quiet
          const shown = stage.stateOf("s1", roomId, "m.room.power_levels")!.content
          expect("invite" in shown).toBe(roomVersion === "11")
          for (const user of [bob, "@ben:s2"]) {
            yield* Effect.ignore(stage.user(user).join(roomId))
            expect(yield* refusal(stage.user(user).invite(roomId, "@dora:s2"))).toContain("403")
          }
        }),
      )
    }
  })

  it("divergence 12: a newcomer cannot follow a redacted restricted join in room 8, and can from room 9 on", async () => {
    const seen: Record<string, unknown> = {}
    for (const roomVersion of ["8", "9", "10", "11", "12"]) {
      await play({ servers: 3, roomVersion }, (played) =>
        Effect.gen(function* () {
          const { stage } = played
          const lounge = yield* stage.user(alice).createRoom()
          const club = yield* stage.user(alice).createRoom()
          const allow = [{ type: "m.room_membership", room_id: lounge }]
          yield* stage.user(alice).setState(club, "m.room.join_rules", { join_rule: "restricted", allow })
          for (const user of [bob, carol]) yield* stage.user(user).join(lounge, "s1")
          yield* stage.quiet
          const join = yield* stage.user(bob).join(club, "s1")
          yield* stage.quiet
          yield* stage.user(alice).redact(club, join.eventId)
          yield* stage.quiet
          yield* stage.user(carol).join(club, "s1")
          yield* stage.quiet
          seen[roomVersion] = ["s1", "s2", "s3"].map(
            (server) => stage.stateOf(server, club, "m.room.member", bob)?.content.membership,
          )
        }),
      )
    }
    const all = ["join", "join", "join"]
    expect(seen).toEqual({ "8": ["join", "join", undefined], "9": all, "10": all, "11": all, "12": all })
  })
})

describe("a restart", () => {
  it("brings nothing back: the message is gone from the store, and state is shown redacted as before", async () => {
    for (const roomVersion of ["2", "10", "12"]) {
      await play({ servers: 1, roomVersion }, ({ kernel, network, stage }) =>
        Effect.gen(function* () {
          const disk = new MemoryDisk()
          const signatures = synchronously(nativeSignatures("libsodium"))
          const parts = { kernel, network, disk, settings: {}, signatures }
          const roomId = yield* stage.user(alice).createRoom()
          const [said, late, topic] = yield* Effect.scoped(
            Effect.gen(function* () {
              const { users } = yield* bootServer("s2", parts)
              yield* users.join(bob, roomId, ["s1"])
              const secret = { body: "a secret" }
              const first = yield* users.send(bob, roomId, "m.room.message", secret)
              const second = yield* users.send(bob, roomId, "m.room.message", secret)
              yield* stage.quiet
              const set = yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "rude" })
              yield* stage.user(alice).redact(roomId, set.eventId)
              yield* users.redact(bob, roomId, first.eventId)
              yield* stage.user(alice).redact(roomId, second.eventId)
              yield* stage.quiet
              return [first, second, set] as const
            }),
          )
          const kept = (eventId: string): unknown => disk.rooms.get(roomId)!.events.get(eventId)!.pdu.content
          expect([kept(said.eventId), kept(late.eventId)]).toEqual([{}, {}])
          const again = yield* bootServer("s2", parts)
          for (const { eventId } of [said, late, topic]) expect(shownBy(again, roomId, eventId)).toEqual({})
          yield* again.users.send(bob, roomId, "m.room.message", { body: "on we go" })
          yield* stage.quiet
          const { dag } = again.rooms.find(roomId)!
          expect(findInconsistencies(dag)).toEqual([])
          expect(dag.currentState().digest).toBe(
            dag.timeline(dag.forwardExtremities()[0]!)!.stateAfter.digest,
          )
        }).pipe(Effect.scoped),
      )
    }
  })
})
