// Shows both problems of MSC4297, which room 12 was made for, with the events of the vectors: v2 goes wrong in
// rooms 2–11, v2.1 does not.
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import type { Event } from "../event.ts"
import { parseJson } from "../json/parse.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts"
import { roomVersion } from "../room-version.ts"
import { AuthGraph } from "./auth-graph.ts"
import { Explanation } from "./explanation.ts"
import { resolve } from "./resolve.ts"
import { StateMap } from "./state-map.ts"
import { bareEvent } from "./testing/bare-event.ts"
import { contextOf } from "./testing/context.ts"
import { idsByKey } from "./testing/room-graph.ts"

const create = "$00-m-room-create"
const roomId = `!${create.slice(1)}`
const alice = "@alice:example.com"

const objectOf = (value: JsonValue | undefined): JsonObject => (isJsonObject(value) ? value : {})
const objectsIn = (value: JsonValue | undefined): readonly JsonObject[] =>
  isJsonArray(value) ? value.map(objectOf) : []
const stringsIn = (value: JsonValue | undefined): readonly string[] =>
  isJsonArray(value) ? value.map(String) : []

const file = parseJson(readFileSync(new URL("../fixtures/vectors.json", import.meta.url)), "strict")
const vectors = objectsIn(objectOf(file).vectors).filter(({ group }) => group === "state_res")

const eventIn12 = (fields: JsonObject): Event =>
  bareEvent({
    eventId: String(fields.event_id),
    roomId,
    type: String(fields.type),
    stateKey: String(fields.state_key),
    sender: String(fields.sender),
    content: objectOf(fields.content),
    originServerTs: Number(fields.origin_server_ts),
    authEvents: stringsIn(fields.auth_events),
    prevEvents: stringsIn(fields.prev_events),
  })

/** The vectors' own note: in room 11 the create event is cited, names its version, and Alice's level is listed. */
const eventIn11 = (fields: JsonObject): Event => {
  const event = eventIn12(fields)
  if (event.eventId === create) return { ...event, content: { room_version: "11" } }
  const authEvents = [create, ...event.authEvents]
  if (event.type !== "m.room.power_levels") return { ...event, authEvents }
  return { ...event, authEvents, content: { users: { ...objectOf(event.content.users), [alice]: 100 } } }
}

describe.each(vectors)("$name", ({ input, expected, conflicted_subgraph_v2_1: subgraph }) => {
  const { events_v12: events, state_sets: stateSets } = objectOf(input)

  test.each([
    ["11", "v2_0_room_v11", eventIn11],
    ["12", "v2_1_room_v12", eventIn12],
  ] as const)("room %s", (versionId, outcome, eventOf) => {
    const version = roomVersion(versionId)!
    const graph = new AuthGraph(version)
    for (const fields of objectsIn(events)) graph.add(eventOf(fields))
    const states = (isJsonArray(stateSets) ? stateSets : []).map((ids) =>
      StateMap.fromEvents(
        graph,
        stringsIn(ids).map((eventId) => graph.indexOf(eventId)!),
      ),
    )
    const explanation = new Explanation()
    const resolved = idsByKey(graph, resolve(graph, states, contextOf(version), explanation))
    for (const [key, eventId] of Object.entries(objectOf(objectOf(expected)[outcome]))) {
      expect([key, resolved[key] ?? null]).toEqual([key, eventId])
    }
    expect(explanation.conflictedSubgraph).toEqual(versionId === "12" ? stringsIn(subgraph).toSorted() : [])
  })
})

test("the vectors are there", () => {
  expect(vectors.map(({ name }) => name)).toEqual(["msc4297_problem_A", "msc4297_problem_B"])
})
