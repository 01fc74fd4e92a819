/** Goes on with a room of the origin: events with their place in the graph, hashed and signed, by core's functions. */
import { authEventKeys } from "#spec-impl/core/auth-rules/auth-events-selection.ts"
import { encodeBase64, encodeBase64Url } from "#spec-impl/core/base64.ts"
import { parseEvent } from "#spec-impl/core/event-format.ts"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { referenceHash, sha256 } from "#spec-impl/core/hash.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type RoomVersion, roomVersion } from "#spec-impl/core/room-version.ts"
import { signEvent } from "#spec-impl/core/signing.ts"
import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import { seededBytes, signatures } from "./origin-identity.ts"
import type { Relation } from "./requests.ts"
import type { RoomStart } from "./room-start.ts"

/** An event of the corpus, with what those after it cite of it. */
export interface MadeEvent {
  readonly eventId: string
  readonly depth: number
  /** How it is cited in this room version. */
  readonly reference: JsonValue
  /** In federation format, as canonical JSON. */
  readonly text: string
  readonly pdu: JsonObject
}

/** What a user says. */
export interface Said {
  readonly type: string
  readonly sender: string
  readonly content: JsonObject
  readonly stateKey?: string
}

/** One room, and all that is said in it. Its state is held as every server holds it: by the rules of its version. */
export class RoomMaker {
  readonly roomId: string
  readonly users: readonly string[]
  readonly version: RoomVersion
  readonly dag: RoomDag
  readonly #seed: number
  readonly #relation: Relation
  /** References by event id, of the events that were there at the start. */
  readonly #held = new Map<string, { readonly reference: JsonValue; readonly depth: number }>()
  #time = 0
  #made = 0

  constructor(start: RoomStart, seed: number, relation: Relation) {
    this.roomId = start.roomId
    this.users = start.users
    this.version = roomVersion(start.roomVersion)!
    this.#seed = seed
    this.#relation = relation
    this.dag = new RoomDag({
      version: this.version,
      readings: readingsDefault,
      resolve,
      verify: signatures.verify,
    })
    for (const pdu of start.events) {
      this.take(pdu)
      this.#time = Math.max(this.#time, Number(pdu.origin_server_ts))
    }
  }

  /** The forward extremities that the room begins with, as parents. */
  extremities(): readonly MadeEvent["eventId"][] {
    return this.dag.forwardExtremities()
  }

  /** Takes an event into the room. Throws where it is not accepted: that is no event for a corpus. */
  take(pdu: JsonObject): void {
    const parsed = parseEvent(pdu, this.version)
    if ("problem" in parsed) throw new Error(`a corpus event is malformed: ${parsed.problem}`)
    const record = this.dag.examine(parsed.event, "new")
    if (record.verdict !== "accepted") {
      throw new Error(`a corpus event is ${record.verdict}: ${record.objection?.reason}`)
    }
    this.dag.apply(record)
  }

  /** The references of what `said` must cite in that state (server-server API §Auth events selection). */
  authEvents(said: Said, state: StateMap): readonly JsonValue[] {
    const selecting = { ...said, stateKey: said.stateKey }
    return authEventKeys(selecting, this.version).flatMap(([type, stateKey]) => {
      const eventId = this.dag.eventIn(state, type, stateKey)?.eventId
      return eventId === undefined ? [] : [this.#citationOf(eventId).reference]
    })
  }

  /** Makes an event with those parents. It is not taken into the room. */
  make(said: Said, parents: readonly (MadeEvent | string)[], authEvents: readonly JsonValue[]): MadeEvent {
    const cited = parents.map((parent) => (typeof parent === "string" ? this.#citationOf(parent) : parent))
    const depth = Math.max(...cited.map((parent) => parent.depth)) + 1
    const nth = this.#made++
    this.#time += 1
    const { origin, signingKey } = this.#relation
    const pdu: Record<string, JsonValue> = {
      auth_events: authEvents,
      content: said.content,
      depth,
      origin_server_ts: this.#time,
      prev_events: cited.map(({ reference }) => reference),
      room_id: this.roomId,
      sender: said.sender,
      type: said.type,
    }
    if (said.stateKey !== undefined) pdu.state_key = said.stateKey
    if (this.version.eventId === "opaque") {
      const entropy = seededBytes(this.#seed, "event-id", this.roomId, String(nth))
      pdu.event_id = `$${encodeBase64Url(entropy.subarray(0, 15))}:${origin}`
    }
    const signed = signEvent(pdu, this.version, origin, signingKey.keyId, (message) =>
      signatures.sign(signingKey.seed, message),
    )
    return { ...this.#describe(signed, depth), text: canonicalJson(signed), pdu: signed }
  }

  /** The digest of a state, as it is told apart after a run: of the ids in it. */
  digestOf(state: StateMap): string {
    return stateDigest(this.dag.eventIdsIn(state))
  }

  #citationOf(eventId: string): { readonly reference: JsonValue; readonly depth: number } {
    const known = this.#held.get(eventId)
    if (known !== undefined) return known
    const event = this.dag.record(eventId)?.event
    if (event === undefined) throw new Error(`the corpus cites ${eventId}, which it does not hold`)
    const citation = this.#describe(event.pdu, Number(event.depth))
    this.#held.set(eventId, citation)
    return citation
  }

  #describe(pdu: JsonObject, depth: number) {
    const eventId = eventIdOf(pdu, this.version)!
    const reference: JsonValue =
      this.version.eventReferences === "ids"
        ? eventId
        : [eventId, { sha256: encodeBase64(referenceHash(pdu, this.version)) }]
    return { eventId, depth, reference }
  }
}

/** A state named by its event ids, in whatever order they come. */
export const stateDigest = (eventIds: readonly string[]): string =>
  encodeBase64Url(sha256([...eventIds].sort().join("\n")))
