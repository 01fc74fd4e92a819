/** What a joining server makes of what a resident server answers. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { findInconsistencies } from "../checks/room-consistency.ts"
import { type RuleAction, reply } from "../network/rules.ts"
import { craftPdu } from "./testing/craft-event.ts"
import { alice, alterAnswer, bob, withRoom } from "./testing/handshake.ts"
import { membershipOn, roomOn } from "./testing/views.ts"

describe("what a resident answers", () => {
  const listOf = (value: unknown): readonly JsonObject[] => value as readonly JsonObject[]
  const ofType = (type: string) => (pdu: JsonObject) => pdu.type === type

  /** Bob joins while s1's answer to send_join is altered. */
  const joiningWith = (action: RuleAction, roomVersion = "11", path = /send_join/) =>
    withRoom({ roomVersion, servers: 3 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "the topic" })
        yield* stage.quiet
        yield* stage.rule("altered", { path, source: "s2" }, action)
        const outcome = yield* stage
          .user(bob)
          .join(roomId, "s1")
          .pipe(
            Effect.as("joined"),
            Effect.catch((error) => Effect.succeed(String("message" in error ? error.message : error))),
          )
        const dag = servers.get("s2")!.rooms.find(roomId)?.dag
        if (dag !== undefined) expect(findInconsistencies(dag)).toEqual([])
        return {
          outcome,
          isHeld: dag !== undefined,
          topic: stage.stateOf("s2", roomId, "m.room.topic")?.content.topic,
          carol: membershipOn(played, "s2", roomId, "@carol:s3"),
        }
      }),
    )

  it("is of no use without the create event, of another version, with two events under one key, or short of members", async () => {
    const useless: Readonly<Record<string, (body: JsonObject) => JsonObject>> = {
      "no create event": (body) => ({
        ...body,
        state: listOf(body.state).filter((pdu) => !ofType("m.room.create")(pdu)),
      }),
      "two topics": (body) => {
        const topic = listOf(body.state).find(ofType("m.room.topic"))!
        return { ...body, state: [...listOf(body.state), { ...topic, depth: 3 }] }
      },
      "members left out": (body) => ({ ...body, members_omitted: true, servers_in_room: ["s1"] }),
      "no auth events of the join": (body) => ({
        ...body,
        state: listOf(body.state).filter((pdu) => !ofType("m.room.power_levels")(pdu)),
        auth_chain: listOf(body.auth_chain).filter((pdu) => !ofType("m.room.power_levels")(pdu)),
      }),
      "a state that does not allow the join": (body) => ({
        ...body,
        state: listOf(body.state).filter((pdu) => !ofType("m.room.join_rules")(pdu)),
      }),
    }
    for (const [name, alter] of Object.entries(useless)) {
      const { outcome, isHeld } = await joiningWith(alterAnswer(alter))
      expect([name, outcome.slice(0, 13), isHeld]).toEqual([name, "502 M_UNKNOWN", false])
    }
    const other = alterAnswer((body) => ({ ...body, room_version: "10" }))
    const { outcome, isHeld } = await joiningWith(other, "11", /make_join/)
    expect([outcome.slice(0, 13), isHeld]).toEqual(["502 M_UNKNOWN", false])
  })

  it("template of make_join must be what was asked for", async () => {
    const templates: Readonly<Record<string, JsonObject>> = {
      type: { type: "m.room.topic" },
      room: { room_id: "!other:s1" },
      sender: { sender: "@mallory:s2" },
      "state key": { state_key: "@mallory:s2" },
      membership: { content: { membership: "invite" } },
      form: { prev_events: "none" },
    }
    for (const [name, change] of Object.entries(templates)) {
      const alter = alterAnswer((body) => ({ ...body, event: { ...(body.event as JsonObject), ...change } }))
      const { outcome } = await joiningWith(alter, "11", /make_join/)
      const reason = name === "form" ? "made no event" : "made another event than it was asked for"
      expect([name, outcome.slice(0, 13)]).toEqual([name, "502 M_UNKNOWN"])
      expect([name, outcome]).toEqual([name, expect.stringContaining(reason)])
    }
  })

  it("is taken without the events that fail their checks, and without what rests on these", async () => {
    const forge = (pdu: JsonObject): JsonObject => ({ ...pdu, signatures: { s3: { "ed25519:1": "AAAA" } } })
    const forgeIn = (value: unknown): readonly JsonObject[] =>
      listOf(value).map((pdu) => (pdu.state_key === "@carol:s3" ? forge(pdu) : pdu))
    // Nor is any other copy of it to be had.
    const forged = await joiningWith(
      alterAnswer((body) =>
        body.pdus === undefined
          ? { ...body, state: forgeIn(body.state), auth_chain: forgeIn(body.auth_chain) }
          : { ...body, pdus: forgeIn(body.pdus) },
      ),
      "11",
      /send_join|\/event\//,
    )
    expect(forged).toEqual({ outcome: "joined", isHeld: true, topic: "the topic", carol: undefined })
    const isAlice = (pdu: JsonObject): boolean => pdu.state_key === alice
    const hole = await joiningWith(
      alterAnswer((body) => ({
        ...body,
        state: listOf(body.state).filter((pdu) => !isAlice(pdu) && !ofType("m.room.topic")(pdu)),
      })),
    )
    expect(hole).toEqual({ outcome: "joined", isHeld: true, topic: undefined, carol: "join" })
    const twice = await joiningWith(
      alterAnswer((body) => ({ ...body, state: [...listOf(body.state), ...listOf(body.state)] })),
    )
    expect(twice).toEqual({ outcome: "joined", isHeld: true, topic: "the topic", carol: "join" })
  })

  it("is passed on as a 5xx where it says that the request was faulty", async () => {
    for (const errcode of ["M_INVALID_PARAM", "M_MISSING_PARAM"]) {
      const { outcome } = await joiningWith(reply(400, { errcode, error: "no" }))
      expect(outcome).toBe("502 M_UNKNOWN: the other server found the request faulty: no")
    }
  })

  it("gives the join back with signatures, and with nothing else that this server would take for its own", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const altered = (alter: (event: JsonObject) => JsonObject) =>
          alterAnswer((body) => ({ ...body, event: alter(body.event as JsonObject) }))
        const named = altered((event) => ({ ...event, content: { membership: "join", displayname: "Bob" } }))
        yield* stage.rule("named", { path: /make_join/ }, named)
        const renamed = altered((event) => ({
          ...event,
          content: { membership: "join", displayname: "Mallory" },
          unsigned: { age: 1 },
          signatures: { ...(event.signatures as JsonObject), s1: { "ed25519:1": "A".repeat(86) } },
        }))
        yield* stage.rule("renamed", { path: /send_join/ }, renamed)
        const join = yield* stage.user(bob).join(roomId, "s1")
        expect(join.content).toEqual({ membership: "join", displayname: "Bob" })
        expect(join.pdu).not.toHaveProperty("unsigned")
        expect(Object.keys(join.pdu.signatures as JsonObject)).toEqual(["s2"])
        yield* stage.quiet
        const held = stage.stateOf("s2", roomId, "m.room.member", bob)!
        expect(held.pdu).toEqual(stage.stateOf("s1", roomId, "m.room.member", bob)!.pdu)
      }),
    )
  })

  it("is taken without what its own auth_events reject", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const content = { topic: "never allowed" }
        const draft = { type: "m.room.topic", sender: alice, stateKey: "", content }
        const topic = yield* craftPdu(played, "s1", roomId, draft, (pdu) => {
          const cited = pdu.auth_events as readonly string[]
          return { ...pdu, auth_events: [...cited, cited[0]!] }
        })
        const adding = alterAnswer((body) => ({ ...body, state: [...listOf(body.state), topic] }))
        yield* stage.rule("added", { path: /send_join/ }, adding)
        yield* stage.user(bob).join(roomId, "s1")
        expect(stage.stateOf("s2", roomId, "m.room.topic")).toBeUndefined()
        const { dag } = roomOn(played, "s2", roomId)
        expect([...dag.records()].filter(({ verdict }) => verdict === "rejected")).toHaveLength(1)
        expect(findInconsistencies(dag)).toEqual([])
      }),
    )
  })
})
