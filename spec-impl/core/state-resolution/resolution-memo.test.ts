// Shows that resolutions shared between servers are those that each would have found by itself, that they are
// shared though the servers took the events in another order, and that nothing is shared where something differs.
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { readingsDefault } from "../readings.ts"
import { roomVersion, roomVersions } from "../room-version.ts"
import { Explanation } from "./explanation.ts"
import { ResolutionMemo } from "./resolution-memo.ts"
import { resolve } from "./resolve.ts"
import { contextOf } from "./testing/context.ts"
import { makeRandomRoom } from "./testing/random-room.ts"
import { graphOf, idsByKey, shuffledEvents, stateMapOf } from "./testing/room-graph.ts"
import { StoryRoom } from "./testing/story-room.ts"

const numbers = (length: number) => fc.array(fc.nat(1_000), { minLength: length, maxLength: length })
const steps = fc.array(numbers(8), { minLength: 8, maxLength: 30 })
const tips = fc.array(numbers(6), { minLength: 2, maxLength: 4 })

test("with and without the memo the result is the same", () => {
  const memo = new ResolutionMemo()
  const shared = memo.share(resolve)
  fc.assert(
    fc.property(fc.constantFrom(...roomVersions), steps, tips, (version, someSteps, someTips) => {
      const context = contextOf(version)
      const room = makeRandomRoom(context, someSteps, someTips)
      for (const events of [[...room.events.values()], shuffledEvents(room)]) {
        const graph = graphOf(room, version, events)
        const states = room.states.map((state) => stateMapOf(graph, state))
        const alone = resolve(graph, states, context)
        const together = shared(graph, states.toReversed(), context)
        expect(idsByKey(graph, together)).toEqual(idsByKey(graph, alone))
        expect(together.digest).toBe(alone.digest)
      }
    }),
    { numRuns: 300, seed: 3 },
  )
  expect(memo.hits).toBeGreaterThan(200)
  expect(memo.misses).toBeLessThanOrEqual(memo.hits)
})

/** A room with one conflict, the same each time it is told. */
const tellConflict = (version = roomVersion("11")!): StoryRoom => {
  const alice = "@alice:s1.example"
  const room = new StoryRoom(version)
  room.tell("create", { by: alice, type: "m.room.create", content: { room_version: version.id } })
  room.tell("join", { by: alice, type: "m.room.member", key: alice, content: { membership: "join" } })
  for (const name of ["one", "two"]) {
    room.tell(name, { by: alice, type: "m.room.topic", content: { topic: name }, after: ["join"] })
  }
  return room
}

describe("what is shared", () => {
  const ask = (memo: ResolutionMemo, room: StoryRoom, context = room.context, variant = ""): void => {
    memo.share(resolve, variant)(room.graph, [room.state("one"), room.state("two")], context)
  }

  test("is counted", () => {
    const memo = new ResolutionMemo()
    for (let at = 0; at < 3; at++) ask(memo, tellConflict())
    expect([memo.hits, memo.misses]).toEqual([2, 1])
    const room = tellConflict()
    memo.share(resolve)(room.graph, [room.state("one"), room.state("one")], room.context)
    expect([memo.hits, memo.misses]).toEqual([2, 1])
  })

  test.each<[string, (memo: ResolutionMemo, room: StoryRoom) => void]>([
    [
      "a rejected event",
      (memo, room) => {
        room.graph.setRejected(0, true)
        ask(memo, room)
      },
    ],
    [
      "a reading",
      (memo, room) => {
        ask(memo, room, contextOf(room.context.version, { ...readingsDefault, noJoinRules: "reject" }))
      },
    ],
    ["a variant", (memo, room) => ask(memo, room, room.context, "mutant")],
    ["a room version", (memo) => ask(memo, tellConflict(roomVersion("12")))],
    [
      "another conflict",
      (memo, room) => {
        memo.share(resolve)(room.graph, [room.state("one"), room.state("join")], room.context)
      },
    ],
  ])("is not where %s makes a difference", (_, askOtherwise) => {
    const memo = new ResolutionMemo()
    ask(memo, tellConflict())
    askOtherwise(memo, tellConflict())
    expect([memo.hits, memo.misses]).toEqual([0, 2])
  })

  test("is forgotten, the oldest first", () => {
    const memo = new ResolutionMemo(2)
    for (const variant of ["a", "b", "c", "c", "b", "a"]) ask(memo, tellConflict(), undefined, variant)
    expect([memo.hits, memo.misses]).toEqual([2, 4])
  })

  test("is not asked where an explanation is wanted", () => {
    const memo = new ResolutionMemo()
    const room = tellConflict()
    ask(memo, room)
    const explanation = new Explanation()
    memo.share(resolve)(room.graph, [room.state("one"), room.state("two")], room.context, explanation)
    expect([memo.hits, memo.misses]).toEqual([0, 1])
    expect(explanation.checks).toHaveLength(2)
  })
})
