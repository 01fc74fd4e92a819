/** Events that are not canonical JSON, on each endpoint that takes one (rooms/v6 §Canonical JSON). */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { JsonFloat, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { craftPdu } from "./testing/craft-event.ts"
import { type Played, play } from "./testing/play.ts"
import { sendRaw } from "./testing/raw-request.ts"

const path = encodeURIComponent
const bob = "@bob:s2"
const odd: Readonly<Record<string, JsonValue>> = { float: new JsonFloat(1.5), "huge integer": 2n ** 60n }

/** What s1 answers to each of its endpoints when s2 sends it an event with that in its content. */
const answersTo = (roomVersion: string, value: JsonValue) =>
  play({ roomVersion }, (played) =>
    Effect.gen(function* () {
      const roomId = yield* played.stage.user("@alice:s1").createRoom({ joinRule: "knock" })
      const answers: unknown[] = []
      for (const membership of ["join", "knock", "leave"]) {
        const pdu = membershipPdu(roomVersion, roomId, bob, membership, value)
        const version = membership === "knock" ? "v1" : "v2"
        const target = `/_matrix/federation/${version}/send_${membership}/${path(roomId)}/${path("$any")}`
        const { status, errcode } = yield* sendRaw(played, {
          from: "s2",
          to: "s1",
          method: "PUT",
          target,
          body: pdu,
        })
        answers.push(`${membership}: ${status} ${String(errcode)}`)
      }
      answers.push(`invite: ${yield* inviteWith(played, roomVersion, roomId, value)}`)
      return answers
    }),
  )

const inviteWith = (played: Played, roomVersion: string, roomId: string, value: JsonValue) =>
  Effect.gen(function* () {
    const content = { membership: "invite" }
    const draft = { type: "m.room.member", sender: "@alice:s1", stateKey: bob, content }
    const event = yield* craftPdu(played, "s1", roomId, draft, (pdu) => ({
      ...pdu,
      content: { ...content, value },
    }))
    const target = `/_matrix/federation/v2/invite/${path(roomId)}/${path("$any")}`
    const body = { room_version: roomVersion, event }
    const { status, errcode } = yield* sendRaw(played, { from: "s1", to: "s2", method: "PUT", target, body })
    return `${status} ${String(errcode)}`
  })

const membershipPdu = (
  roomVersion: string,
  roomId: string,
  userId: string,
  membership: string,
  value: JsonValue,
): JsonObject => ({
  ...(roomVersion === "1" ? { event_id: "$any:s2" } : {}),
  ...{ type: "m.room.member", room_id: roomId, sender: userId, state_key: userId },
  ...{ content: { membership, value }, origin_server_ts: 0, depth: 1, prev_events: [], auth_events: [] },
  ...{ hashes: { sha256: "" }, signatures: { s2: {} } },
})

describe("is refused with 400 M_BAD_JSON from room 6 on", () => {
  for (const [what, value] of Object.entries(odd)) {
    it(what, async () => {
      for (const roomVersion of ["7", "10", "12"]) {
        for (const answer of await answersTo(roomVersion, value)) expect(answer).toContain("400 M_BAD_JSON")
      }
    })
  }

  it("in older rooms it is other things that are wrong with it", async () => {
    for (const answer of await answersTo("5", odd.float!)) expect(answer).not.toContain("M_BAD_JSON")
  })
})
