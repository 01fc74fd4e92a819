/** Where real servers part from the text, as far as it shows between servers only: see spec-impl/README.md. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { type Readings, readingsDefault } from "#spec-impl/core/readings.ts"
import { reply } from "../network/rules.ts"
import { craftPdu, message } from "./testing/craft-event.ts"
import { type Played, play } from "./testing/play.ts"
import { sendRaw } from "./testing/raw-request.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"

/** Alice's room on s1, with Bob of s2; s1 reads as `readings` have it. */
const inRoom = <A>(
  roomVersion: string,
  readings: Partial<Readings>,
  story: (played: Played, roomId: string) => Effect.Effect<A, unknown>,
) =>
  play({ roomVersion, settings: { readings: { ...readingsDefault, ...readings } } }, (played) =>
    Effect.gen(function* () {
      const roomId = yield* played.stage.user(alice).createRoom()
      yield* played.stage.user(bob).join(roomId, "s1")
      yield* played.stage.quiet
      return yield* story(played, roomId)
    }),
  )

const messagesOn = ({ servers }: Played, server: string, roomId: string): readonly unknown[] =>
  [...servers.get(server)!.rooms.find(roomId)!.dag.records()]
    .filter(({ event }) => event.type === "m.room.message")
    .map(({ event }) => event.content.body)

const send = { from: "s2", to: "s1", method: "PUT", target: "/_matrix/federation/v1/send/t" }

describe("9: one PDU of fifty that is no canonical JSON", () => {
  /** All say something to the same point of the history; the twentieth is too deep by one. */
  const answerBy = (nonCanonicalPdu: Readings["nonCanonicalPdu"]) =>
    inRoom("11", { nonCanonicalPdu }, (played, roomId) =>
      Effect.gen(function* () {
        const pdus: JsonObject[] = []
        for (let count = 0; count < 50; count++) {
          const change = (pdu: JsonObject) => (count === 20 ? { ...pdu, depth: 2n ** 53n } : pdu)
          pdus.push(yield* craftPdu(played, "s2", roomId, message(bob, `message ${count}`), change))
        }
        const { status, body } = yield* sendRaw(played, {
          ...send,
          body: { origin: "s2", origin_server_ts: 1, pdus },
        })
        const errors = Object.values((body.pdus ?? {}) as Record<string, JsonObject>).flatMap(
          ({ error }) => error ?? [],
        )
        return { status, errors, held: messagesOn(played, "s1", roomId).length }
      }),
    )

  it("is discarded, and no other; or the whole transaction is refused: a reading", async () => {
    const { errors, ...outcome } = await answerBy("discard-event")
    expect(outcome).toEqual({ status: 200, held: 49 })
    expect(errors).toEqual([expect.stringContaining("out of range")])
    expect(await answerBy("refuse-transaction")).toEqual({ status: 403, errors: [], held: 0 })
  })
})

describe("10: a key that stands twice", () => {
  /** Bob leaves, and joins, in one event; his server signed what its own parser took it for. */
  const membershipBy = (roomVersion: string, repeatedKeys: Readings["repeatedKeys"]) =>
    inRoom(roomVersion, { repeatedKeys }, (played, roomId) =>
      Effect.gen(function* () {
        const draft = { type: "m.room.member", sender: bob, stateKey: bob, content: { membership: "leave" } }
        const pdu = yield* craftPdu(played, "s2", roomId, draft)
        const text = canonicalJson({ origin: "s2", origin_server_ts: 1, pdus: [pdu] })
        const twice = text.replace('"membership":"leave"', '"membership":"join","membership":"leave"')
        const { status } = yield* sendRaw(played, { ...send, bytes: new TextEncoder().encode(twice) })
        expect(status).toBe(200)
        return played.stage.stateOf("s1", roomId, "m.room.member", bob)?.content.membership
      }),
    )

  it("is no canonical JSON in rooms 6 and later, or the last one counts: a reading", async () => {
    for (const version of ["6", "12"]) {
      expect(await membershipBy(version, "refused")).toBe("join")
      expect(await membershipBy(version, "last-wins")).toBe("leave")
    }
  })

  it("counts for the last time in older rooms", async () => {
    expect(await membershipBy("5", "refused")).toBe("leave")
  })
})

describe("16: a state that is not to be had", () => {
  /** s2 has missed too much of one room; s1, which sends on, does not tell the state there. */
  const outcomeBy = (missingState: Readings["missingState"]) =>
    inRoom("11", { missingState }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const other = yield* stage.user(alice).createRoom()
        yield* stage.user(bob).join(other, "s1")
        yield* stage.quiet
        yield* stage.partition(["s1"], ["s2"])
        for (let count = 0; count < 30; count++) yield* stage.user(alice).say(roomId, `message ${count}`)
        yield* stage.user(alice).say(other, "in the other room")
        const unknown = reply(404, { errcode: "M_NOT_FOUND", error: "no state there" })
        yield* stage.rule("no state", { path: /\/state_ids\// }, unknown)
        yield* stage.heal
        yield* stage.wait(600_000)
        const unsent = servers.get("s1")!.destinations.unsent()
        return { other: messagesOn(played, "s2", other), isStuck: unsent.length > 0 }
      }),
    )

  it("fails one event and no more; or the transaction, for ever: a reading", async () => {
    expect(await outcomeBy("fails-event")).toEqual({ other: ["in the other room"], isStuck: false })
    expect(await outcomeBy("fails-transaction")).toMatchObject({ isStuck: true })
  })
})

describe("18: two rooms of one user at one instant", () => {
  it("are two rooms: their create events carry entropy", () =>
    play({ roomVersion: "12", servers: 1 }, ({ stage }) =>
      Effect.gen(function* () {
        const create = stage.user(alice).createRoom()
        const ids = yield* Effect.all([create, create, create], { concurrency: "unbounded" })
        expect(new Set(ids).size).toBe(3)
      }),
    ))
})
