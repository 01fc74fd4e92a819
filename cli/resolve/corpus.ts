/** Reads corpora of state resolution, `{cases: […]}` as JSON or gzipped JSON, and checks what they claim. */
import { readFile } from "node:fs/promises"
import { gunzipSync } from "node:zlib"
import type { Event } from "#spec-impl/core/event.ts"
import { parseEvent } from "#spec-impl/core/event-format.ts"
import { contentHash, without } from "#spec-impl/core/hash.ts"
import { parseJson } from "#spec-impl/core/json/parse.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { type RoomVersion, roomVersion } from "#spec-impl/core/room-version.ts"

/** One resolution to do. */
export interface CorpusCase {
  readonly name: string
  readonly version: RoomVersion
  /** Each after those that it cites. */
  readonly events: readonly Event[]
  /** The ids of the events of each state set, all of them among `events`. */
  readonly stateSets: readonly (readonly string[])[]
  /** The ids of events that were rejected on receipt, all of them among `events`. */
  readonly rejected: readonly string[]
}

/** A file that is no corpus, or whose events are not what their hashes, ids and keys say: one line. */
export class BadCorpus extends Error {}

/** JSON of any size, gzipped or not, with the numbers of rooms 1–5. Throws `BadCorpus` with the file's name. */
export const readJsonFile = async (file: string): Promise<JsonValue> => {
  try {
    const bytes = await readFile(file)
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
    return parseJson(isGzip ? gunzipSync(bytes) : bytes, "lenient")
  } catch (cause) {
    throw new BadCorpus(`${file}: ${cause instanceof Error ? cause.message : cause}`)
  }
}

/** The cases of a corpus file, in its order. Throws `BadCorpus`. */
export const readCorpus = async (file: string): Promise<readonly CorpusCase[]> => {
  const corpus = await readJsonFile(file)
  const cases = isJsonObject(corpus) ? corpus.cases : undefined
  if (!isJsonArray(cases)) throw new BadCorpus(`${file}: there is no list of cases`)
  return cases.map((value, at) => readCase(value, `${file}, case ${at + 1}`))
}

const readCase = (value: JsonValue, place: string): CorpusCase => {
  if (!isJsonObject(value)) throw new BadCorpus(`${place}: it is not an object`)
  const { name, room_version: versionId, events, state_sets: stateSets, rejected = [] } = value
  if (typeof name !== "string") throw new BadCorpus(`${place}: it has no name`)
  const where = `${place}, ${name}`
  const version = typeof versionId === "string" ? roomVersion(versionId) : undefined
  if (version === undefined) throw new BadCorpus(`${where}: its room_version is none of the specification's`)
  if (!isJsonArray(events)) throw new BadCorpus(`${where}: events is not a list`)
  if (!isJsonArray(stateSets)) throw new BadCorpus(`${where}: state_sets is not a list`)
  if (!isJsonArray(rejected)) throw new BadCorpus(`${where}: rejected is not a list`)
  const byId = new Map<string, Event>()
  for (const event of events) {
    const read = readEvent(event, version, where)
    byId.set(read.eventId, read)
  }
  return {
    name,
    version,
    events: [...byId.values()],
    stateSets: stateSets.map((state) => readStateSet(state, byId, where)),
    rejected: rejected.map((eventId) => knownEvent(eventId, byId, where).eventId),
  }
}

/** Recomputes what the corpus says of an event: its content hash and its id. */
const readEvent = (value: JsonValue, version: RoomVersion, where: string): Event => {
  if (!isJsonObject(value)) throw new BadCorpus(`${where}: an event is not an object`)
  const claimed = value.event_id
  // In rooms 1 and 2 the id is part of the event; later it is the corpus's own addition.
  const pdu = version.eventId === "opaque" ? value : without(value, ["event_id"])
  const parsed = parseEvent(pdu, version, { checkReferenceCounts: false })
  if ("problem" in parsed) throw new BadCorpus(`${where}: event ${claimed}: ${parsed.problem}`)
  if (parsed.event.eventId !== claimed) {
    throw new BadCorpus(`${where}: the event called ${claimed} is ${parsed.event.eventId}`)
  }
  if (!hasItsContentHash(pdu))
    throw new BadCorpus(`${where}: event ${claimed} is not what its hash was made of`)
  if (parsed.event.stateKey === undefined) throw new BadCorpus(`${where}: event ${claimed} is no state event`)
  return parsed.event
}

const hasItsContentHash = (pdu: JsonObject): boolean =>
  isJsonObject(pdu.hashes) && pdu.hashes.sha256 === contentHash(pdu)

const readStateSet = (
  value: JsonValue,
  byId: ReadonlyMap<string, Event>,
  where: string,
): readonly string[] => {
  if (!isJsonObject(value)) throw new BadCorpus(`${where}: a state set is not an object`)
  return Object.entries(value).map(([key, eventId]) => {
    const event = knownEvent(eventId, byId, where)
    if (`${event.type}|${event.stateKey}` !== key) {
      throw new BadCorpus(`${where}: event ${event.eventId} cannot stand under ${key}`)
    }
    return event.eventId
  })
}

const knownEvent = (eventId: JsonValue, byId: ReadonlyMap<string, Event>, where: string): Event => {
  const event = typeof eventId === "string" ? byId.get(eventId) : undefined
  if (event === undefined) throw new BadCorpus(`${where}: event ${eventId} is not among the events`)
  return event
}
