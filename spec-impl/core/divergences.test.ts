/**
 * Where real servers read the rules differently: the text's side of each, and the other one as a reading. The numbers
 * are those of the list of twenty divergences; what shows only between servers is in sim/world/divergences.test.ts.
 */
import { describe, expect, it } from "vitest"
import { authorise, authoriseCitations } from "./auth-rules/authorise.ts"
import {
  alice,
  bob,
  carol,
  contextOf,
  createContent,
  eve,
  eventIn,
  invited,
  levelsOf,
  stranger,
  type TestRoom,
  testRoom,
  viewOf,
  withState,
} from "./auth-rules/testing/room.ts"
import type { Event } from "./event.ts"
import { parseEvent } from "./event-format.ts"
import type { JsonObject, JsonValue } from "./json/value.ts"
import { type Readings, readingsDefault } from "./readings.ts"
import { draftIn, emptyRoom, receive, roomWith, take } from "./room-dag/testing/draft-room.ts"
import { type RoomVersion, roomVersion, roomVersions } from "./room-version.ts"
import { serverIsAllowed } from "./server-acl.ts"
import { isPowerEvent } from "./state-resolution/power-events.ts"
import { resolve } from "./state-resolution/resolve.ts"
import { contextOf as resolutionContext } from "./state-resolution/testing/context.ts"
import { StoryRoom } from "./state-resolution/testing/story-room.ts"

const version10 = roomVersion("10")!
const version12 = roomVersion("12")!

/** Whether that event is allowed in that room, by those readings. */
const isAllowed = (room: TestRoom, event: Event, readings: Partial<Readings> = {}): boolean =>
  authorise(event, viewOf(room), {
    ...contextOf(room.version),
    readings: { ...readingsDefault, ...readings },
  }).allowed

const member = (version: RoomVersion, sender: string, target: string, membership: string, more = {}) =>
  eventIn(version, "m.room.member", sender, { membership, ...more }, { stateKey: target })

describe("2, 3: rejected events", () => {
  it("who cites one is rejected in turn", () => {
    const event = member(version10, carol, carol, "join")
    const cited = [...testRoom(version10).state.values()].filter(({ type, stateKey }) => {
      return type !== "m.room.member" || stateKey === carol
    })
    const citations = cited.map((other) => ({ event: other, rejected: false }))
    expect(authoriseCitations(event, citations, contextOf(version10))).toBeUndefined()
    const levelsRejected = citations.map((citation) => ({
      ...citation,
      rejected: citation.event.type === "m.room.power_levels",
    }))
    expect(authoriseCitations(event, levelsRejected, contextOf(version10))?.rule).toBe("2.3")
  })
})

describe("2: events rejected on receipt", () => {
  /** Bob's topic, which one server rejected by its own view of the state, and another did not. */
  const topic = (rejectedInState: Readings["rejectedInState"]) => {
    const room = fork(version10)
    room.tell("topic", { by: bob, type: "m.room.topic", content: {}, after: ["bob"] })
    room.tell("name", { by: alice, type: "m.room.name", content: {}, after: ["bob"] })
    room.graph.setRejected(room.graph.indexOf(room.event("topic").eventId)!, true)
    const context = resolutionContext(version10, { ...readingsDefault, rejectedInState })
    const resolved = resolve(room.graph, [room.state("topic"), room.state("name")], context)
    return room.nameIn(resolved, "m.room.topic", "")
  }

  it("take part in resolution like all others, or are never admitted: a reading", () => {
    expect(topic("admit")).toBe("topic")
    expect(topic("skip")).toBeUndefined()
  })
})

describe("3: rejected events among what the rules ask for", () => {
  /** The levels by which Bob may set a topic were rejected; those before them, which his topic cites, were not. */
  const topic = (rejectedInPartialState: Readings["rejectedInPartialState"]) => {
    const room = fork(version10)
    room.tell("topic", { by: bob, type: "m.room.topic", content: {}, after: ["bob"] })
    const users = { [alice]: 100 }
    room.tell("demoted", { by: alice, type: "m.room.power_levels", content: { users }, after: ["bob"] })
    room.tell("name", { by: alice, type: "m.room.name", content: {} })
    room.graph.setRejected(room.graph.indexOf(room.event("demoted").eventId)!, true)
    const context = resolutionContext(version10, { ...readingsDefault, rejectedInPartialState })
    const demoted = room.with(room.state("topic"), "demoted")
    const resolved = resolve(room.graph, [demoted, room.state("name")], context)
    return room.nameIn(resolved, "m.room.topic", "")
  }

  it("count as lacking, or count: a reading", () => {
    expect(topic("skip")).toBe("topic")
    expect(topic("use")).toBeUndefined()
  })
})

describe("4: what the partial state lacks", () => {
  /** Bob's membership is in conflict; the one by which he wrote the levels is in no state any more. */
  const levels = (authFallback: Readings["authFallback"]) => {
    const room = fork(version10)
    const rename = { by: bob, type: "m.room.member", key: bob }
    const users = { [alice]: 100, [bob]: 100 }
    room.tell("of bob", { by: bob, type: "m.room.power_levels", content: { users, ban: 60 }, after: ["bob"] })
    room.tell("here", { ...rename, content: { membership: "join", displayname: "here" } })
    room.tell("there", { ...rename, content: { membership: "join", displayname: "there" }, after: ["bob"] })
    const context = resolutionContext(version10, { ...readingsDefault, authFallback })
    const resolved = resolve(room.graph, [room.state("here"), room.state("there")], context)
    return room.nameIn(resolved, "m.room.power_levels", "")
  }

  it("is what the event cites, or is lacking: a reading", () => {
    expect(levels("auth-events")).toBe("of bob")
    expect(levels("none")).toBe("levels")
  })
})

/** A room where Alice and Bob have 100, told up to Bob's join. */
const fork = (version: RoomVersion): StoryRoom => {
  const room = new StoryRoom(version)
  const users = { [alice]: 100, [bob]: 100 }
  room.tell("create", { by: alice, type: "m.room.create", content: createContent(version) })
  room.tell("alice", { by: alice, type: "m.room.member", key: alice, content: { membership: "join" } })
  room.tell("levels", { by: alice, type: "m.room.power_levels", content: { users } })
  room.tell("rules", { by: alice, type: "m.room.join_rules", content: { join_rule: "public" } })
  room.tell("bob", { by: bob, type: "m.room.member", key: bob, content: { membership: "join" } })
  return room
}

describe("5: power events", () => {
  const levels = eventIn(version10, "m.room.power_levels", alice, {}, { stateKey: "x" })
  const create = eventIn(version10, "m.room.create", alice, {}, { stateKey: "" })

  it("are told by type alone, or want the empty state key: a reading", () => {
    expect(isPowerEvent(levels, readingsDefault)).toBe(true)
    expect(isPowerEvent(levels, { ...readingsDefault, oddKeyPowerEvents: "no" })).toBe(false)
  })

  it("have no create event among them, or have: a reading", () => {
    expect(isPowerEvent(create, readingsDefault)).toBe(false)
    expect(isPowerEvent(create, { ...readingsDefault, createPowerEvent: "yes" })).toBe(true)
  })
})

describe("6: the power ordering where no levels are cited", () => {
  /** Alice closes the room before there are levels; on the other branch she gives Bob a say, and he opens it. */
  const winner = (versionId: string, levelsUncited: Readings["levelsUncited"]): string | undefined => {
    const version = roomVersion(versionId)!
    const room = new StoryRoom(version)
    const users = { ...(version.auth.privilegedCreators ? {} : { [alice]: 100 }), [bob]: 50 }
    const rule = { type: "m.room.join_rules", time: 90_000 }
    room.tell("create", { by: alice, type: "m.room.create", content: createContent(version) })
    room.tell("alice", { by: alice, type: "m.room.member", key: alice, content: { membership: "join" } })
    room.tell("open", { by: alice, type: "m.room.join_rules", content: { join_rule: "public" } })
    room.tell("bob", { by: bob, type: "m.room.member", key: bob, content: { membership: "join" } })
    room.tell("levels", { by: alice, type: "m.room.power_levels", content: { users } })
    room.tell("of bob", { ...rule, by: bob, content: { join_rule: "public", x: 1 } })
    room.tell("of alice", { ...rule, by: alice, content: { join_rule: "invite" }, after: ["bob"] })
    const context = resolutionContext(version, { ...readingsDefault, levelsUncited })
    const sets = [room.state("of alice"), room.state("of bob")]
    return room.nameIn(resolve(room.graph, sets, context), "m.room.join_rules", "")
  }

  it("the creator counts as 100 and comes before Bob with 50, or counts for nothing: a reading", () => {
    expect(winner("10", "creator")).toBe("of bob")
    expect(winner("10", "zero")).toBe("of alice")
  })

  it("in room 12 the creator comes first however it is read", () => {
    expect(winner("12", "creator")).toBe(winner("12", "zero"))
  })
})

describe("7: users of m.room.power_levels", () => {
  const levels = (users: JsonObject) =>
    eventIn(version10, "m.room.power_levels", alice, levelsOf(version10, { users }), { stateKey: "" })
  const users = { [alice]: 100, [bob]: 50 }

  it("are user ids: @x:* is none, nor is one with a line break; or anything goes: a reading", () => {
    expect(isAllowed(testRoom(version10), levels({ ...users, "@somebody:one": 0 }))).toBe(true)
    for (const odd of ["@somebody:*", "@somebody:one\n", "somebody"]) {
      const event = levels({ ...users, [odd]: 0 })
      expect(isAllowed(testRoom(version10), event)).toBe(false)
      expect(isAllowed(testRoom(version10), event, { powerLevelUserIds: "anything" })).toBe(true)
    }
  })

  it("historical localparts are user ids", () => {
    expect(isAllowed(testRoom(version10), levels({ ...users, "@Söme Body/:one": 0 }))).toBe(true)
  })
})

describe("8: sizes", () => {
  const problemOf = (version: RoomVersion, changes: Readonly<Record<string, JsonValue>>, readings = {}) => {
    const pdu: JsonObject = {
      ...(version.eventId === "opaque" ? { event_id: "$e:one" } : {}),
      type: "m.test",
      room_id: version.roomIdIsCreateHash ? `!${"r".repeat(43)}` : "!r:one",
      sender: alice,
      origin_server_ts: 1,
      depth: 3,
      content: {},
      hashes: { sha256: "AAAA" },
      signatures: { one: { "ed25519:1": "AAAA" } },
      prev_events: [],
      auth_events: [],
      ...changes,
    }
    const parsed = parseEvent(pdu, version, readings)
    return "problem" in parsed ? parsed.problem : undefined
  }
  const accents = { state_key: "é".repeat(200) }

  it("identifiers are counted in bytes, or in rooms 1–10 in code points: a reading", () => {
    for (const version of roomVersions) {
      const inCodePoints = { identifierLength: "code-points-before-11" }
      expect(problemOf(version, accents)).toContain("255 bytes")
      expect(problemOf(version, accents, inCodePoints) === undefined).toBe(Number(version.id) <= 10)
      expect(problemOf(version, { state_key: "e".repeat(256) }, inCodePoints)).toBeDefined()
    }
  })

  it("unsigned does not count", () => {
    const unsigned = { note: "x".repeat(70_000) }
    expect(problemOf(version10, { unsigned })).toBeUndefined()
    expect(problemOf(version10, { content: unsigned })).toContain("65536")
  })
})

describe("11: invited, and knocking", () => {
  it("is forbidden, or allowed: a reading", () => {
    for (const version of roomVersions.filter(({ auth }) => auth.knock)) {
      const room = withState(testRoom(version), "m.room.join_rules", "", { join_rule: "knock" })
      const knock = member(version, invited, invited, "knock")
      expect(isAllowed(room, knock)).toBe(false)
      expect(isAllowed(room, knock, { knockAfterInvite: "allowed" })).toBe(true)
      for (const one of [carol, "@banned:one"]) {
        expect(isAllowed(room, member(version, one, one, "knock"), { knockAfterInvite: "allowed" })).toBe(
          false,
        )
      }
    }
  })

  it("a restricted room is not for knocking", () => {
    const room = withState(testRoom(version10), "m.room.join_rules", "", { join_rule: "restricted" })
    expect(isAllowed(room, member(version10, stranger, stranger, "knock"))).toBe(false)
  })
})

describe("12: join_authorised_via_users_server", () => {
  const unsigned = { join_authorised_via_users_server: bob }

  it("wants that server's signature on any membership, or on joins alone: a reading", () => {
    for (const version of roomVersions.filter(({ auth }) => auth.restricted)) {
      const leave = member(version, carol, carol, "leave", unsigned)
      expect(isAllowed(testRoom(version), leave)).toBe(false)
      expect(isAllowed(testRoom(version), leave, { restrictedJoinSignature: "joins-only" })).toBe(true)
      const join = member(version, stranger, stranger, "join", unsigned)
      expect(isAllowed(testRoom(version), join, { restrictedJoinSignature: "joins-only" })).toBe(false)
    }
  })

  it("means nothing in rooms that do not know it", () => {
    const version = roomVersion("7")!
    expect(isAllowed(testRoom(version), member(version, stranger, stranger, "join", unsigned))).toBe(true)
  })
})

describe("13: m.federate", () => {
  const roomOf = (flag: JsonValue) =>
    withState(testRoom(version10), "m.room.create", "", { ...createContent(version10), "m.federate": flag })
  const topic = (sender: string) => eventIn(version10, "m.room.message", sender, { body: "hello" })
  const synapse = { federateFlag: "true-only-and-target" } as const

  it("is false only if it is false; Synapse takes anything but true for false: a reading", () => {
    expect(isAllowed(roomOf(false), topic(eve))).toBe(false)
    expect(isAllowed(roomOf("yes"), topic(eve))).toBe(true)
    expect(isAllowed(roomOf("yes"), topic(eve), synapse)).toBe(false)
    expect(isAllowed(roomOf(true), topic(eve), synapse)).toBe(true)
    expect(isAllowed(testRoom(version10), topic(eve), synapse)).toBe(true)
  })

  it("is about the sender's server; Synapse asks the target's too: the same reading", () => {
    const invite = member(version10, alice, "@new:two", "invite")
    expect(isAllowed(roomOf(false), invite)).toBe(true)
    expect(isAllowed(roomOf(false), invite, synapse)).toBe(false)
    expect(isAllowed(roomOf(false), member(version10, alice, stranger, "invite"), synapse)).toBe(true)
  })
})

describe("14: auth_events", () => {
  const event = member(version10, carol, carol, "join")
  const cite = (change: (cited: Event) => readonly Event[], readings: Partial<Readings> = {}) => {
    const cited = [...testRoom(version10).state.values()].filter(
      ({ type, stateKey }) => type !== "m.room.member" || stateKey === carol,
    )
    const citations = cited.flatMap(change).map((other) => ({ event: other, rejected: false }))
    const context = { ...contextOf(version10), readings: { ...readingsDefault, ...readings } }
    return authoriseCitations(event, citations, context)?.rule
  }
  const foreign = (one: Event) => [one.type === "m.room.power_levels" ? { ...one, roomId: "!b:one" } : one]

  it("of another room: rejected, or taken: a reading", () => {
    expect(cite(foreign)).toBe("2.5")
    expect(cite(foreign, { foreignAuthEvents: "taken" })).toBeUndefined()
  })

  it("twice of the same place, or none of its own: rejected", () => {
    expect(cite((one) => [one])).toBeUndefined()
    expect(
      cite((one) => (one.type === "m.room.power_levels" ? [one, { ...one, eventId: "$2" }] : [one])),
    ).toBe("2.1")
    const name = eventIn(version10, "m.room.name", alice, {}, { stateKey: "" })
    expect(cite((one) => (one.type === "m.room.power_levels" ? [one, name] : [one]))).toBe("2.2")
  })
})

describe("15: soft-failed events", () => {
  /**
   * Bob's topic comes before or after a time in which nobody but Alice could set one; then Alice builds on both.
   * Gives what became of it on receipt, and the topic in the end.
   */
  const topicOf = (softFailedEvents: Readings["softFailedEvents"], comesLate: boolean) => {
    const source = roomWith("10", [bob], { [bob]: 50 })
    const dag = emptyRoom("10", { softFailedEvents })
    for (const { event } of source.records()) receive(dag, event)
    const topic = draftIn(source, {
      type: "m.room.topic",
      sender: bob,
      stateKey: "",
      content: { topic: "x" },
    })
    const write = (level: number) => {
      const users = { [alice]: 100, [bob]: 50 }
      const content = { users, events: { "m.room.topic": level } }
      return take(source, { type: "m.room.power_levels", sender: alice, stateKey: "", content })
    }
    const [closed, opened] = [write(100), write(50)]
    for (const event of comesLate ? [closed, topic, opened] : [topic, closed, opened]) receive(dag, event)
    const verdict = dag.record(topic.eventId)?.verdict
    const prevEvents = [topic.eventId, opened.eventId].sort()
    receive(source, topic)
    receive(dag, draftIn(source, { type: "m.room.message", sender: alice, content: {}, prevEvents }))
    return [verdict, dag.eventIn(dag.currentState(), "m.room.topic", "")?.content.topic]
  }

  it("take part where others build on them, in whatever order they came; or count as rejected: a reading", () => {
    expect(topicOf("take-part", false)).toEqual(["accepted", "x"])
    expect(topicOf("take-part", true)).toEqual(["soft-failed", "x"])
    expect(topicOf("as-rejected", false)).toEqual(["accepted", "x"])
    expect(topicOf("as-rejected", true)).toEqual(["rejected", undefined])
  })
})

describe("18: room 12's create event", () => {
  it("is cited by nobody, and known all the same", () => {
    const room = testRoom(version12)
    const say = eventIn(version12, "m.room.message", alice, {})
    const create = room.state.get("m.room.create|")!
    const citations = [{ event: create, rejected: false }]
    expect(authoriseCitations(say, citations, contextOf(version12))?.rule).toBe("3.2")
    expect(authoriseCitations(say, [], contextOf(version12))).toBeUndefined()
    expect(isAllowed(withState(room, "m.room.power_levels", "", { users: {} }), say)).toBe(true)
  })
})

describe("19: server ACLs", () => {
  it("take either case (a reading) and no port; without allow nobody is let in; odd allow_ip_literals mean true", () => {
    const acl = { allow: ["*"], deny: ["EVIL.com"] }
    expect(serverIsAllowed(acl, "evil.com:8448")).toBe(false)
    expect(serverIsAllowed({ allow: ["*"], deny: ["evil.com"] }, "Evil.COM")).toBe(false)
    expect(serverIsAllowed(acl, "evil.com", "as-written")).toBe(true)
    expect(serverIsAllowed({ deny: [] }, "good.com")).toBe(false)
    expect(serverIsAllowed({ allow: ["*"], allow_ip_literals: "no" }, "[::1]:8448")).toBe(true)
    expect(serverIsAllowed({ allow: ["*"], allow_ip_literals: false }, "[::1]:8448")).toBe(false)
  })
})

describe("20: third-party invites", () => {
  const room = withState(testRoom(version10), "m.room.third_party_invite", "token", { public_key: "AQ" }, bob)
  const invite = (signatures: JsonObject) =>
    member(version10, bob, stranger, "invite", {
      third_party_invite: { display_name: "S", signed: { mxid: stranger, token: "token", signatures } },
    })
  const badThenGood = invite({ id: { "ed25519:0": "Ag", "ed25519:1": "AQ" } })

  it("any signature will do, or the first alone is tried: a reading", () => {
    expect(isAllowed(room, badThenGood)).toBe(true)
    expect(isAllowed(room, badThenGood, { thirdPartySignatures: "first-of-each-key" })).toBe(false)
    const good = invite({ id: { "ed25519:0": "AQ" } })
    expect(isAllowed(room, good, { thirdPartySignatures: "first-of-each-key" })).toBe(true)
  })

  it("keys are read in both alphabets of base64", () => {
    for (const [key, signature] of [
      ["-_8", "+/8"],
      ["+/8", "-_8"],
    ] as const) {
      const asked = withState(
        testRoom(version10),
        "m.room.third_party_invite",
        "token",
        { public_key: key },
        bob,
      )
      expect(isAllowed(asked, invite({ id: { "ed25519:0": signature } }))).toBe(true)
    }
  })
})
