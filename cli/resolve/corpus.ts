/**
 * Reads corpora of state resolution, `{cases: […]}` as JSON or gzipped JSON, or the lines of one room as `netsplit
 * export --to ndjson` writes them, and checks what they claim.
 */
import { readFile } from "node:fs/promises"
import { gunzipSync } from "node:zlib"
import type { Event } from "#spec-impl/core/event.ts"
import { parseEvent } from "#spec-impl/core/event-format.ts"
import { isWhole, without } from "#spec-impl/core/hash.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { parseJson } from "#spec-impl/core/json/parse.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { redact } from "#spec-impl/core/redaction.ts"
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
  /** What came out where it was exported: `type|state_key` → event id. */
  readonly resolved?: JsonObject
}

/** A file that is no corpus, or whose events are not what their hashes, ids and keys say: one line. */
export class BadCorpus extends Error {}

const readUnpacked = async (file: string): Promise<Uint8Array> => {
  const bytes = await readFile(file)
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes
}

const orBadCorpus = async <A>(file: string, read: () => Promise<A>): Promise<A> => {
  try {
    return await read()
  } catch (cause) {
    throw new BadCorpus(`${file}: ${cause instanceof Error ? cause.message : cause}`)
  }
}

/** JSON of any size, gzipped or not, with the numbers of rooms 1–5. Throws `BadCorpus` with the file's name. */
export const readJsonFile = (file: string): Promise<JsonValue> =>
  orBadCorpus(file, async () => parseJson(await readUnpacked(file), "lenient"))

/** The cases of a corpus file, in its order; of a file of lines one for each line of state sets. Throws `BadCorpus`. */
export const readCorpus = async (file: string): Promise<readonly CorpusCase[]> => {
  if (/\.ndjson(\.gz)?$/.test(file)) return readRoomLines(file)
  const corpus = await readJsonFile(file)
  const cases = isJsonObject(corpus) ? corpus.cases : undefined
  if (!isJsonArray(cases)) throw new BadCorpus(`${file}: there is no list of cases`)
  return cases.map((value, at) => readCase(value, `${file}, case ${at + 1}`))
}

/** Lines with a `type` are events of the room, of which only those of its state matter here; the others are cases. */
const readRoomLines = async (file: string): Promise<readonly CorpusCase[]> => {
  const lines = await orBadCorpus(file, async () =>
    Buffer.from(await readUnpacked(file))
      .toString("utf8")
      .split("\n")
      .map((line) => (line.trim() === "" ? {} : parseJson(Buffer.from(line), "lenient"))),
  )
  const isEvent = (line: JsonValue): line is JsonObject => isJsonObject(line) && line.type !== undefined
  const ofState = lines.filter(isEvent).filter(({ state_key: stateKey }) => stateKey !== undefined)
  const read = new Map<string, ReadonlyMap<string, Event>>()
  return lines.flatMap((line, at) => {
    if (isEvent(line) || !isJsonObject(line) || Object.keys(line).length === 0) return []
    const { version, where } = readHead(line, `${file}, line ${at + 1}`)
    const events = read.get(version.id) ?? readEvents(ofState, version, file, true)
    read.set(version.id, events)
    if (!isJsonObject(line.resolved)) throw new BadCorpus(`${where}: resolved is not an object`)
    return [{ ...readSets(line, version, events, where), resolved: line.resolved }]
  })
}

const readCase = (value: JsonValue, place: string): CorpusCase => {
  if (!isJsonObject(value)) throw new BadCorpus(`${place}: it is not an object`)
  const { version, where } = readHead(value, place)
  if (!isJsonArray(value.events)) throw new BadCorpus(`${where}: events is not a list`)
  return readSets(value, version, readEvents(value.events, version, where, false), where)
}

const readHead = ({ name, room_version: versionId }: JsonObject, place: string) => {
  if (typeof name !== "string") throw new BadCorpus(`${place}: it has no name`)
  const where = `${place}, ${name}`
  const version = typeof versionId === "string" ? roomVersion(versionId) : undefined
  if (version === undefined) throw new BadCorpus(`${where}: its room_version is none of the specification's`)
  return { version, where }
}

const readSets = (
  { name, state_sets: stateSets, rejected = [] }: JsonObject,
  version: RoomVersion,
  events: ReadonlyMap<string, Event>,
  where: string,
): CorpusCase => {
  if (!isJsonArray(stateSets)) throw new BadCorpus(`${where}: state_sets is not a list`)
  if (!isJsonArray(rejected)) throw new BadCorpus(`${where}: rejected is not a list`)
  return {
    name: String(name),
    version,
    events: [...events.values()],
    stateSets: stateSets.map((state) => readStateSet(state, events, where)),
    rejected: rejected.map((eventId) => knownEvent(eventId, events, where).eventId),
  }
}

const readEvents = (
  values: readonly JsonValue[],
  version: RoomVersion,
  where: string,
  mayBeRedacted: boolean,
): ReadonlyMap<string, Event> =>
  new Map(
    values.map((value) => {
      const event = readEvent(value, version, where, mayBeRedacted)
      return [event.eventId, event]
    }),
  )

/**
 * Recomputes what the corpus says of an event: its content hash and its id. What a server holds may be redacted, for its
 * hash did not fit when it came (§Checks performed on receipt of a PDU).
 */
const readEvent = (value: JsonValue, version: RoomVersion, where: string, mayBeRedacted: boolean): Event => {
  if (!isJsonObject(value)) throw new BadCorpus(`${where}: an event is not an object`)
  const claimed = value.event_id
  // In rooms 1 and 2 the id is part of the event; later it is the corpus's own addition.
  const pdu = version.eventId === "opaque" ? value : without(value, ["event_id"])
  const parsed = parseEvent(pdu, version, { checkReferenceCounts: false })
  if ("problem" in parsed) throw new BadCorpus(`${where}: event ${claimed}: ${parsed.problem}`)
  if (parsed.event.eventId !== claimed) {
    throw new BadCorpus(`${where}: the event called ${claimed} is ${parsed.event.eventId}`)
  }
  const isRedacted = (): boolean => canonicalJson(redact(pdu, version)) === canonicalJson(pdu)
  if (!isWhole(pdu) && !(mayBeRedacted && isRedacted()))
    throw new BadCorpus(`${where}: event ${claimed} is not what its hash was made of`)
  if (parsed.event.stateKey === undefined) throw new BadCorpus(`${where}: event ${claimed} is no state event`)
  return parsed.event
}

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
