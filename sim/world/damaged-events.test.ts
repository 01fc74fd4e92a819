/**
 * An event that came, and not as it was made: its signatures or its hash do not hold. It has not been received, and is
 * asked for again (server-server API §Checks performed on receipt of a PDU, §Retrieving events).
 */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import { findInconsistencies } from "../checks/room-consistency.ts"
import type { RequestMatch } from "../network/rules.ts"
import { alterAnswer } from "./testing/handshake.ts"
import { type Played, play } from "./testing/play.ts"
import { stateAsker } from "./testing/state-asker.ts"
import { roomOn, stateOn } from "./testing/views.ts"

type Change = (pdu: JsonObject) => JsonObject

const isName = (pdu: JsonValue): pdu is JsonObject => (pdu as JsonObject).type === "m.room.name"

/** Does it to the room's name, wherever in an answer that stands. */
const toName = (change: Change) =>
  alterAnswer((body) =>
    Object.fromEntries(
      Object.entries(body).map(([key, value]) => [
        key,
        Array.isArray(value) ? value.map((pdu) => (isName(pdu) ? change(pdu) : pdu)) : value,
      ]),
    ),
  )

const otherSignature: Change = (pdu) => ({ ...pdu, signatures: { s1: { [keyIdOf(pdu)]: "A".repeat(86) } } })
const otherKey: Change = (pdu) => ({
  ...pdu,
  signatures: { s1: { "ed25519:gone": (pdu.signatures as Signatures).s1![keyIdOf(pdu)]! } },
})
const otherContent: Change = (pdu) => ({ ...pdu, content: { name: "theirs" } })
/** Its id is made of that, but for rooms 1 and 2. */
const otherDepth: Change = (pdu) => ({ ...pdu, depth: Number(pdu.depth) + 1 })
const noSignatures: Change = ({ signatures: _, ...pdu }) => pdu

type Signatures = { readonly [server: string]: { readonly [keyId: string]: string } }
const keyIdOf = ({ signatures }: JsonObject): string => Object.keys((signatures as Signatures).s1!)[0]!

/** What s2 asks for events by themselves. */
const ofEvent: RequestMatch = { source: "s2", path: /\/event\// }
const once = { times: 1 }

/** What s2 shows of the room's name, and how often it asked whom for the event. */
const found = (played: Played, roomId: string) => {
  const [here, there] = [stateOn(played, "s2", roomId), stateOn(played, "s1", roomId)]
  const nameId = there["m.room.name|"]!
  expect(findInconsistencies(roomOn(played, "s2", roomId).dag)).toEqual([])
  return {
    name: played.stage.stateOf("s2", roomId, "m.room.name")?.content.name,
    isSame: JSON.stringify(here) === JSON.stringify(there),
    asked: played.requests
      .filter(
        ({ source, target }) => source === "s2" && target.includes(`/event/${encodeURIComponent(nameId)}`),
      )
      .map(({ destination }) => destination),
  }
}

type Rule = readonly [RequestMatch, Change, { readonly times?: number }?]

const guests = ["@bob:s2", "@carol:s3", "@dan:s4"]

/** s2 is away while Alice names the room, and is then told the state. */
const toldState = (roomVersion: string, rules: readonly Rule[], users = guests) =>
  play({ servers: 4, roomVersion, settings: stateAsker }, (played) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { stage, network } = played
        const alice = stage.user("@alice:s1")
        const roomId = yield* alice.createRoom()
        for (const user of users) yield* stage.user(user).join(roomId, "s1")
        yield* stage.quiet
        yield* stage.partition(["s1", "s3", "s4"], ["s2"])
        // What was sent when it went away is sent again as it was, and nothing else.
        yield* alice.say(roomId, "zero")
        yield* stage.wait(1_000)
        yield* alice.setState(roomId, "m.room.name", { name: "ours" })
        yield* alice.say(roomId, "one")
        yield* stage.wait(1_000)
        for (const [match, change, options] of rules) yield* network.rule(match, toName(change), options)
        yield* stage.heal
        yield* alice.say(roomId, "two")
        yield* stage.wait(60_000)
        expect(roomOn(played, "s2", roomId).dag.forwardExtremities()).toEqual(
          roomOn(played, "s1", roomId).dag.forwardExtremities(),
        )
        return found(played, roomId)
      }),
    ),
  )

describe("an event of a told state that came damaged", () => {
  it.each(["1", "11", "12"])("room %s: is asked for once more, and the states agree", async (roomVersion) => {
    for (const change of [otherSignature, otherContent, otherDepth]) {
      const told = await toldState(roomVersion, [[ofEvent, change, once]])
      expect(told).toEqual({ name: "ours", isSame: true, asked: ["s1", "s1"] })
    }
  })

  it("is asked for of others where who told it has no other copy", async () => {
    const told = await toldState("11", [[{ ...ofEvent, destination: "s1" }, otherSignature]])
    expect(told).toEqual({ name: "ours", isSame: true, asked: ["s1", "s1", "s3"] })
  })

  it("is asked for four times at most of who gives another copy each time, as what alters them does", async () => {
    let given = 0
    const another: Change = (pdu) => ({
      ...pdu,
      signatures: { s1: { [keyIdOf(pdu)]: "ABCDEFGH"[given++]!.repeat(86) } },
    })
    const told = await toldState("11", [[ofEvent, another]], ["@bob:s2"])
    expect(told).toEqual({ name: undefined, isSame: false, asked: ["s1", "s1", "s1", "s1", "s1"] })
    given = 0
    expect((await toldState("11", [[ofEvent, another, { times: 4 }]], ["@bob:s2"])).name).toBe("ours")
  })

  it("is left out where nobody has it whole, and the state taken without it", async () => {
    const told = await toldState("11", [[ofEvent, otherSignature]])
    expect(told).toEqual({ name: undefined, isSame: false, asked: ["s1", "s1", "s3", "s4"] })
  })

  it("is not asked for again where the key is not to be had by which it is signed (S18)", async () => {
    const told = await toldState("11", [[ofEvent, otherKey]])
    expect(told).toEqual({ name: undefined, isSame: false, asked: ["s1"] })
  })
})

/** Bob joins by way of s1, and hears of the name with that. */
const joining = (roomVersion: string, rules: readonly Rule[], partialStateJoins = false) =>
  play({ servers: 3, roomVersion, settingsOf: () => ({ partialStateJoins }) }, (played) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { stage, network } = played
        const initialState = [{ type: "m.room.name", stateKey: "", content: { name: "ours" } }]
        const roomId = yield* stage.user("@alice:s1").createRoom({ initialState })
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.quiet
        for (const [match, change, options] of rules) yield* network.rule(match, toName(change), options)
        yield* stage.user("@bob:s2").join(roomId, "s1")
        yield* stage.wait(60_000)
        return found(played, roomId)
      }),
    ),
  )

describe("an event that came damaged with a join", () => {
  const ofJoin: RequestMatch = { source: "s2", path: /\/send_join\// }

  it.each(["1", "11", "12"])("room %s: is asked for by its id, and the states agree", async (roomVersion) => {
    for (const change of [otherSignature, otherContent, otherDepth, noSignatures]) {
      expect(await joining(roomVersion, [[ofJoin, change]])).toEqual({
        name: "ours",
        isSame: true,
        asked: ["s1"],
      })
    }
  })

  it("likewise where members were left out", async () => {
    expect(await joining("11", [[ofJoin, otherSignature]], true)).toEqual({
      name: "ours",
      isSame: true,
      asked: ["s1"],
    })
  })

  it("is left out where nobody has it whole, and the join does not fail", async () => {
    const both = (change: Change): readonly Rule[] => [
      [ofJoin, change],
      [ofEvent, change],
    ]
    const asked = ["s1", "s3"]
    expect(await joining("11", both(otherSignature))).toEqual({ name: undefined, isSame: false, asked })
    // Check 3 leaves what redaction leaves of it.
    expect(await joining("11", both(otherContent))).toEqual({ name: undefined, isSame: true, asked })
  })

  it("is not asked for again where the key is not to be had by which it is signed (S18)", async () => {
    expect(await joining("11", [[ofJoin, otherKey]])).toEqual({ name: undefined, isSame: false, asked: [] })
  })
})
