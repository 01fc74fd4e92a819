/** Reads corpora of state resolution: `{cases: [...]}` as JSON, gzipped or not. */
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
  /** `type|state_key` → event id. */
  readonly stateSets: readonly Readonly<Record<string, string>>[]
  readonly rejected: readonly string[]
}

/** A file that is no corpus, or whose events are not what their ids and hashes say. */
export class BadCorpus extends Error {}

/** JSON of any size, gzipped or not. Throws `BadCorpus` with the file's name. */
export const readJsonFile = async (file: string): Promise<JsonValue> => {
  try {
    const bytes = await readFile(file)
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
    return parseJson(isGzip ? gunzipSync(bytes) : bytes, "lenient")
  } catch (cause) {
    throw new BadCorpus(`${file}: ${cause instanceof Error ? cause.message : cause}`)
  }
}

/** The cases of a corpus file. */
export const readCorpus = async (file: string): Promise<readonly CorpusCase[]> => {
  const corpus = await readJsonFile(file)
  const cases = isJsonObject(corpus) ? corpus["cases"] : undefined
  if (!isJsonArray(cases)) throw new BadCorpus(`${file}: there is no list of cases`)
  return cases.map((one, at) => readCase(one, `${file}, case ${at + 1}`))
}

const readCase = (value: JsonValue, where: string): CorpusCase => {
  if (!isJsonObject(value)) throw new BadCorpus(`${where}: not an object`)
  const { name, room_version, events, state_sets, rejected } = value
  const version = typeof room_version === "string" ? roomVersion(room_version) : undefined
  if (typeof name !== "string") throw new BadCorpus(`${where}: it has no name`)
  if (version === undefined) throw new BadCorpus(`${where}: room version ${room_version} is not known`)
  if (!isJsonArray(events) || !isJsonArray(state_sets)) throw new BadCorpus(`${where}: events or state_sets`)
  return {
    name,
    version,
    events: events.map((event) => readEvent(event, version, `${where}, ${name}`)),
    stateSets: state_sets.filter(isJsonObject) as unknown as readonly Readonly<Record<string, string>>[],
    rejected: isJsonArray(rejected) ? rejected.filter((id) => typeof id === "string") : [],
  }
}

/** Recomputes what the corpus says of an event: its content hash and its id. */
const readEvent = (value: JsonValue, version: RoomVersion, where: string): Event => {
  if (!isJsonObject(value)) throw new BadCorpus(`${where}: an event is not an object`)
  const pdu = version.eventId === "opaque" ? value : without(value, ["event_id"])
  const parsed = parseEvent(pdu, version, { checkReferenceCounts: false })
  if ("problem" in parsed) throw new BadCorpus(`${where}: ${value["event_id"]}: ${parsed.problem}`)
  if (parsed.event.eventId !== value["event_id"]) {
    throw new BadCorpus(`${where}: the id of ${value["event_id"]} should be ${parsed.event.eventId}`)
  }
  if (!hashMatches(pdu)) throw new BadCorpus(`${where}: the content of ${value["event_id"]} is not what was hashed`)
  return parsed.event
}

const hashMatches = (pdu: JsonObject): boolean => {
  const hashes = pdu["hashes"]
  return isJsonObject(hashes) && hashes["sha256"] === contentHash(pdu)
}
