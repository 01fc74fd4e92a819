// Shows that `resolve` gives what the text gives when it is followed sentence by sentence, in every room version
// and under every reading, and that neither the order of the state sets nor that of the events matters.
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { AuthContext } from "../auth-rules/authorise.ts"
import type { Event } from "../event.ts"
import { type Readings, readingDefinitions, readingsDefault } from "../readings.ts"
import { type RoomVersion, roomVersions } from "../room-version.ts"
import { AuthGraph } from "./auth-graph.ts"
import { resolve } from "./resolve.ts"
import { StateMap } from "./state-map.ts"
import { type NaiveState, resolveNaively } from "./testing/naive-resolver.ts"
import { makeRandomRoom, type RandomRoom, type Step, type Tip } from "./testing/random-room.ts"

const contextOf = (version: RoomVersion, readings: Readings = readingsDefault): AuthContext => ({
  version,
  readings,
  signatures: { restrictedJoinIsSigned: () => true, verify: () => false },
})

const natural = fc.nat(1_000)
const step: fc.Arbitrary<Step> = fc.record({
  kind: natural,
  actor: natural,
  target: natural,
  value: natural,
  parents: fc.array(natural, { minLength: 1, maxLength: 3 }),
  time: fc.nat(12),
  stale: natural,
})
const steps = fc.array(step, { minLength: 8, maxLength: 40 })
const few = (maxLength: number) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(natural, { maxLength }))
const tip: fc.Arbitrary<Tip> = fc.record({ point: natural, stale: few(3), lost: few(1) })
const tips = fc.array(tip, { minLength: 2, maxLength: 5 })

const readings: fc.Arbitrary<Readings> = fc.constantFrom(
  readingsDefault,
  ...readingDefinitions.flatMap(({ field, values }) =>
    Object.keys(values).map((value): Readings => ({ ...readingsDefault, [field]: value })),
  ),
)

const graphOf = (room: RandomRoom, version: RoomVersion, events: Iterable<Event>): AuthGraph => {
  const graph = new AuthGraph(version)
  for (const event of events) graph.add(event, { rejected: room.rejected.has(event.eventId) })
  return graph
}

const stateMapOf = (graph: AuthGraph, state: NaiveState): StateMap =>
  StateMap.fromEvents(
    graph,
    [...state.values()].map(({ eventId }) => graph.indexOf(eventId)!),
  )

const idsByKey = (graph: AuthGraph, state: StateMap): Record<string, string> => {
  const ids: Record<string, string> = {}
  state.forEach((event, key) => {
    ids[graph.keyOf(key).join("|")] = graph.event(event).eventId
  })
  return ids
}

/** Another order in which events still come after those that they cite. */
const shuffled = (events: ReadonlyMap<string, Event>): readonly Event[] => {
  const waiting = [...events.values()].reverse()
  const order: Event[] = []
  const placed = new Set<string>()
  while (waiting.length > 0) {
    const at = waiting.findIndex((event) => event.authEvents.every((cited) => placed.has(cited)))
    const [event] = waiting.splice(at, 1)
    order.push(event!)
    placed.add(event!.eventId)
  }
  return order
}

describe.each(roomVersions)("room $id", (version) => {
  test("gives what the text gives", () => {
    let conflicts = 0
    fc.assert(
      fc.property(steps, tips, readings, (someSteps, someTips, someReadings) => {
        const room = makeRandomRoom(contextOf(version), someSteps, someTips)
        const context = contextOf(version, someReadings)
        const expected = resolveNaively(room, room.states, context)
        const graph = graphOf(room, version, room.events.values())
        const states = room.states.map((state) => stateMapOf(graph, state))
        if (StateMap.differences(states).length > 0) conflicts += 1
        const resolved = idsByKey(graph, resolve(graph, states, context))
        expect(resolved).toEqual(
          Object.fromEntries([...expected].map(([key, { eventId }]) => [key, eventId])),
        )
      }),
      { numRuns: 400, seed: 1 },
    )
    expect(conflicts).toBeGreaterThan(250)
  })

  test("depends on no order", () => {
    fc.assert(
      fc.property(steps, tips, (someSteps, someTips) => {
        const context = contextOf(version)
        const room = makeRandomRoom(context, someSteps, someTips)
        const [one, other] = [[...room.events.values()], shuffled(room.events)].map((events, at) => {
          const graph = graphOf(room, version, events)
          const states = room.states.map((state) => stateMapOf(graph, state))
          const resolved = resolve(graph, at === 0 ? states : [...states.reverse(), states[0]!], context)
          return { ids: idsByKey(graph, resolved), digest: resolved.digest }
        })
        expect(other).toEqual(one)
      }),
      { numRuns: 60, seed: 2 },
    )
  })
})
