/** Joining a room by way of a server that is in it (server-server API §Joining Rooms). */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import type { JsonObject } from "../core/json/value.ts"
import { claimedState } from "../core/room-dag/decide-anew.ts"
import type { OutlierRecord, TimelineRecord } from "../core/room-dag/event-record.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import { parentsFirst } from "../core/room-dag/walks.ts"
import { FederationClient } from "../federation/client.ts"
import { forbidden } from "../federation/matrix-error.ts"
import { admit, admitOutliers, commitRecord, whileWriting } from "./admission.ts"
import { backfillTo } from "./backfill.ts"
import { badAnswer } from "./failures.ts"
import { completeTemplate } from "./handshakes.ts"
import { ServerIdentity } from "./identity.ts"
import { type BelievedAnswer, believe, type ToldState } from "./join-answers.ts"
import { Lock } from "./lock.ts"
import { fillGap, type MissingHistory } from "./missing-events.ts"
import { beginPartialState } from "./partial-states.ts"
import { Resyncs } from "./resyncs.ts"
import { joinedServersIn } from "./room-members.ts"
import { type Room, Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"

/**
 * Joins `userId`, of this server, to a room by way of the resident server `via`. A room that is new here is taken up
 * from the answer, with part of its state if the settings say so. One that this server has left is gone back to, with
 * the whole state: it holds most of it. One that it is in gets the join as it gets any event.
 */
export const joinThrough = Effect.fnUntraced(function* (
  via: string,
  roomId: string,
  userId: string,
  more: JsonObject = {},
) {
  const rooms = yield* Rooms
  const { partialStateJoins } = yield* Settings
  const { version, event } = yield* makeJoin(via, roomId, userId, more)
  const held = rooms.find(roomId)
  // What was decided by part of the state, and never by all of it, is nothing to go back to.
  const known = held?.partial === undefined || (yield* isResident(held)) ? held : undefined
  const omitMembers = partialStateJoins && known === undefined
  const answer = yield* sendJoin(via, roomId, event, omitMembers)
  const room = known ?? rooms.make(roomId, version)
  const believed = yield* believe(room, event, answer, { via, omitMembers })
  const begin = takeUp(rooms, room, believed, via)
  if (known === undefined) yield* held === undefined ? begin : whileWriting(held, begin)
  else if (yield* isResident(known)) yield* Effect.andThen(believed.told, takeIn(room, believed.join, via))
  else yield* goBack(room, believed, via)
  return believed.join
})

/** Whether this server has a member in the room. */
export const isResident = (room: Room) =>
  Effect.map(ServerIdentity, ({ serverName }) =>
    joinedServersIn(room.dag, room.dag.currentState()).has(serverName),
  )

const makeJoin = Effect.fnUntraced(function* (via: string, roomId: string, userId: string, more: JsonObject) {
  const client = yield* FederationClient
  const { roomVersions } = yield* Settings
  const ver = roomVersions.map((version) => version.id)
  const made = yield* client.call(via, (api) =>
    api.rooms.makeJoin({ params: { roomId, userId }, query: { ver } }),
  )
  return yield* completeTemplate(made, roomId, userId, { ...more, membership: "join" })
})

/** Sent once more where no answer comes: the resident server answers the same join as it did before. */
const sendJoin = Effect.fnUntraced(function* (
  via: string,
  roomId: string,
  join: Event,
  omitMembers: boolean,
) {
  const client = yield* FederationClient
  const params = { roomId, eventId: join.eventId }
  const query = omitMembers ? { omit_members: true } : {}
  return yield* client
    .call(via, (api) => api.rooms.sendJoin({ params, query, payload: join.pdu }))
    .pipe(Effect.retry({ times: 1, while: (error) => error._tag === "FederationUnreachable" }))
})

/**
 * A room that is new here becomes known with all that was told of it, or not at all: one group. It is made up while
 * signatures are verified, and where some do not hold once more, without those events or with others in their place.
 */
const takeUp = Effect.fnUntraced(function* (
  rooms: Rooms["Service"],
  room: Room,
  believed: BelievedAnswer,
  via: string,
) {
  const { join, offered, servers } = believed
  const resyncs = yield* Resyncs
  // Of this server's own members all is known: it comes in by this join.
  const { serverName } = yield* ServerIdentity
  const others = servers?.filter((server) => server !== serverName)
  const makeUp = (told: ToldState) => {
    if (others !== undefined) room.dag.presumedServers = new Set(others)
    return madeUp(room.dag, join, told, via)
  }
  const before = room.dag
  let made = makeUp(offered)
  rooms.prepare(made.outliers)
  const told = yield* believed.told
  if (told !== offered) {
    room.dag = before.withoutEvents()
    made = makeUp(told)
  }
  if (others !== undefined) room.partial = beginPartialState(join.eventId, via, others)
  yield* commitRecord(room, yield* allowedEntry(made.entry, via), {}, made.outliers)
  yield* resyncs.makeWhole(room)
})

/** Puts into a room without events what was told of it, and judges the join by that. */
const madeUp = (
  dag: RoomDag,
  join: Event,
  { events, stateIds }: ToldState,
  via: string,
): { readonly outliers: readonly OutlierRecord[]; readonly entry: TimelineRecord | undefined } => {
  const outliers: OutlierRecord[] = []
  for (const event of parentsFirst(events)) {
    if (dag.holds(event.eventId) || dag.missingAuthEvents(event).length > 0) continue
    const record = dag.examineOutlier(event)
    dag.apply(record)
    outliers.push(record)
  }
  const entry = entryOf(dag, join, stateIds, via)
  // Worked out once, and wanted when the room is kept.
  if (entry !== undefined) joinedServersIn(dag, entry.stateBefore)
  return { outliers, entry }
}

/**
 * Of a room that this server was in before the past is held. What came since is fetched first: with it the join stands
 * in one history with all that was held. Where it is not to be had the join goes in without.
 */
const goBack = Effect.fnUntraced(function* (room: Room, { join, told }: BelievedAnswer, via: string) {
  const { events, stateIds } = yield* told
  const enter = Effect.gen(function* () {
    if (room.dag.isInHistory(join.eventId)) return
    yield* commitRecord(room, yield* allowedEntry(entryOf(room.dag, join, stateIds, via), via))
  })
  yield* Lock.hold([room.receiving], () => admitOutliers(room, events))
  yield* Effect.ignore(backfillTo(room, via, room.dag.missingPrevEvents(join)))
  yield* Lock.hold([room.receiving], () => whileWriting(room, enter))
})

/** The join by the state that was told with it; none where its auth events were not all told. */
const entryOf = (
  dag: RoomDag,
  join: Event,
  stateIds: readonly string[],
  via: string,
): TimelineRecord | undefined =>
  dag.missingAuthEvents(join).length > 0
    ? undefined
    : dag.examine(join, "entry", claimedState(dag, stateIds, via))

/** The state that was told must allow the join. */
const allowedEntry = (entry: TimelineRecord | undefined, via: string) => {
  if (entry === undefined) return Effect.fail(badAnswer(`${via} did not give all auth events of the join`))
  if (entry.objection === undefined) return Effect.succeed(entry)
  const { rule, reason } = entry.objection
  return Effect.fail(badAnswer(`${via} told a state that does not allow the join: ${rule}: ${reason}`))
}

/** A join that another server had to let in, to a room that this server is in. */
const takeIn = (room: Room, join: Event, via: string) =>
  Effect.gen(function* () {
    const resyncs = yield* Resyncs
    const claimed: string[] = []
    const fetchBehind = Effect.suspend(() =>
      room.partial === undefined ? resyncs.backfill(room, via, claimed) : Effect.void,
    )
    yield* fillGap(room, via, join, claimed).pipe(Effect.ensuring(fetchBehind))
    const { objection } = yield* admit(room, join, "new")
    if (objection !== undefined) {
      return yield* forbidden(`rejected by ${objection.rule}: ${objection.reason}`)
    }
  }).pipe(
    Effect.catchTag("MissingHistory", ({ why }: MissingHistory) => Effect.fail(badAnswer(why))),
    (taking) => Lock.hold([room.receiving], () => taking),
  )
