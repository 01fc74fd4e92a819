/** Joining a room by way of a server that is in it (server-server API §Joining Rooms). */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { canonicalJson } from "../core/json/encode.ts"
import type { JsonObject } from "../core/json/value.ts"
import type { OutlierRecord } from "../core/room-dag/event-record.ts"
import { parentsFirst } from "../core/room-dag/walks.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { restrictedJoinSigner } from "../core/signing.ts"
import { StateMap } from "../core/state-resolution/state-map.ts"
import { FederationClient } from "../federation/client.ts"
import { forbidden } from "../federation/matrix-error.ts"
import { admit, admitOutliers } from "./admission.ts"
import { asClientSees, badAnswer } from "./failures.ts"
import { completeTemplate } from "./handshakes.ts"
import { type Room, Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import { readPdu, vetAnswered } from "./vetting.ts"

/** Joins `userId`, of this server, to a room by way of the resident server `via`. */
export const joinThrough = Effect.fnUntraced(function* (via: string, roomId: string, userId: string) {
  const client = yield* FederationClient
  const rooms = yield* Rooms
  const { roomVersions } = yield* Settings
  const ver = roomVersions.map((version) => version.id)
  const made = yield* client.call(via, (api) =>
    api.rooms.makeJoin({ params: { roomId, userId }, query: { ver } }),
  )
  const { version, event: join } = yield* completeTemplate(made, roomId, userId, "join")
  const params = { roomId, eventId: join.eventId }
  const answer = yield* client
    .call(via, (api) => api.rooms.sendJoin({ params, query: {}, payload: join.pdu }))
    .pipe(Effect.mapError(asClientSees))
  const held = rooms.find(roomId)
  const room = held ?? rooms.make(roomId, version)
  const joined = yield* asSignedByAll(room, join, answer.event, via)
  const events = yield* vetAnswered(room, [...answer.auth_chain, ...answer.state])
  yield* checkCreate(events, version)
  const stateIds = new Set(
    answer.state.flatMap((pdu) => {
      const read = readPdu(pdu, room, { checkReferenceCounts: false })
      return "event" in read ? [read.event.eventId] : []
    }),
  )
  yield* held === undefined
    ? takeUpRoom(room, events, stateIds, joined, via)
    : returnToRoom(room, events, stateIds, joined, via)
  return joined
})

/**
 * The join as the resident server gives it back: with its signature, where it had to let the user in; with that of a
 * policy server, where it had to ask one.
 */
const asSignedByAll = Effect.fnUntraced(function* (
  room: Room,
  join: Event,
  answered: JsonObject | undefined,
  via: string,
) {
  if (answered === undefined || !isCoSigned(answered, join)) return join
  const [signed] = yield* vetAnswered(room, [answered])
  if (signed?.eventId === join.eventId) return signed
  if (restrictedJoinSigner(join) === undefined) return join
  return yield* badAnswer(`${via} gave another event back than the join that it got`)
})

const isCoSigned = ({ signatures }: JsonObject, join: Event): boolean =>
  restrictedJoinSigner(join) !== undefined ||
  canonicalJson(signatures ?? {}) !== canonicalJson(join.pdu.signatures ?? {})

/** A room that is new here becomes known with all its state, or not at all: one group. */
const takeUpRoom = Effect.fnUntraced(function* (
  room: Room,
  events: readonly Event[],
  stateIds: ReadonlySet<string>,
  join: Event,
  via: string,
) {
  const rooms = yield* Rooms
  const outliers: OutlierRecord[] = []
  for (const event of parentsFirst(events)) {
    if (room.dag.record(event.eventId) !== undefined || room.dag.missingAuthEvents(event).length > 0) continue
    const record = room.dag.examineOutlier(event)
    room.dag.apply(record)
    outliers.push(record)
  }
  if (room.dag.missingAuthEvents(join).length > 0) {
    return yield* badAnswer(`${via} did not give all auth events of the join`)
  }
  const record = room.dag.examine(join, "new", { state: stateOf(room, stateIds), by: via })
  if (record.objection !== undefined) {
    return yield* forbidden(`the join fails ${record.objection.rule}: ${record.objection.reason}`)
  }
  yield* rooms.commit(room, [...outliers, record])
})

const returnToRoom = Effect.fnUntraced(function* (
  room: Room,
  events: readonly Event[],
  stateIds: ReadonlySet<string>,
  join: Event,
  via: string,
) {
  yield* admitOutliers(room, events)
  yield* admit(room, join, "new", { state: stateOf(room, stateIds), by: via })
})

const stateOf = (room: Room, stateIds: ReadonlySet<string>): StateMap => {
  let state = StateMap.empty
  for (const eventId of stateIds) {
    const index = room.dag.record(eventId)?.index ?? -1
    if (index >= 0) state = room.dag.applied(state, index)
  }
  return state
}

const checkCreate = (events: readonly Event[], version: RoomVersion) => {
  const create = events.find((event) => event.type === "m.room.create" && event.stateKey === "")
  const given = create?.content.room_version ?? "1"
  return create !== undefined && given === version.id
    ? Effect.void
    : Effect.fail(badAnswer(`the room's create event is missing, or not of version ${version.id}`))
}
