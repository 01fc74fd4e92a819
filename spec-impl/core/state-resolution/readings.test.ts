// Shows the room of the smallest honest history in which a whole auth chain and one inside the full conflicted set
// only give different states (found in rooms 6 and 11).
import { expect, test } from "vitest"
import { type Readings, readingsDefault } from "../readings.ts"
import { roomVersion } from "../room-version.ts"
import { resolve } from "./resolve.ts"
import { contextOf } from "./testing/context.ts"
import { StoryRoom } from "./testing/story-room.ts"

const alice = "@alice:a.example"
const bob = "@bob:b.example"

test.each<[string, Readings["chainThroughUnconflicted"], string]>([
  ["6", "whole-chain", "rename"],
  ["6", "inside-only", "bob"],
  ["11", "whole-chain", "rename"],
  ["11", "inside-only", "bob"],
])("room %s, chain-through-unconflicted=%s: Bob's %s", (versionId, chainThroughUnconflicted, winner) => {
  const version = roomVersion(versionId)!
  const room = new StoryRoom(version)
  const users = { [alice]: 100, [bob]: 100 }
  const creator = version.auth.creator === "content" ? { creator: alice } : {}
  const ofBob = { by: bob, type: "m.room.member", key: bob }
  room.tell("create", { by: alice, type: "m.room.create", content: creator })
  room.tell("alice", { by: alice, type: "m.room.member", key: alice, content: { membership: "join" } })
  room.tell("levels", { by: alice, type: "m.room.power_levels", content: { users } })
  room.tell("rules", { by: alice, type: "m.room.join_rules", content: { join_rule: "public" } })
  room.tell("bob", { ...ofBob, content: { membership: "join" }, time: 100 })
  room.tell("rename", { ...ofBob, content: { membership: "join", displayname: "B" }, time: 50 })
  room.tell("levels2", { by: bob, type: "m.room.power_levels", content: { users, ban: 60 }, after: ["bob"] })
  room.tell("topic", { by: alice, type: "m.room.topic", content: { topic: "t" } })
  room.tell("rules2", { by: alice, type: "m.room.join_rules", content: { join_rule: "invite" } })
  const merged = room.resolved("rename", "topic")
  const context = contextOf(version, { ...readingsDefault, chainThroughUnconflicted })
  const resolved = resolve(room.graph, [merged, room.state("rules2")], context)
  expect(room.nameIn(resolved, "m.room.member", bob)).toBe(winner)
})
