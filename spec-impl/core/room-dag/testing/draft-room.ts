/** For tests: a room whose events are drafted by hand, hashed but signed by nobody. */
import { authEventKeys } from "../../auth-rules/auth-events-selection.ts"
import type { Event } from "../../event.ts"
import { parseEvent } from "../../event-format.ts"
import type { JsonObject, JsonValue } from "../../json/value.ts"
import { type Readings, readingsDefault } from "../../readings.ts"
import { type RoomVersion, roomVersion } from "../../room-version.ts"
import { signEvent } from "../../signing.ts"
import { resolve } from "../../state-resolution/resolve.ts"
import { RoomDag } from "../room-dag.ts"

/** An event to be. */
export interface Drafted {
  readonly type: string
  readonly sender: string
  readonly content: JsonObject
  readonly stateKey?: string
  /** Ids; by default the forward extremities of the room that drafts it. */
  readonly prevEvents?: readonly string[]
  /** Ids; by default what the selection finds in the state before it. */
  readonly authEvents?: readonly string[]
  readonly originServerTs?: number
}

/** Signatures in these rooms: that of a policy server is the first byte of its key. */
const verify = (publicKey: Uint8Array, _message: Uint8Array, signature: Uint8Array): boolean =>
  publicKey[0] === signature[0]

/** A room as a server would hold it, without events. */
export const emptyRoom = (id: string, readings: Partial<Readings> = {}): RoomDag =>
  new RoomDag({ version: roomVersion(id)!, readings: { ...readingsDefault, ...readings }, resolve, verify })

/** By room, so that what one test makes does not hang on what others made before it. */
const drafts = new WeakMap<RoomDag, number>()

/** The number of the next draft: greater than that of any event in the room, whoever drafted it. */
const nextDraft = (dag: RoomDag): number => {
  const known = [...dag.records()].map(({ event }) => Number(event.content.nth ?? 0))
  const nth = Math.max(0, drafts.get(dag) ?? 0, ...known) + 1
  drafts.set(dag, nth)
  return nth
}

/** The event that `drafted` makes at that point of the room. */
export const draftIn = (dag: RoomDag, drafted: Drafted): Event => {
  const { version } = dag.rules
  const prevEvents = drafted.prevEvents ?? dag.forwardExtremities()
  const state = dag.stateBeforeChildOf(prevEvents)
  const selecting = { ...drafted, stateKey: drafted.stateKey }
  const authEvents =
    drafted.authEvents ??
    authEventKeys(selecting, version).flatMap(([type, key]) => dag.eventIn(state, type, key)?.eventId ?? [])
  const depths = prevEvents.map((eventId) => Number(dag.timeline(eventId)?.event.depth ?? 0))
  const nth = nextDraft(dag)
  const pdu: Record<string, JsonValue> = {
    type: drafted.type,
    sender: drafted.sender,
    content: { ...drafted.content, nth },
    origin_server_ts: drafted.originServerTs ?? nth,
    depth: Math.max(0, ...depths) + 1,
    prev_events: references(prevEvents, version),
    auth_events: references(authEvents, version),
    signatures: {},
  }
  if (version.eventId === "opaque") pdu.event_id = `$draft${nth}:one`
  if (drafted.stateKey !== undefined) pdu.state_key = drafted.stateKey
  const create = dag.create()
  if (create !== undefined) pdu.room_id = create.roomId
  else if (!version.roomIdIsCreateHash) pdu.room_id = "!room:one"
  return read(
    signEvent(pdu, version, "one", "ed25519:1", () => new Uint8Array(64)),
    version,
  )
}

const references = (eventIds: readonly string[], version: RoomVersion): JsonValue =>
  version.eventReferences === "ids" ? eventIds : eventIds.map((eventId) => [eventId, { sha256: "" }])

const read = (pdu: JsonObject, version: RoomVersion): Event => {
  const parsed = parseEvent(pdu, version)
  if ("problem" in parsed) throw new Error(parsed.problem)
  return parsed.event
}

/** Drafts an event and has the room take it in. */
export const take = (dag: RoomDag, drafted: Drafted): Event => {
  const event = draftIn(dag, drafted)
  receive(dag, event)
  return event
}

/** Has the room take in an event, as one that has just come. */
export const receive = (dag: RoomDag, event: Event): void => dag.apply(dag.examine(event, "new"))

/** A room of that version: Alice made it, it is public, and these are joined. */
export const roomWith = (id: string, members: readonly string[], levels: JsonObject = {}): RoomDag => {
  const dag = emptyRoom(id)
  const { auth } = dag.rules.version
  const creator = auth.creator === "content" ? { creator: "@alice:one" } : {}
  const alice = { sender: "@alice:one", stateKey: "" }
  take(dag, { ...alice, type: "m.room.create", content: { room_version: id, ...creator } })
  take(dag, { ...alice, type: "m.room.member", stateKey: "@alice:one", content: { membership: "join" } })
  const users = auth.privilegedCreators ? {} : { "@alice:one": 100 }
  take(dag, { ...alice, type: "m.room.power_levels", content: { users: { ...users, ...levels } } })
  take(dag, { ...alice, type: "m.room.join_rules", content: { join_rule: "public" } })
  for (const member of members) join(dag, member)
  return dag
}

export const join = (dag: RoomDag, user: string): Event =>
  take(dag, { type: "m.room.member", sender: user, stateKey: user, content: { membership: "join" } })
