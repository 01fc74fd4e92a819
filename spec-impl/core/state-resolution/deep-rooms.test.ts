// Shows that auth chains 100,000 events deep, and more state sets than an integer has bits, are no trouble.
import { describe, expect, test } from "vitest"
import type { Event } from "../event.ts"
import { roomVersion } from "../room-version.ts"
import { AuthGraph } from "./auth-graph.ts"
import { Explanation } from "./explanation.ts"
import { resolve } from "./resolve.ts"
import { StateMap } from "./state-map.ts"
import { bareEvent } from "./testing/bare-event.ts"
import { contextOf } from "./testing/context.ts"

const alice = "@alice:s1.example"
const depth = 100_000

const create = bareEvent({
  eventId: "$create",
  type: "m.room.create",
  sender: alice,
  content: { creator: alice },
})
const join = bareEvent({
  eventId: "$join",
  type: "m.room.member",
  stateKey: alice,
  sender: alice,
  content: { membership: "join" },
  authEvents: ["$create"],
  prevEvents: ["$create"],
})

/** Power levels `from` to `to`, each of which cites the one before. */
const levelsChain = (from: number, to: number): readonly Event[] =>
  Array.from({ length: to - from }, (_, at) =>
    bareEvent({
      eventId: `$levels${from + at}`,
      type: "m.room.power_levels",
      sender: alice,
      content: { users: { [alice]: 100 }, note: from + at },
      originServerTs: from + at,
      depth: from + at,
      authEvents: ["$create", "$join", ...(from + at === 0 ? [] : [`$levels${from + at - 1}`])],
    }),
  )

const topic = (name: string, originServerTs: number, cites: string): Event =>
  bareEvent({
    eventId: `$topic-${name}`,
    type: "m.room.topic",
    sender: alice,
    content: { topic: name },
    originServerTs,
    authEvents: ["$create", "$join", cites],
  })

describe.each(["1", "2", "11"])("a room of version %s with 100,000 power levels in a row", (id) => {
  const context = contextOf(roomVersion(id)!)
  const graph = new AuthGraph(context.version)
  for (const event of [create, join, ...levelsChain(0, depth)]) graph.add(event)
  const indexOf = (eventId: string): number => graph.indexOf(eventId)!
  const stateOf = (...ids: readonly string[]): StateMap =>
    StateMap.fromEvents(graph, ["$create", "$join", ...ids].map(indexOf))

  test("gives the topic of the longer mainline", () => {
    graph.add(topic("new", 1, `$levels${depth - 1}`))
    graph.add(topic("old", 2, "$levels0"))
    const [newest, oldest] = [`$levels${depth - 1}`, "$levels0"]
    const explanation = new Explanation()
    const states = [stateOf(newest, "$topic-new"), stateOf(newest, "$topic-old")]
    const resolved = resolve(graph, states, context, explanation)
    expect(graph.event(resolved.get(graph.keyIndex("m.room.topic", ""))).eventId).toMatch(
      /^\$topic-(new|old)$/,
    )
    if (id !== "1") {
      expect(explanation.mainline).toHaveLength(depth)
      expect(explanation.mainlineOrder.map(({ position }) => position)).toEqual([depth - 1, 0])
      expect(resolved.get(graph.keyIndex("m.room.topic", ""))).toBe(indexOf("$topic-new"))
    }
    const withOld = resolve(graph, [stateOf(newest, "$topic-new"), stateOf(oldest, "$topic-old")], context)
    expect(withOld.size).toBe(4)
  })

  test("has a digest", () => {
    expect(stateOf(`$levels${depth - 1}`).digest).not.toBe(stateOf(`$levels${depth - 2}`).digest)
  })
})

test("the oldest and the newest of 20,000 conflicted power levels are told apart", () => {
  const context = contextOf(roomVersion("11")!)
  const graph = new AuthGraph(context.version)
  for (const event of [create, join, ...levelsChain(0, 20_000)]) graph.add(event)
  const stateOf = (eventId: string): StateMap =>
    StateMap.fromEvents(
      graph,
      ["$create", "$join", eventId].map((one) => graph.indexOf(one)!),
    )
  const resolved = resolve(graph, [stateOf("$levels0"), stateOf("$levels19999")], context)
  expect(graph.event(resolved.get(graph.powerLevelsKey)).eventId).toBe("$levels19999")
})

test.each(["1", "11", "12"])("room %s: one hundred state sets, of which one holds the topic", (id) => {
  const context = contextOf(roomVersion(id)!)
  const graph = new AuthGraph(context.version)
  const begins = id === "12" ? { ...create, roomId: "!create" } : create
  const inRoom = (event: Event): Event =>
    id === "12"
      ? { ...event, roomId: "!create", authEvents: event.authEvents.filter((cited) => cited !== "$create") }
      : event
  const unnamed = (event: Event): Event =>
    id === "12" ? { ...event, content: { note: event.eventId } } : event
  for (const event of [begins, inRoom(join), ...levelsChain(0, 60).map(inRoom).map(unnamed)]) graph.add(event)
  graph.add(inRoom(topic("only", 5, "$levels3")))
  const sets = Array.from({ length: 100 }, (_, at) => {
    const ids = ["$create", "$join", `$levels${at % 60}`, ...(at === 77 ? ["$topic-only"] : [])]
    return StateMap.fromEvents(
      graph,
      ids.map((eventId) => graph.indexOf(eventId)!),
    )
  })
  const explanation = new Explanation()
  const resolved = resolve(graph, sets, context, explanation)
  expect(graph.event(resolved.get(graph.powerLevelsKey)).eventId).toBe("$levels59")
  expect(graph.event(resolved.get(graph.keyIndex("m.room.topic", ""))).eventId).toBe("$topic-only")
  if (id !== "1") expect(explanation.authDifference).toHaveLength(59)
})
