/** How this server makes events of its own: parents, auth events, depth, hash and signature. */
import { Clock, Context, Effect } from "effect"
import { authEventKeys } from "../core/auth-rules/auth-events-selection.ts"
import { encodeBase64 } from "../core/base64.ts"
import type { Event } from "../core/event.ts"
import { parseEvent } from "../core/event-format.ts"
import { referenceHash } from "../core/hash.ts"
import { canonicalJsonBytes } from "../core/json/encode.ts"
import type { JsonObject, JsonValue } from "../core/json/value.ts"
import { canonicalIntegerMax, depthMaxLenient, pduBytesMax, prevEventsMax } from "../core/limits.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { eventSigningBytes, restrictedJoinSigner, signEvent, withSignature } from "../core/signing.ts"
import { badJson, forbidden, type MatrixError, tooLarge } from "../federation/matrix-error.ts"
import type { RecordWrite, StoreFailure } from "../store/event-store.ts"
import { type CommitServices, commitAndSend, whileWriting } from "./admission.ts"
import { Chance } from "./chance.ts"
import { ServerIdentity } from "./identity.ts"
import { putBeforePolicyServer } from "./policy-signatures.ts"
import type { Room } from "./rooms.ts"
import { Signatures } from "./signatures/signatures.ts"

/** What a user wants said. */
export interface Draft {
  readonly type: string
  readonly sender: string
  readonly content: JsonObject
  /** Undefined for a message event. */
  readonly stateKey: string | undefined
  /** What a redaction is of, where the room version has that beside the content (rooms 1–10). */
  readonly redacts?: string
}

/** What a chapter keeps in the group of an event that it has made, once the id of that is known. */
export type WithEvent = (eventId: string) => readonly RecordWrite[]

/**
 * Makes an event of `draft` at the end of the room's history, and sends it. Forbidden by rule: 403. In a room with a
 * policy server that is asked in between, while others may write, and what it answers instead of a signature is the
 * failure.
 */
export const sendLocalEvent = Effect.fnUntraced(function* (room: Room, draft: Draft, kept?: WithEvent) {
  yield* untilAuthorisable(room, draft)
  const drafted = yield* whileWriting(
    room,
    Effect.gen(function* () {
      const pdu = yield* completeDraft(room, draft)
      const event = yield* readOwn(yield* signAsSelf(pdu, room.version), room.version)
      const signer = restrictedJoinSigner(event)
      if (signer !== undefined && signer === (yield* ServerIdentity).serverName)
        room.dag.noteSignedRestrictedJoin(event.eventId)
      const isReady = room.dag.lackedPolicyServer(event) === undefined
      if (isReady) yield* takeOwn(room, event, kept)
      return { event, isReady }
    }),
  )
  if (drafted.isReady) return drafted.event
  const event = yield* putBeforePolicyServer(room, drafted.event)
  yield* whileWriting(room, takeOwn(room, event, kept))
  return event
})

/** Takes in and sends an event of this server's own making; 403 where it is not accepted. */
export const takeOwn = (room: Room, event: Event, kept?: WithEvent) =>
  Effect.suspend((): Effect.Effect<void, MatrixError | StoreFailure, CommitServices> => {
    const record = room.dag.examine(event, "new")
    if (record.objection !== undefined) {
      const { rule, reason } = record.objection
      return Effect.fail(forbidden(`rejected by ${rule}: ${reason}`))
    }
    return commitAndSend(room, record, undefined, kept?.(event.eventId))
  })

/**
 * Waits, in partial state, for the memberships that decide whether the draft is allowed: a user of this server can go
 * on talking, but not, say, invite somebody who may be banned.
 */
export const untilAuthorisable = ({ dag, version, partial }: Room, draft: Draft): Effect.Effect<void> => {
  const isUnknown = ([type, stateKey]: readonly [string, string]): boolean =>
    type === "m.room.member" && dag.eventIn(dag.currentState(), type, stateKey) === undefined
  return partial !== undefined && authEventKeys(draft, version).some(isUnknown)
    ? partial.whole.await
    : Effect.void
}

/** `draft` with all but hash and signature, as it would stand at the end of the room's history now. */
export const completeDraft = (room: Room, draft: Draft) =>
  Effect.contextWith((services: Context.Context<Chance>) =>
    Effect.succeed(completedBy(services, room, draft)),
  )

const completedBy = (services: Context.Context<Chance>, room: Room, draft: Draft): JsonObject => {
  const originServerTs = Context.get(services, Clock.Clock).currentTimeMillisUnsafe()
  const { dag, version } = room
  const prevEvents = chooseParents(room, Context.get(services, Chance))
  const state = dag.stateBeforeChildOf(prevEvents)
  const authEvents = authEventKeys(draft, version).flatMap(
    ([type, stateKey]) => dag.eventIn(state, type, stateKey)?.eventId ?? [],
  )
  const pdu: Record<string, JsonValue> = {
    type: draft.type,
    sender: draft.sender,
    content: draft.content,
    origin_server_ts: originServerTs,
    depth: depthAfter(dag, prevEvents, version),
    prev_events: references(dag, prevEvents, version),
    auth_events: references(dag, authEvents, version),
  }
  if (draft.stateKey !== undefined) pdu.state_key = draft.stateKey
  if (draft.redacts !== undefined) pdu.redacts = draft.redacts
  const isCreate = draft.type === "m.room.create" && prevEvents.length === 0
  if (!(version.roomIdIsCreateHash && isCreate)) pdu.room_id = room.roomId
  return pdu
}

/** An unsigned draft as the authorisation rules read it: without an id, since it has no hash yet. */
export const draftedEvent = (pdu: JsonObject, draft: Draft, room: Room): Event => ({
  ...draft,
  eventId: "",
  roomId: room.roomId,
  originServerTs: 0,
  depth: 0,
  authEvents: [],
  prevEvents: room.dag.forwardExtremities(),
  redacts: draft.redacts,
  pdu,
})

/** Adds hash, signature and, in rooms 1 and 2, an event id that this server picks. */
export const signAsSelf = (pdu: JsonObject, version: RoomVersion) =>
  Effect.contextWith((services: Context.Context<Chance | ServerIdentity | Signatures>) => {
    const { serverName, signingKey } = Context.get(services, ServerIdentity)
    const signatures = Context.get(services, Signatures)
    const named =
      version.eventId === "opaque"
        ? { ...pdu, event_id: pickEventId(pdu, serverName, Context.get(services, Chance)) }
        : pdu
    const sign = (message: Uint8Array) => signatures.sign(signingKey.seed, message)
    return Effect.succeed(signEvent(named, version, serverName, signingKey.keyId, sign))
  })

/** Adds this server's signature to an event that another one made and hashed. */
export const coSignAsSelf = Effect.fnUntraced(function* (pdu: JsonObject, version: RoomVersion) {
  const { serverName, signingKey } = yield* ServerIdentity
  const signatures = yield* Signatures
  const signature = signatures.sign(signingKey.seed, eventSigningBytes(pdu, version))
  return withSignature(pdu, serverName, signingKey.keyId, signature)
})

/** An event of this server's own making; one that breaks the format was badly drafted: 400, or 413 for its size. */
export const readOwn = (pdu: JsonObject, version: RoomVersion): Effect.Effect<Event, MatrixError> => {
  const parsed = parseEvent(pdu, version)
  if ("event" in parsed) return Effect.succeed(parsed.event)
  // Client-server API §Size limits.
  const refuse = canonicalJsonBytes(pdu).length > pduBytesMax ? tooLarge : badJson
  return Effect.fail(refuse(`such an event cannot be: ${parsed.problem}`))
}

/** Above the number that an event may cite, which of the forward extremities it cites is left to chance. */
const chooseParents = (room: Room, chance: Chance["Service"]): readonly string[] => {
  const extremities = room.dag.forwardExtremities()
  if (extremities.length <= prevEventsMax) return extremities
  const drawn = extremities.map((eventId) => ({
    eventId,
    draw: encodeBase64(chance.bytes(8, "prev-events", room.roomId, eventId)),
  }))
  drawn.sort((a, b) => (a.draw < b.draw ? -1 : 1))
  return drawn
    .slice(0, prevEventsMax)
    .map(({ eventId }) => eventId)
    .sort()
}

const pickEventId = (pdu: JsonObject, serverName: string, chance: Chance["Service"]): string => {
  const label = [pdu.room_id, pdu.sender, pdu.type, pdu.state_key, pdu.origin_server_ts]
  const bytes = chance.bytes(15, "event-id", JSON.stringify([label, pdu.prev_events]))
  return `$${encodeBase64(bytes).replaceAll("+", "-").replaceAll("/", "_")}:${serverName}`
}

/** §PDUs: one more than the deepest parent, and never more than the room version allows. */
const depthAfter = (dag: RoomDag, prevEvents: readonly string[], version: RoomVersion): number | bigint => {
  let deepest: number | bigint = 0
  for (const eventId of prevEvents) {
    const depth = dag.timeline(eventId)?.event.depth ?? 0
    if (depth > deepest) deepest = depth
  }
  const depthMax = version.depthMax === "2^53-1" ? canonicalIntegerMax : depthMaxLenient
  if (deepest >= depthMax) return depthMax
  const next = BigInt(deepest) + 1n
  return next <= BigInt(canonicalIntegerMax) ? Number(next) : next
}

const references = (dag: RoomDag, eventIds: readonly string[], version: RoomVersion): JsonValue =>
  version.eventReferences === "ids"
    ? eventIds
    : eventIds.flatMap((eventId) => {
        const event = dag.record(eventId)?.event
        return event === undefined ? [] : [reference(event, version)]
      })

/** How an event is cited: in rooms 1 and 2 with its hash (rooms/v1 §Event format). */
export const reference = ({ eventId, pdu }: Event, version: RoomVersion): JsonValue =>
  version.eventReferences === "ids"
    ? eventId
    : [eventId, { sha256: encodeBase64(referenceHash(pdu, version)) }]
