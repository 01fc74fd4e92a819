/** Which event stands closest to a time: what a user asks (client-server API §GET …/timestamp_to_event). */
import { Context, Effect, Layer } from "effect"
import type { Event } from "../../core/event.ts"
import { domainOf } from "../../core/identifiers.ts"
import { admitOutliers } from "../../homeserver/admission.ts"
import { backfillBefore } from "../../homeserver/backfill.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import type { KeyRing } from "../../homeserver/key-ring.ts"
import { heldOrAsked, takeAuthEvents } from "../../homeserver/missing-events.ts"
import { joinedServersByAge } from "../../homeserver/room-members.ts"
import { type Room, Rooms } from "../../homeserver/rooms.ts"
import type { Settings } from "../../homeserver/settings.ts"
import type { Signatures } from "../../homeserver/signatures/signatures.ts"
import { FederationClient } from "../client.ts"
import { forbidden, type MatrixError, notFound } from "../matrix-error.ts"
import { closestEvent, type Direction } from "./timestamp-order.ts"
import { type Audience, maySee, userAudience } from "./visibility.ts"

/** More servers than this are not asked for one look-up. */
const serversAskedMax = 5

export class TimestampSearch extends Context.Service<
  TimestampSearch,
  {
    /**
     * The event closest to `ts` (milliseconds since the epoch) in that direction, of those that the user may
     * see. Where history is missing there, other servers of the room are asked, those first that have been in it
     * the longest, and what the first of them knows of the gap is fetched. 404 where no event is found, 403 for a
     * user of another server.
     */
    readonly closest: (
      userId: string,
      roomId: string,
      ts: number,
      direction: Direction,
    ) => Effect.Effect<Event, MatrixError>
  }
>()("netsplit/TimestampSearch") {
  static readonly layer = Layer.effect(
    TimestampSearch,
    Effect.gen(function* () {
      const { serverName } = yield* ServerIdentity
      const rooms = yield* Rooms
      const services = yield* Effect.context<Services>()

      return TimestampSearch.of({
        closest: Effect.fnUntraced(function* (userId, roomId, ts, direction) {
          if (domainOf(userId) !== serverName)
            return yield* forbidden(`${userId} is not a user of ${serverName}`)
          const room = yield* rooms.get(roomId)
          const search = { room, ts, direction, audience: userAudience(userId) }
          const held = heldClosest(search)
          const found = isCertain(search, held)
            ? held
            : yield* askOthers(search, held).pipe(Effect.provide(services))
          return found ?? (yield* notFound(`no event is known ${direction === "f" ? "from" : "up to"} ${ts}`))
        }),
      })
    }),
  )
}

type Services = FederationClient | KeyRing | Rooms | ServerIdentity | Settings | Signatures

interface Search {
  readonly room: Room
  readonly ts: number
  readonly direction: Direction
  readonly audience: Audience
}

const heldClosest = ({ room: { dag }, ts, direction, audience }: Search): Event | undefined =>
  closestEvent(dag, ts, direction, (record) => maySee(dag, record, audience))?.event

/** The first event from `ts` on: in the gap before it, if there is one, whatever is looked for may be hidden. */
const firstFrom = ({ room: { dag }, ts }: Search): Event | undefined =>
  closestEvent(dag, ts, "f", () => true)?.event

/** Whether no other server can know better; only members have others asked. */
const isCertain = (search: Search, held: Event | undefined): boolean => {
  const { room, ts, direction, audience } = search
  if (held?.originServerTs === ts || !audience.isJoinedIn(room.dag, room.dag.currentState())) return true
  const later = firstFrom(search)
  return later === undefined ? direction === "b" : room.dag.missingPrevEvents(later).length === 0
}

const askOthers = Effect.fnUntraced(function* (search: Search, held: Event | undefined) {
  const client = yield* FederationClient
  const { serverName } = yield* ServerIdentity
  const { room, ts, direction } = search
  const question = { params: { roomId: room.roomId }, query: { ts, dir: direction } }
  const others = joinedServersByAge(room.dag).filter((server) => server !== serverName)
  for (const server of others.slice(0, serversAskedMax)) {
    const answer = yield* Effect.option(client.call(server, (api) => api.history.timestampToEvent(question)))
    if (answer._tag === "None") continue
    const told = { originServerTs: answer.value.origin_server_ts }
    if (!isCloser(search, told, held)) return held
    yield* Effect.ignore(fetchFrom(search, server, answer.value.event_id))
    return afterFetch(search, answer.value.event_id)
  }
  return held
})

/** Fills the gap; an event that it does not reach is held all the same, for whoever asks for it by its id. */
const fetchFrom = Effect.fnUntraced(function* (search: Search, server: string, eventId: string) {
  const { room } = search
  const later = firstFrom(search)
  if (later !== undefined) yield* Effect.ignore(backfillBefore(room, server, [later.eventId]))
  if (room.dag.record(eventId) !== undefined) return
  const event = yield* heldOrAsked(room, server, eventId)
  yield* takeAuthEvents(room, server, event)
  yield* admitOutliers(room, [event])
})

/** By the event's own time, whatever the other server said of it. */
const afterFetch = (search: Search, eventId: string): Event | undefined => {
  const held = heldClosest(search)
  const told = search.room.dag.record(eventId)
  return told?.place === "outlier" && told.verdict === "accepted" && isCloser(search, told.event, held)
    ? told.event
    : held
}

/** Whether `one` lies in the direction that is looked in, and closer than `other`. */
const isCloser = (
  { ts, direction }: Search,
  one: Pick<Event, "originServerTs">,
  other: Pick<Event, "originServerTs"> | undefined,
): boolean => {
  const isForwards = direction === "f"
  if (isForwards ? one.originServerTs < ts : one.originServerTs > ts) return false
  if (other === undefined) return true
  return isForwards ? one.originServerTs < other.originServerTs : one.originServerTs > other.originServerTs
}
