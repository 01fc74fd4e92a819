/**
 * `unsigned` is what one server says of an event to another, and nobody has signed it. Whatever a server puts there is
 * neither kept, nor served, nor acted upon (server-server API §Signing Events: it is outside of hashes and signatures).
 */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { canonicalJson, canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { pduBytesMax } from "#spec-impl/core/limits.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import type { WireRequest } from "#spec-impl/federation/wire.ts"
import { alterReply, alterRequest, withBody } from "../network/rules.ts"
import { craftPdu, message } from "./testing/craft-event.ts"
import { type Played, play } from "./testing/play.ts"
import { sendRaw } from "./testing/raw-request.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"

const gossip = {
  age: 1,
  redacted_because: { type: "m.room.redaction", sender: "@mallory:s9" },
  prev_content: { body: "what was never said" },
  invite_room_state: [
    { type: "m.room.name", state_key: "", sender: "@mallory:s9", content: { name: "lies" } },
  ],
  transaction_id: "1",
}

/** Puts gossip beside every event in it. */
const withGossip = (value: JsonValue): JsonValue => {
  if (isJsonArray(value)) return value.map(withGossip)
  if (!isJsonObject(value)) return value
  const isEvent = value.hashes !== undefined && value.signatures !== undefined
  const inner = isEvent
    ? value
    : Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withGossip(child)]))
  return isEvent ? { ...inner, unsigned: gossip } : inner
}

/** All that a server keeps in memory of its rooms, and of its users outside. */
const heldBy = ({ servers }: Played, server: string): string => {
  const { rooms, outside } = servers.get(server)!
  const events = rooms.all().flatMap(({ dag }) => [...dag.records()].map(({ event }) => event.pdu))
  const standings = outside.ofUser(bob).map(({ standing }) => [standing.pdu, ...standing.roomState])
  return canonicalJson([...events, ...standings.flat()])
}

describe("what another server says in `unsigned`", () => {
  for (const roomVersion of ["1", "10", "12"]) {
    it(`room ${roomVersion}: of joins, invites, history and state is neither kept nor passed on`, async () => {
      await play({ servers: 3, roomVersion }, (played) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.rule(
            "answers",
            { source: "s2", destination: "s1" },
            alterReply((response) =>
              withBody(response, canonicalJsonBytes(withGossip(readJson(response.body) ?? {}))),
            ),
          )
          const roomId = yield* stage.user(alice).createRoom()
          yield* stage.user(alice).say(roomId, "before")
          yield* stage.user(bob).join(roomId, "s1")
          yield* stage.quiet
          yield* stage.partition(["s1"], ["s2"])
          for (let said = 0; said < 15; said++) yield* stage.user(alice).say(roomId, `number ${said}`)
          yield* stage.heal
          yield* stage.user(alice).say(roomId, "after")
          yield* stage.quiet
          const secret = yield* stage.user(alice).createRoom({ joinRule: "invite" })
          yield* stage.user(alice).invite(secret, bob)
          expect(played.servers.get("s2")!.outside.standingOf(bob, secret)).toBeDefined()
          expect(heldBy(played, "s2")).not.toContain("mallory")
          yield* stage.user("@carol:s3").join(roomId, "s2")
          yield* stage.quiet
          const [tip] = played.servers.get("s2")!.rooms.find(roomId)!.dag.forwardExtremities()
          const passedOn = yield* sendRaw(played, {
            from: "s3",
            to: "s2",
            method: "GET",
            target: `/_matrix/federation/v1/backfill/${encodeURIComponent(roomId)}?v=${encodeURIComponent(tip!)}&limit=100`,
          })
          const text = canonicalJson(passedOn.body)
          expect([text.includes("number 14"), text.includes("unsigned")]).toEqual([true, false])
          expect(heldBy(played, "s3")).not.toContain("mallory")
        }),
      )
    })

    it(`room ${roomVersion}: of a pushed event is no redaction of it, and no part of its size`, async () => {
      await play({ servers: 2, roomVersion }, (played) =>
        Effect.gen(function* () {
          const { stage, servers } = played
          const roomId = yield* stage.user(alice).createRoom()
          yield* stage.user(bob).join(roomId, "s1")
          yield* stage.quiet
          const sizeOf = (pdu: JsonObject): number => canonicalJsonBytes(pdu).length
          const small = yield* craftPdu(played, "s2", roomId, message(bob, ""))
          const whole = yield* craftPdu(
            played,
            "s2",
            roomId,
            message(bob, "x".repeat(pduBytesMax - sizeOf(small))),
          )
          expect(sizeOf(whole)).toBe(pduBytesMax)
          const pdus = [{ ...whole, unsigned: gossip }]
          const { client } = servers.get("s2")!
          const payload = { origin: "s2", origin_server_ts: 1, pdus }
          const answer = yield* client.call("s1", (api) =>
            api.transactions.send({ params: { transactionId: "1" }, payload }),
          )
          expect(Object.values(answer.pdus as JsonObject)).toEqual([{}])
          const { dag } = servers.get("s1")!.rooms.find(roomId)!
          const held = [...dag.records()].at(-1)!.event
          expect(dag.redactions.shown(held).content).toEqual(whole.content)
          expect(heldBy(played, "s1")).not.toContain("mallory")
        }),
      )
    })
  }

  it("is not sent by this server either, but for v1 invites, which say there what the room is", async () => {
    for (const roomVersion of ["2", "12"]) {
      await play({ servers: 2, roomVersion }, (played) =>
        Effect.gen(function* () {
          const { stage } = played
          const sent: WireRequest[] = []
          yield* stage.rule(
            "listen",
            {},
            alterRequest((request) => {
              sent.push(request)
              return request
            }),
          )
          const roomId = yield* stage.user(alice).createRoom({ joinRule: "invite" })
          yield* stage.user(alice).invite(roomId, bob)
          yield* stage.user(bob).join(roomId)
          yield* stage.user(bob).say(roomId, "hello")
          yield* stage.user(bob).leave(roomId)
          yield* stage.quiet
          expect(sent.length).toBeGreaterThan(4)
          for (const { body } of sent) expect(new TextDecoder().decode(body)).not.toContain("unsigned")
        }),
      )
    }
  })
})
