/** A server changes its key while others talk to it, cannot hear it, or come later. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { type Readings, readingsDefault } from "#spec-impl/core/readings.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { craftPdu, message } from "./testing/craft-event.ts"
import { type Played, type PlayOptions, play } from "./testing/play.ts"
import { sendRaw } from "./testing/raw-request.ts"

const bob = "@bob:s2"
const hourMs = 3_600_000

/** Alice's room on s1, with Bob of s2; s3 knows of neither. */
const inRoom = <A, E>(options: PlayOptions, story: (played: Played, roomId: string) => Effect.Effect<A, E>) =>
  play({ servers: 3, ...options }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user("@alice:s1").createRoom()
      yield* stage.user(bob).join(roomId, "s1")
      yield* stage.quiet
      return yield* story(played, roomId)
    }),
  )

const bodiesOn = ({ servers }: Played, server: string, roomId: string): readonly unknown[] =>
  [...servers.get(server)!.rooms.find(roomId)!.dag.records()]
    .filter(({ event, place }) => event.type === "m.room.message" && place === "timeline")
    .map(({ event }) => event.content.body)
    .sort()

const put = (played: Played, transactionId: string, pdu: JsonObject) =>
  Effect.map(
    sendRaw(played, {
      ...{ from: "s2", to: "s1", method: "PUT", body: { pdus: [pdu] } },
      target: `/_matrix/federation/v1/send/${transactionId}`,
    }),
    ({ body }) => Object.values(body.pdus as Record<string, JsonObject>).map(({ error }) => error),
  )

for (const { id } of roomVersions) {
  it(`room ${id}: events of before and after are believed, also by who joins later`, async () => {
    await inRoom({ roomVersion: id }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(bob).say(roomId, "before")
        yield* stage.wait(5_000)
        yield* stage.rotateKey("s2")
        yield* stage.user(bob).say(roomId, "after")
        yield* stage.quiet
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.quiet
        yield* stage.user(bob).say(roomId, "welcome")
        yield* stage.quiet
        expect(bodiesOn(played, "s1", roomId)).toEqual(["after", "before", "welcome"])
        expect(stage.stateOf("s3", roomId, "m.room.member", bob)?.content.membership).toBe("join")
        expect(bodiesOn(played, "s3", roomId)).toContain("welcome")
      }),
    )
  })
}

it("a server that was cut off asks once, and believes all that was said in the meantime", async () => {
  await inRoom({}, (played, roomId) =>
    Effect.gen(function* () {
      const { stage, requests } = played
      yield* stage.user(bob).say(roomId, "before")
      yield* stage.quiet
      yield* stage.partition(["s1"], ["s2"])
      yield* stage.user(bob).say(roomId, "old key, unheard")
      yield* stage.wait(1_000)
      yield* stage.rotateKey("s2")
      yield* stage.user(bob).say(roomId, "new key, unheard")
      yield* stage.wait(60_000)
      const before = requests.length
      yield* stage.heal
      yield* stage.quiet
      expect(bodiesOn(played, "s1", roomId)).toEqual(["before", "new key, unheard", "old key, unheard"])
      const asked = requests.slice(before).filter(({ target }) => target.startsWith("/_matrix/key/"))
      expect(asked.map(({ source, destination }) => [source, destination])).toEqual([["s1", "s2"]])
    }),
  )
})

describe("the key before", () => {
  /** What comes of an event that it signed, dated after it had expired; and of one dated before. */
  const signedLate = (roomVersion: string, readings: Partial<Readings> = {}) =>
    inRoom({ roomVersion, settings: { readings: { ...readingsDefault, ...readings } } }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const craft = (body: string, laterMs: number) =>
          craftPdu(played, "s2", roomId, message(bob, body), (pdu) => ({
            ...pdu,
            origin_server_ts: Number(pdu.origin_server_ts) + laterMs,
          }))
        const [early, late] = [yield* craft("in time", 0), yield* craft("late", hourMs)]
        yield* stage.wait(5_000)
        yield* stage.rotateKey("s2")
        yield* stage.user(bob).say(roomId, "by the new key")
        yield* stage.quiet
        return [yield* put(played, "early", early), yield* put(played, "late", late)]
      }),
    )

  it("proves no event that is dated after it expired, in any room version", async () => {
    for (const roomVersion of ["1", "4", "5", "12"]) {
      const [early, late] = await signedLate(roomVersion)
      expect(early).toEqual([undefined])
      expect(late).toEqual([expect.stringContaining("expired-key")])
    }
  })

  it("proves it in rooms 1–4 on the other reading", async () => {
    const accepted = { expiredKeysBefore5: "accepted" } as const
    expect(await signedLate("4", accepted)).toEqual([[undefined], [undefined]])
    expect((await signedLate("5", accepted))[1]).toEqual([expect.stringContaining("expired-key")])
  })

  it("proves no request any more", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const key = servers.get("s2")!.identity.signingKey
        const ask = sendRaw(played, {
          ...{ from: "s2", to: "s1", method: "GET", key },
          target: `/_matrix/federation/v1/make_leave/${encodeURIComponent(roomId)}/${encodeURIComponent(bob)}`,
        })
        expect((yield* ask).status).toBe(200)
        yield* stage.wait(5_000)
        yield* stage.rotateKey("s2")
        yield* stage.user(bob).say(roomId, "by the new key")
        yield* stage.quiet
        expect(yield* ask).toMatchObject({
          status: 401,
          body: { errcode: "M_UNAUTHORIZED", error: "ed25519:1 of s2: not one of its current keys" },
        })
      }),
    )
  })
})

it("a restart goes on with the rotated key, and with what it has heard of others' keys", async () => {
  await inRoom({}, (played, roomId) =>
    Effect.gen(function* () {
      const { stage, servers, requests } = played
      yield* stage.wait(5_000)
      const keyId = yield* stage.rotateKey("s2")
      yield* stage.user(bob).say(roomId, "by the new key")
      yield* stage.quiet
      for (const server of ["s1", "s2"]) yield* stage.restart(server)
      expect(servers.get("s2")!.identity.signingKey.keyId).toBe(keyId)
      const before = requests.length
      yield* stage.user(bob).say(roomId, "and again")
      yield* stage.quiet
      expect(bodiesOn(played, "s1", roomId)).toEqual(["and again", "by the new key"])
      const asked = requests.slice(before).filter(({ target }) => target.startsWith("/_matrix/key/"))
      expect(asked).toEqual([])
    }),
  )
})

it("a restricted join that the old key co-signed stands", async () => {
  await inRoom({ roomVersion: "10" }, (played, roomId) =>
    Effect.gen(function* () {
      const { stage } = played
      const alice = stage.user("@alice:s1")
      const club = yield* alice.createRoom()
      const allow = [{ type: "m.room_membership", room_id: roomId }]
      yield* alice.setState(club, "m.room.join_rules", { join_rule: "restricted", allow })
      yield* stage.user(bob).join(club, "s1")
      yield* stage.wait(5_000)
      yield* stage.rotateKey("s1")
      yield* alice.setState(club, "m.room.join_rules", { join_rule: "public" })
      yield* stage.quiet
      yield* stage.user("@carol:s3").join(club, "s1")
      const membership = stage.stateOf("s3", club, "m.room.member", bob)
      expect(membership?.content).toMatchObject({
        membership: "join",
        join_authorised_via_users_server: "@alice:s1",
      })
    }),
  )
})

describe("a question for keys", () => {
  it("may name more of them than a call has arguments", () =>
    play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const wanted = Object.fromEntries(Array.from({ length: 200_000 }, (_, at) => [`ed25519:${at}`, {}]))
        const target = "/_matrix/key/v2/query"
        const body = { server_keys: { s2: wanted } }
        const { status } = yield* sendRaw(played, { from: "s2", to: "s1", method: "POST", target, body })
        expect(status).toBe(200)
      }),
    ))
})

it("a clock that is set back does not keep a server from asking for a key", async () => {
  await inRoom({}, (played, roomId) =>
    Effect.gen(function* () {
      const { stage } = played
      const setBack = yield* stage.fault({ fault: "clock-skew", servers: ["s1"], aheadMs: 5 * hourMs })
      yield* stage.rotateKey("s2")
      yield* stage.user(bob).say(roomId, "ahead")
      yield* stage.quiet
      yield* setBack
      yield* stage.rotateKey("s2")
      yield* stage.user(bob).say(roomId, "back")
      yield* stage.wait(10_000)
      expect(bodiesOn(played, "s1", roomId)).toEqual(["ahead", "back"])
    }),
  )
})
