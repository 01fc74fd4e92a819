// Shows that the auth graph gives each event one index, after those it cites, whatever the ids and however deep.
import { describe, expect, test } from "vitest"
import { roomVersion } from "../room-version.ts"
import { AuthGraph } from "./auth-graph.ts"
import { bareEvent } from "./testing/bare-event.ts"

const create = bareEvent({ eventId: "$create", type: "m.room.create", sender: "@a:x" })
const levels = bareEvent({
  eventId: "$levels",
  type: "m.room.power_levels",
  sender: "@a:x",
  authEvents: ["$create"],
})
const oddLevels = bareEvent({
  eventId: "$odd",
  type: "m.room.power_levels",
  stateKey: "odd",
  sender: "@a:x",
  authEvents: ["$create", "$levels"],
})

const version10 = roomVersion("10")!
const version12 = roomVersion("12")!

describe("events", () => {
  test("are added once", () => {
    const graph = new AuthGraph(version10)
    expect([create, levels, create, levels].map((event) => graph.add(event))).toEqual([0, 1, 0, 1])
    expect(graph.size).toBe(2)
    expect(graph.indexOf("$levels")).toBe(1)
    expect(graph.indexOf("$unknown")).toBeUndefined()
    expect(graph.event(1)).toBe(levels)
  })

  test("must come after those that they cite, and leave no trace where they do not", () => {
    const graph = new AuthGraph(version10)
    graph.add(create)
    expect(() => graph.add(oddLevels)).toThrow("$odd cites $levels, which was not added before")
    expect(graph.size).toBe(1)
    graph.add(levels)
    graph.add(oddLevels)
    expect([...graph.citedBy(2)]).toEqual([0, 1])
    expect([...graph.citedBy(1)]).toEqual([0])
  })

  test("must be state events", () => {
    const message = bareEvent({ eventId: "$m", type: "m.room.message", sender: "@a:x", stateKey: undefined })
    expect(() => new AuthGraph(version10).add(message)).toThrow("$m is no state event")
  })

  test("know the power levels that they cite, of the empty state key", () => {
    const graph = new AuthGraph(version10)
    for (const event of [create, levels, oddLevels]) graph.add(event)
    const topic = bareEvent({
      eventId: "$t",
      type: "m.room.topic",
      sender: "@a:x",
      authEvents: ["$odd", "$levels"],
    })
    expect(graph.citedPowerLevels(graph.add(topic))).toBe(1)
    const other = bareEvent({ eventId: "$u", type: "m.room.topic", sender: "@a:x", authEvents: ["$odd"] })
    expect(graph.citedPowerLevels(graph.add(other))).toBe(-1)
  })
})

describe("state keys", () => {
  test("get one index each, known only once somebody has them", () => {
    const graph = new AuthGraph(version10)
    graph.add(create)
    const key = graph.keyOfEvent(0)
    expect(graph.keyIndex("m.room.create", "")).toBe(key)
    expect(graph.knownKeyIndex("m.room.create", "")).toBe(key)
    expect(graph.keyOf(key)).toEqual(["m.room.create", ""])
    expect(graph.knownKeyIndex("m.room.create", "__proto__")).toBe(-1)
    expect(graph.knownKeyIndex("__proto__", "")).toBe(-1)
    expect(graph.keyIndex("__proto__", "__proto__")).toBe(graph.keyCount - 1)
  })
})

describe("rejection", () => {
  test("can be noted and taken back, and hides auth events", () => {
    const graph = new AuthGraph(version10)
    graph.add(create)
    graph.add(levels, { rejected: true })
    graph.add(oddLevels)
    expect(graph.isRejected(1)).toBe(true)
    expect(graph.citedUnderKey(2, graph.powerLevelsKey)).toBe(-1)
    graph.setRejected(1, false)
    expect(graph.citedUnderKey(2, graph.powerLevelsKey)).toBe(1)
    graph.setRejected(0, true)
    expect(graph.createEvent()).toBeUndefined()
  })
})

describe("verdicts", () => {
  const join = bareEvent({
    eventId: "$join",
    type: "m.room.member",
    stateKey: "@b:y",
    sender: "@b:y",
    content: { membership: "join", join_authorised_via_users_server: "@a:x" },
    authEvents: ["$levels"],
  })

  test("tell servers apart that see the same events differently", () => {
    const digests = [true, false].flatMap((isRejected) =>
      [true, false].map((isSigned) => {
        const graph = new AuthGraph(version12)
        for (const event of [create, levels, join]) graph.add(event)
        graph.setRejected(1, isRejected)
        return graph.verdictsDigest(() => isSigned)
      }),
    )
    expect(new Set(digests).size).toBe(4)
  })

  test("do not depend on the order in which events came", () => {
    const other = bareEvent({
      eventId: "$other",
      type: "m.room.topic",
      sender: "@a:x",
      authEvents: ["$create"],
    })
    const [one, two] = [
      [create, levels, other],
      [create, other, levels],
    ].map((events) => {
      const graph = new AuthGraph(version12)
      for (const event of events) graph.add(event, { rejected: event !== create })
      return graph.verdictsDigest(() => true)
    })
    expect(one).toBe(two)
  })
})

describe("what is taken back", () => {
  const join = bareEvent({
    eventId: "$join",
    type: "m.room.member",
    stateKey: "@b:y",
    sender: "@b:y",
    content: { membership: "join", join_authorised_via_users_server: "@a:x" },
    authEvents: ["$levels"],
  })
  const told = (graph: AuthGraph) => ({
    size: graph.size,
    cited: [...graph.citedBy(graph.size - 1)],
    powerLevels: graph.citedPowerLevels(graph.size - 1),
    verdicts: graph.verdictsDigest(() => true),
    create: graph.createEvent(),
  })

  test("leaves nothing behind", () => {
    const never = new AuthGraph(version12)
    const graph = new AuthGraph(version12)
    graph.add(create, { rejected: true })
    expect(told(graph)).not.toEqual(told(never))
    graph.truncate(0)
    for (const event of [create, levels]) {
      graph.add(event)
      never.add(event)
    }
    graph.add(oddLevels, { rejected: true })
    graph.add(join)
    graph.verdictsDigest(() => true)
    graph.truncate(2)
    expect(told(graph)).toEqual(told(never))
    expect(graph.indexOf("$join")).toBeUndefined()
    for (const event of [join, oddLevels]) expect(graph.add(event)).toBe(never.add(event))
    expect(told(graph)).toEqual(told(never))
  })
})
