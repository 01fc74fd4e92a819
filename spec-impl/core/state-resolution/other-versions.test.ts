// Shows that rooms of the versions of which no corpus tells (3, 4, 5, 7, 8, 9) resolve as the text has it: the
// rooms of the corpora, made anew in those versions with hashes and ids of their own.
import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import type { Event } from "../event.ts"
import { parseJson } from "../json/parse.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts"
import { type RoomVersion, roomVersion } from "../room-version.ts"
import { resolve } from "./resolve.ts"
import { buildEvent } from "./testing/build-event.ts"
import { contextOf } from "./testing/context.ts"
import { type NaiveRoom, type NaiveState, naiveKey, resolveNaively } from "./testing/naive-resolver.ts"
import { graphOf, idsByKey, stateMapOf } from "./testing/room-graph.ts"

const objectOf = (value: JsonValue | undefined): JsonObject => (isJsonObject(value) ? value : {})
const listOf = (value: JsonValue | undefined): readonly JsonValue[] => (isJsonArray(value) ? value : [])
const textOf = (value: JsonValue | undefined): string => (typeof value === "string" ? value : "")

const casesOf = (corpus: string): readonly JsonObject[] => {
  const file = new URL(`fixtures/corpus/${corpus}.json.gz`, import.meta.url)
  return listOf(objectOf(parseJson(gunzipSync(readFileSync(file)), "lenient")).cases).map(objectOf)
}

interface Remade extends NaiveRoom {
  readonly states: readonly NaiveState[]
}

/** The same room in another version. */
const remake = (corpusCase: JsonObject, version: RoomVersion): Remade => {
  const byOldId = new Map<string, Event>()
  const eventsNamed = (references: JsonValue | undefined): readonly Event[] =>
    listOf(references).flatMap((reference) => {
      return byOldId.get(textOf(isJsonArray(reference) ? reference[0] : reference)) ?? []
    })
  for (const value of listOf(corpusCase.events)) {
    const old = objectOf(value)
    const content = objectOf(old.content)
    const isCreate = old.type === "m.room.create"
    const event = buildEvent(version, {
      type: textOf(old.type),
      stateKey: textOf(old.state_key),
      sender: textOf(old.sender),
      content: isCreate ? { ...content, room_version: version.id } : content,
      authEvents: eventsNamed(old.auth_events),
      prevEvents: eventsNamed(old.prev_events),
      originServerTs: Number(old.origin_server_ts),
      depth: Number(old.depth),
      roomId: textOf(old.room_id),
    })
    byOldId.set(textOf(old.event_id), event)
  }
  const states = listOf(corpusCase.state_sets).map((state): NaiveState => {
    const events = Object.values(objectOf(state)).map((eventId) => byOldId.get(textOf(eventId))!)
    return new Map(events.map((event) => [naiveKey(event), event]))
  })
  const events = new Map([...byOldId.values()].map((event) => [event.eventId, event]))
  const rejected = new Set(eventsNamed(corpusCase.rejected).map(({ eventId }) => eventId))
  return {
    events,
    rejected,
    create: [...events.values()].find(({ type }) => type === "m.room.create")!,
    states,
  }
}

describe.each([
  ["3", "fuzz-v2-000"],
  ["4", "fuzz-v2-000"],
  ["5", "fuzz-v2-000"],
  ["7", "fuzz-v6-050"],
  ["8", "fuzz-v10-050"],
  ["9", "fuzz-rej-v11"],
])("room %s, from %s", (versionId, corpus) => {
  test("resolves as the text has it", () => {
    const version = roomVersion(versionId)!
    const context = contextOf(version)
    let conflicts = 0
    for (const corpusCase of casesOf(corpus)) {
      const room = remake(corpusCase, version)
      const graph = graphOf(room, version)
      const states = room.states.map((state) => stateMapOf(graph, state))
      const resolved = idsByKey(graph, resolve(graph, states, context))
      const expected = resolveNaively(room, room.states, context)
      expect(resolved).toEqual(Object.fromEntries([...expected].map(([key, { eventId }]) => [key, eventId])))
      if (
        Object.keys(resolved).length !== states[0]!.size ||
        states.some(({ digest }) => digest !== states[0]!.digest)
      ) {
        conflicts += 1
      }
    }
    expect(conflicts).toBeGreaterThan(20)
  })
})
