// Shows by what the mainline ordering goes: the power levels behind an event, not the event itself; the oldest
// first, those with none of the mainline behind them before all others; then time, exactly, then id.
import { describe, expect, test } from "vitest"
import type { Event } from "../event.ts"
import { roomVersion } from "../room-version.ts"
import { AuthGraph } from "./auth-graph.ts"
import { mainlineOrdering } from "./mainline.ts"
import { bareEvent } from "./testing/bare-event.ts"

const levels = (eventId: string, cites: readonly string[], originServerTs = 0): Event =>
  bareEvent({ eventId, type: "m.room.power_levels", sender: "@a:x", authEvents: cites, originServerTs })
const topic = (eventId: string, cites: readonly string[], originServerTs: number | bigint = 0): Event =>
  bareEvent({ eventId, type: "m.room.topic", sender: "@a:x", authEvents: cites, originServerTs })

/** The mainline of $3 is $3, $2, $1; $side is none of it, but leads there. */
const mainline = [levels("$1", []), levels("$2", ["$1"], 9), levels("$3", ["$2"]), levels("$side", ["$2"])]

const ordered = (events: readonly Event[], powerLevels = "$3"): readonly string[] => {
  const graph = new AuthGraph(roomVersion("11")!)
  for (const event of [...mainline, ...events]) graph.add(event)
  const indices = events.map(({ eventId }) => graph.indexOf(eventId)!)
  const order = mainlineOrdering(graph, indices, graph.indexOf(powerLevels) ?? -1, undefined)
  return order.map((index) => graph.event(index).eventId)
}

describe("the mainline ordering", () => {
  test("begins with what is based on the oldest power levels", () => {
    const events = [
      topic("$new", ["$3"], 1),
      topic("$old", ["$1"], 3),
      topic("$none", [], 4),
      topic("$mid", ["$2"], 2),
    ]
    expect(ordered(events)).toEqual(["$none", "$old", "$mid", "$new"])
  })

  test("finds the mainline behind power levels that are none of it", () => {
    expect(
      ordered([topic("$viaSide", ["$side"], 1), topic("$mid", ["$2"], 2), topic("$old", ["$1"], 3)]),
    ).toEqual(["$old", "$viaSide", "$mid"])
  })

  test("counts from the power levels that an event cites, though it is itself in the mainline", () => {
    expect(ordered([topic("$mid", ["$2"], 1), mainline[1]!])).toEqual(["$2", "$mid"])
  })

  test("goes by time alone where no power levels were resolved", () => {
    expect(ordered([topic("$a", ["$1"], 2), topic("$b", ["$3"], 1)], "$unknown")).toEqual(["$b", "$a"])
  })

  test("tells times apart beyond 2^53, and equal ones by id", () => {
    const big = 2n ** 60n
    const events = [topic("$b", [], big + 1n), topic("$a", [], big), topic("$d", [], 5), topic("$c", [], 5)]
    expect(ordered(events)).toEqual(["$c", "$d", "$a", "$b"])
  })
})
