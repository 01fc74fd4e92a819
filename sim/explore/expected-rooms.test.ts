/** What a plan makes of its rooms: roughly what the authorisation rules say. */
import { describe, expect, test } from "vitest"
import type { Action } from "./actions/catalogue.ts"
import { ExpectedRooms } from "./expected-rooms.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const eve = "@eve:s3"
const room = "r"

const roomsAfter = (...done: readonly Action[]): ExpectedRooms => {
  const rooms = new ExpectedRooms()
  for (const action of done) rooms.expect(action)
  return rooms
}
const create: Action = { act: "create", user: alice, room, version: "11" }
const joins = (user: string): Action => ({ act: "join", user, room, via: ["s1"] })
const promotes: Action = { act: "set-levels", user: alice, room, users: { [bob]: 50 } }

describe("of a room it is expected that", () => {
  test.each<[string, readonly Action[], Action, boolean]>([
    ["nobody is in it before it is made", [], joins(bob), false],
    ["anybody may join it where it is public", [create], joins(bob), true],
    ["nobody joins twice", [create, joins(bob)], joins(bob), false],
    ["who left may join again", [create, joins(bob), { act: "leave", user: bob, room }], joins(bob), true],
    ["a join needs a server that is in", [create], { act: "join", user: bob, room, via: ["s3"] }, false],
    [
      "who is banned may not join",
      [create, { act: "ban", user: alice, room, target: bob }],
      joins(bob),
      false,
    ],
    [
      "the invited may join by any rule",
      [
        create,
        { act: "set-join-rule", user: alice, room, rule: "invite" },
        { act: "invite", user: alice, room, target: bob },
      ],
      joins(bob),
      true,
    ],
    [
      "others may not",
      [create, { act: "set-join-rule", user: alice, room, rule: "invite" }],
      joins(bob),
      false,
    ],
    [
      "one may knock where the rule says so",
      [create, { act: "set-join-rule", user: alice, room, rule: "knock" }],
      { act: "knock", user: bob, room, via: ["s1"] },
      true,
    ],
    ["and not elsewhere", [create], { act: "knock", user: bob, room, via: ["s1"] }, false],
    ["outsiders say nothing", [create], { act: "message", user: bob, room }, false],
    ["members do", [create, joins(bob)], { act: "message", user: bob, room }, true],
    ["members set no topic", [create, joins(bob)], { act: "set-topic", user: bob, room, text: "t" }, false],
    [
      "nor where there are no power levels yet",
      [{ ...create, levels: null }, joins(bob)],
      { act: "set-topic", user: bob, room, text: "t" },
      false,
    ],
    [
      "its creator does there",
      [{ ...create, levels: null }],
      { act: "set-topic", user: alice, room, text: "t" },
      true,
    ],
    [
      "who was given power does",
      [create, joins(bob), promotes],
      { act: "set-topic", user: bob, room, text: "t" },
      true,
    ],
    [
      "nobody gives more than they have",
      [create, joins(bob), promotes],
      { act: "set-levels", user: bob, room, users: { [eve]: 75 } },
      false,
    ],
    [
      "nobody takes power from their equals",
      [create, joins(bob), promotes, { act: "set-levels", user: alice, room, users: { [eve]: 50 } }],
      { act: "set-levels", user: bob, room, users: { [eve]: 0 } },
      false,
    ],
    [
      "a mighty one removes others",
      [create, joins(bob)],
      { act: "kick", user: alice, room, target: bob },
      true,
    ],
    ["others do not", [create, joins(bob)], { act: "kick", user: bob, room, target: alice }, false],
    [
      "only who is banned has a ban lifted",
      [create],
      { act: "unban", user: alice, room, target: bob },
      false,
    ],
    [
      "a room is replaced once",
      [create, { act: "upgrade", user: alice, room, version: "12", as: "r+" }],
      { act: "upgrade", user: alice, room, version: "12", as: "r++" },
      false,
    ],
    [
      "others follow into what replaces it",
      [create, { act: "upgrade", user: alice, room, version: "12", as: "r+" }],
      { act: "join", user: bob, room: "r+", via: ["s1"] },
      true,
    ],
    [
      "a device is there once it is logged in",
      [{ act: "add-device", user: bob, device: "PHONE" }],
      { act: "send-to-device", user: alice, target: bob, targetDevice: "PHONE" },
      true,
    ],
    [
      "all devices of who has none are none",
      [{ act: "add-device", user: bob, device: "PHONE" }],
      { act: "send-to-device", user: bob, target: alice, targetDevice: "*" },
      false,
    ],
    [
      "and no more once it is logged out",
      [
        { act: "add-device", user: bob, device: "PHONE" },
        { act: "delete-device", user: bob, device: "PHONE" },
      ],
      { act: "rename-device", user: bob, device: "PHONE", displayName: "d" },
      false,
    ],
  ])("%s", (_, done, action, isPossible) => {
    expect(roomsAfter(...done).isPossible(action)).toBe(isPossible)
  })

  test("members of the rooms that it allows may join a restricted one", () => {
    const rooms = roomsAfter(
      create,
      { act: "create", user: alice, room: "club", version: "11" },
      { act: "set-join-rule", user: alice, room, rule: "restricted", allow: ["club"] },
    )
    expect(rooms.isPossible(joins(bob))).toBe(false)
    rooms.expect({ act: "join", user: bob, room: "club", via: ["s1"] })
    expect(rooms.isPossible(joins(bob))).toBe(true)
  })

  test("a copy knows what was done before, and nothing of what comes", () => {
    const rooms = roomsAfter(create, joins(bob))
    const copy = rooms.copy()
    rooms.expect(promotes)
    rooms.expect({ act: "ban", user: alice, room, target: bob })
    expect(rooms.isPossible({ act: "message", user: bob, room })).toBe(false)
    expect(copy.isPossible({ act: "message", user: bob, room })).toBe(true)
    expect(copy.isPossible({ act: "set-topic", user: bob, room, text: "t" })).toBe(false)
  })

  test("creators of room 12 have more power than all, and cannot be given any", () => {
    const rooms = roomsAfter({ ...create, version: "12" }, joins(bob), promotes)
    const toCreator: Action = { act: "set-levels", user: alice, room, users: { [alice]: 50 } }
    expect(rooms.isPossible(toCreator)).toBe(false)
    expect(rooms.isPossible({ act: "kick", user: alice, room, target: bob })).toBe(true)
  })
})
