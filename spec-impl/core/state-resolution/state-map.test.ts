// Shows that a state map does what a plain Map does, that changed copies leave the first as it was, and that its
// digest tells what it holds, whatever the indices.
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { roomVersion } from "../room-version.ts"
import { AuthGraph } from "./auth-graph.ts"
import { StateMap } from "./state-map.ts"
import { bareEvent } from "./testing/bare-event.ts"

const version = roomVersion("11")!
const keyCount = 2_500
/** Event i stands under key i modulo 2,500; each key has two. */
const events = Array.from({ length: 2 * keyCount }, (_, at) =>
  bareEvent({ eventId: `$${at}`, type: "t", stateKey: `${at % keyCount}`, sender: "@a:x" }),
)
const makeGraph = (order: readonly number[]): AuthGraph => {
  const graph = new AuthGraph(version)
  for (const at of order) graph.add(events[at]!)
  return graph
}
const indices = events.map((_, at) => at)
const graph = makeGraph(indices)

const asMap = (state: StateMap): Map<number, number> => {
  const entries = new Map<number, number>()
  state.forEach((event, key) => {
    entries.set(key, event)
  })
  return entries
}
const mapOf = (chosen: Iterable<number>): Map<number, number> =>
  new Map([...chosen].map((event) => [graph.keyOfEvent(event), event]))

const someEvents = fc.array(fc.nat(events.length - 1), { maxLength: 60 })

describe("a state map", () => {
  test("holds what a Map holds", () => {
    fc.assert(
      fc.property(someEvents, someEvents, someEvents, (first, second, third) => {
        const start = StateMap.fromEvents(graph, first)
        const before = asMap(start)
        const one = second.reduce((state, event) => state.set(graph, event), start)
        const remove = third.map((event) => graph.keyOfEvent(event))
        const other = start.with(graph, { put: second, remove })
        const expected = mapOf(first)
        expect(before).toEqual(expected)
        expect(asMap(start)).toEqual(expected)
        expect(asMap(one)).toEqual(mapOf([...first, ...second]))
        for (const key of remove) expected.delete(key)
        for (const [key, event] of mapOf(second)) expected.set(key, event)
        expect(asMap(other)).toEqual(expected)
        for (const state of [start, one, other]) {
          const entries = asMap(state)
          expect(state.size).toBe(entries.size)
          for (let key = -1; key < keyCount + 40; key++) expect(state.get(key)).toBe(entries.get(key) ?? -1)
        }
      }),
      { numRuns: 60 },
    )
  })

  test("that was not used lately is what it was, however many came of it", () => {
    const changes = fc.array(
      fc.tuple(fc.array(fc.nat(80), { maxLength: 3 }), fc.array(fc.nat(80), { maxLength: 3 })),
      {
        minLength: 150,
        maxLength: 250,
      },
    )
    fc.assert(
      fc.property(changes, fc.nat(), (all, seed) => {
        const states = [StateMap.empty]
        const expected = [new Map<number, number>()]
        for (const [nth, [put, removed]] of all.entries()) {
          // Mostly of the last one, now and then of one that was folded long ago.
          const from = nth % 10 === 9 ? (seed + nth * 7_919) % states.length : states.length - 1
          const remove = removed.map((event) => graph.keyOfEvent(event))
          states.push(states[from]!.with(graph, { put, remove }))
          const entries = new Map(expected[from])
          for (const key of remove) entries.delete(key)
          for (const [key, event] of mapOf(put)) entries.set(key, event)
          expected.push(entries)
        }
        for (const [nth, state] of states.entries()) {
          expect(asMap(state)).toEqual(expected[nth])
          expect(state.size).toBe(expected[nth]!.size)
          expect(state.digest).toBe(StateMap.fromEvents(graph, expected[nth]!.values()).digest)
        }
        const everyThird = states.filter((_, nth) => nth % 3 === 0)
        const maps = expected.filter((_, nth) => nth % 3 === 0)
        const keys = new Set(maps.flatMap((map) => [...map.keys()]))
        const differing = [...keys].filter((key) => new Set(maps.map((map) => map.get(key))).size > 1)
        expect([...StateMap.differences(everyThird)].sort()).toEqual(differing.sort())
      }),
      { numRuns: 20 },
    )
  })

  test("is itself where nothing changes", () => {
    const state = StateMap.fromEvents(graph, [1, 2_000])
    expect(state.set(graph, 2_000)).toBe(state)
    expect(state.set(graph, 2_000 + keyCount)).not.toBe(state)
  })
})

describe("differences", () => {
  test("are the keys whose values are not all the same", () => {
    fc.assert(
      fc.property(fc.array(someEvents, { maxLength: 4 }), someEvents, (changes, common) => {
        const base = StateMap.fromEvents(graph, common)
        const states = changes.map((change) => base.with(graph, { put: change, remove: [] }))
        const maps = states.map(asMap)
        const keys = new Set(maps.flatMap((map) => [...map.keys()]))
        const expected = [...keys].filter((key) => new Set(maps.map((map) => map.get(key))).size > 1)
        expect([...StateMap.differences(states)].sort()).toEqual(expected.sort())
      }),
    )
  })

  test("of maps that share all but a path are found in a fraction of the time", () => {
    const base = StateMap.fromEvents(graph, indices.slice(0, keyCount))
    const states = indices.slice(keyCount).map((event) => base.set(graph, event))
    expect(StateMap.differences(states)).toHaveLength(keyCount)
    expect(StateMap.differences([base, states[7]!])).toEqual([graph.keyOfEvent(keyCount + 7)])
    expect(StateMap.differences([])).toEqual([])
  })
})

describe("the digest", () => {
  test("is of the content alone", () => {
    const otherGraph = makeGraph(indices.toReversed())
    fc.assert(
      fc.property(someEvents, someEvents, (chosen, detour) => {
        const state = StateMap.fromEvents(graph, chosen)
        const byDetour = detour
          .reduce((before, event) => before.set(graph, event), StateMap.empty)
          .with(graph, { put: chosen, remove: detour.map((event) => graph.keyOfEvent(event)) })
        const elsewhere = [...mapOf(chosen).values()].map((event) => otherGraph.indexOf(`$${event}`)!)
        expect(byDetour.digest).toBe(state.digest)
        expect(StateMap.fromEvents(otherGraph, elsewhere).digest).toBe(state.digest)
      }),
    )
  })

  test("differs where an entry does", () => {
    const state = StateMap.fromEvents(graph, [1, 2, 3])
    const others = [[], [1, 2], [1, 2, 3 + keyCount], [1, 2, 3, 4]].map((some) =>
      StateMap.fromEvents(graph, some),
    )
    expect(new Set([state, ...others].map(({ digest }) => digest)).size).toBe(5)
    expect(StateMap.empty.digest).toBe("0".repeat(32))
    expect(StateMap.fromEvents(graph, [])).toMatchObject({ size: 0, digest: "0".repeat(32) })
  })

  test("differs where the auth chain does, and in rooms 1 and 2 where another event has the same id", () => {
    const create = bareEvent({ eventId: "$c", type: "m.room.create", sender: "@a:x" })
    const digestOf = (topic: Partial<typeof create>, root = create, id = "1"): string => {
      const own = new AuthGraph(roomVersion(id)!)
      own.add(root)
      const event = bareEvent({ eventId: "$t", type: "m.room.topic", sender: "@a:x", ...topic })
      return StateMap.fromEvents(own, [own.add(event)]).digest
    }
    const cites = { authEvents: ["$c"] }
    const pdu = { type: "another" }
    const digests = [
      digestOf({}),
      digestOf(cites),
      digestOf({ ...cites, pdu }),
      digestOf(cites, { ...create, pdu }),
    ]
    expect(new Set(digests).size).toBe(4)
    expect(digestOf(cites)).toBe(digests[1])
    expect(digestOf(cites, create, "3")).toBe(digestOf({ ...cites, pdu }, create, "3"))
  })
})
