// Shows that `resolve` gives what the text gives when it is followed sentence by sentence, in every room version
// and under every reading, and that neither the order of the state sets nor that of the events matters.
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Readings, readingDefinitions, readingsDefault } from "../readings.ts"
import { roomVersions } from "../room-version.ts"
import { propertyRuns } from "../testing/property-runs.ts"
import { resolve } from "./resolve.ts"
import { StateMap } from "./state-map.ts"
import { contextOf } from "./testing/context.ts"
import { resolveNaively } from "./testing/naive-resolver.ts"
import { makeRandomRoom } from "./testing/random-room.ts"
import { graphOf, idsByKey, shuffledEvents, stateMapOf } from "./testing/room-graph.ts"

const numbers = (length: number) => fc.array(fc.nat(1_000), { minLength: length, maxLength: length })
const steps = fc.array(numbers(8), { minLength: 8, maxLength: 40 })
const tips = fc.array(numbers(6), { minLength: 2, maxLength: 5 })

const readings: fc.Arbitrary<Readings> = fc.constantFrom(
  readingsDefault,
  ...readingDefinitions.flatMap(({ field, values }) =>
    Object.keys(values).map((value): Readings => ({ ...readingsDefault, [field]: value })),
  ),
)

describe.each(roomVersions)("room $id", (version) => {
  test("gives what the text gives", () => {
    let conflicts = 0
    fc.assert(
      fc.property(steps, tips, readings, (someSteps, someTips, someReadings) => {
        const room = makeRandomRoom(contextOf(version), someSteps, someTips)
        const context = contextOf(version, someReadings)
        const expected = resolveNaively(room, room.states, context)
        const graph = graphOf(room, version)
        const states = room.states.map((state) => stateMapOf(graph, state))
        if (StateMap.differences(states).length > 0) conflicts += 1
        const resolved = idsByKey(graph, resolve(graph, states, context))
        expect(resolved).toEqual(
          Object.fromEntries([...expected].map(([key, { eventId }]) => [key, eventId])),
        )
      }),
      propertyRuns(600, 1),
    )
    expect(conflicts).toBeGreaterThan(400)
  })

  test("depends on no order", () => {
    fc.assert(
      fc.property(steps, tips, (someSteps, someTips) => {
        const context = contextOf(version)
        const room = makeRandomRoom(context, someSteps, someTips)
        const [one, other] = [[...room.events.values()], shuffledEvents(room)].map((events, at) => {
          const graph = graphOf(room, version, events)
          const states = room.states.map((state) => stateMapOf(graph, state))
          const resolved = resolve(graph, at === 0 ? states : [...states.reverse(), states[0]!], context)
          return { ids: idsByKey(graph, resolved), digest: resolved.digest }
        })
        expect(other).toEqual(one)
      }),
      propertyRuns(60, 2),
    )
  })
})
