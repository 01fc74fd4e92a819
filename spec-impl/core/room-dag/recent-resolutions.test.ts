/** When the states of a room are resolved anew: whenever that could give something else. */
import { describe, expect, it } from "vitest"
import { roomVersion } from "../room-version.ts"
import type { StateMap } from "../state-resolution/state-map.ts"
import { StoryRoom } from "../state-resolution/testing/story-room.ts"
import { RecentResolutions } from "./recent-resolutions.ts"

/** A room of two topics at once, and how often it was resolved which of them stays. */
const tellTopics = () => {
  const alice = "@alice:s1.example"
  const room = new StoryRoom(roomVersion("11")!)
  room.tell("create", { by: alice, type: "m.room.create", content: { room_version: "11" } })
  room.tell("join", { by: alice, type: "m.room.member", key: alice, content: { membership: "join" } })
  for (const name of ["one", "two", "three"]) {
    room.tell(name, { by: alice, type: "m.room.topic", content: { topic: name }, after: ["join"] })
  }
  const last = new RecentResolutions()
  let count = 0
  const ask = (states: readonly StateMap[], signedJoins = 0) => {
    last.of(room.graph, signedJoins, states, () => {
      count += 1
      return states[0]!
    })
    return count
  }
  const [one, two, three] = ["one", "two", "three"].map((name) => room.state(name))
  return { room, ask, one: one!, two: two!, three: three! }
}

describe("a late resolution", () => {
  it("answers for the same states, though others agreed meanwhile", () => {
    const { ask, one, two } = tellTopics()
    const counts = [ask([one, two]), ask([one, two]), ask([one, one]), ask([]), ask([one, two])]
    expect(counts).toEqual([1, 1, 1, 1, 1])
  })

  it("does not for other states, or for more of them", () => {
    const { ask, one, two, three } = tellTopics()
    const counts = [ask([one, two]), ask([one, three]), ask([one, three, two]), ask([three, one])]
    expect(counts).toEqual([1, 2, 3, 4])
    expect([ask([one, three]), ask([one, two])]).toEqual([4, 4])
  })

  it("does not once an event is rejected, comes in another copy, or a restricted join is known to be signed", () => {
    const { room, ask, one, two } = tellTopics()
    ask([one, two])
    room.tell("four", { by: "@alice:s1.example", type: "m.room.topic", content: {}, after: ["join"] })
    expect(ask([one, two])).toBe(1)
    room.graph.setRejected(0, true)
    expect(ask([one, two])).toBe(2)
    room.graph.replace(0, { ...room.graph.event(0) })
    expect(ask([one, two])).toBe(3)
    expect(ask([one, two], 1)).toBe(4)
  })
})
