// Shows what a resolution tells of itself: the ban that came late, step by step, in the three algorithms.
import { describe, expect, test } from "vitest"
import { roomVersion } from "../room-version.ts"
import { Explanation } from "./explanation.ts"
import { resolve } from "./resolve.ts"
import { StoryRoom } from "./testing/story-room.ts"

const alice = "@alice:s1.example"
const bob = "@bob:s2.example"

/** Alice bans Bob on one side, and Bob sets the topic on the other. */
const explainLateBan = (versionId: string) => {
  const version = roomVersion(versionId)!
  const room = new StoryRoom(version)
  const creator = version.auth.creator === "content" ? { creator: alice } : {}
  const users = { [bob]: 50, ...(!version.auth.privilegedCreators && { [alice]: 100 }) }
  room.tell("create", { by: alice, type: "m.room.create", content: { room_version: versionId, ...creator } })
  room.tell("alice", { by: alice, type: "m.room.member", key: alice, content: { membership: "join" } })
  room.tell("levels", { by: alice, type: "m.room.power_levels", content: { users } })
  room.tell("rules", { by: alice, type: "m.room.join_rules", content: { join_rule: "public" } })
  room.tell("bob", { by: bob, type: "m.room.member", key: bob, content: { membership: "join" } })
  room.tell("ban", { by: alice, type: "m.room.member", key: bob, content: { membership: "ban" } })
  room.tell("topic", { by: bob, type: "m.room.topic", content: { topic: "t" }, after: ["bob"] })
  const explanation = new Explanation()
  const states = [room.state("ban"), room.state("topic")]
  const explained = resolve(room.graph, states, room.context, explanation)
  expect(resolve(room.graph, states, room.context).digest).toBe(explained.digest)
  const names = new Map(
    ["create", "alice", "levels", "rules", "bob", "ban", "topic"].map((name) => [
      room.event(name).eventId,
      name,
    ]),
  )
  const named = (eventId: string | undefined): string => names.get(eventId ?? "") ?? "nothing"
  return { explanation, named }
}

describe.each(["10", "12"])("room %s", (versionId) => {
  const { explanation, named } = explainLateBan(versionId)

  test("the state sets and where they differ", () => {
    expect(explanation.stateSetSizes).toEqual([5, 6])
    expect(explanation.unconflictedCount).toBe(4)
    expect(explanation.conflicts.map(({ key, events }) => [key, events.map(named)])).toEqual([
      [
        ["m.room.member", bob],
        ["ban", "bob"],
      ],
      [
        ["m.room.topic", ""],
        ["nothing", "topic"],
      ],
    ])
    expect(explanation.authDifference).toEqual([])
    expect(explanation.conflictedSubgraph.map(named).sort()).toEqual(
      versionId === "12" ? ["ban", "bob", "topic"] : [],
    )
  })

  test("the power ordering, with each sender's level", () => {
    expect(explanation.powerOrder.map(({ eventId, level }) => [named(eventId), level])).toEqual([
      ["bob", 50],
      ["ban", versionId === "12" ? Number.POSITIVE_INFINITY : 100],
    ])
  })

  test("the mainline ordering", () => {
    expect(explanation.mainline.map(named)).toEqual(versionId === "12" ? [] : ["levels"])
    const [last] = explanation.mainlineOrder
    expect(explanation.mainlineOrder).toHaveLength(1)
    expect(named(last?.eventId)).toBe("topic")
    expect(last?.position).toBe(versionId === "12" ? Number.POSITIVE_INFINITY : 0)
  })

  test("each check, its rule, and where the rules looked", () => {
    const checks = explanation.checks.map(({ eventId, outcome }) => [named(eventId), outcome.allowed])
    expect(checks).toEqual([
      ["bob", true],
      ["ban", true],
      ["topic", false],
    ])
    const { outcome, authEvents } = explanation.checks[2]!
    expect(outcome.rule).toBe(versionId === "12" ? "6" : "5")
    const member = authEvents.find(({ key }) => key[1] === bob)
    expect([named(member?.eventId), member?.source]).toEqual(["ban", "state"])
    const create = explanation.checks[1]!.authEvents.find(({ key }) => key[0] === "m.room.create")
    expect(create?.source).toBe(versionId === "12" ? "room_id" : "state")
    const levels = explanation.checks[1]!.authEvents.find(({ key }) => key[0] === "m.room.power_levels")
    expect(levels?.source).toBe(versionId === "12" ? "auth_events" : "state")
  })

  test("what came out", () => {
    expect(explanation.resolved.map(({ key, eventId }) => [key[0], named(eventId)])).toEqual([
      ["m.room.member", "ban"],
      ["m.room.topic", "nothing"],
    ])
  })
})

test("room 1 tells of its passes", () => {
  const { explanation, named } = explainLateBan("1")
  expect(explanation.checks.map(({ eventId, outcome }) => [named(eventId), outcome.allowed])).toEqual([
    ["ban", true],
  ])
  expect(explanation.resolved.map(({ eventId }) => named(eventId))).toEqual(["ban", "topic"])
})

test("where nothing is in conflict there is nothing to tell", () => {
  const room = new StoryRoom(roomVersion("11")!)
  room.tell("create", { by: alice, type: "m.room.create", content: {} })
  const explanation = new Explanation()
  resolve(room.graph, [room.state("create"), room.state("create")], room.context, explanation)
  expect(explanation.unconflictedCount).toBe(1)
  expect(explanation.conflicts).toEqual([])
})
