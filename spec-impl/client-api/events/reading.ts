/** What users read of a room's state and history (client-server API §Getting events for a room). */
import { Effect } from "effect"
import type { Event } from "../../core/event.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import type { JsonObject } from "../../core/json/value.ts"
import type { StateMap } from "../../core/state-resolution/state-map.ts"
import { maySee, userAudience } from "../../federation/history/visibility.ts"
import { readJson } from "../../federation/json-body.ts"
import { forbidden, invalidParameter, notFound } from "../../federation/matrix-error.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { Requester } from "../client-endpoint.ts"
import { type EventFilter, readEventFilter } from "../event-filter.ts"
import { stateAt } from "../sync/room-at.ts"
import { ForgottenRooms, type Reader, readerOf, stateFor } from "./access.ts"
import { clientEvent, type Viewer, viewerNow } from "./client-event.ts"
import { Gaps } from "./gaps.ts"
import { type Page, type PageWish, pageOf } from "./pages.ts"
import { type Point, placeAfter, placeBefore, readPoint } from "./place.ts"

/** As many events as are given where nothing is said, and at most. */
const eventsDefault = 10
const eventsMax = 1_000

/** §GET …/event: 404 for what is not held, or not for the requester to see. */
export const readEvent = Effect.fnUntraced(function* (roomId: string, eventId: string) {
  const rooms = yield* Rooms
  const viewer = yield* viewerNow
  const forgottenRooms = yield* ForgottenRooms
  const room = rooms.find(roomId)
  const record = room?.dag.timeline(eventId)
  const isSeen =
    room !== undefined &&
    record?.verdict === "accepted" &&
    !forgottenRooms.has(viewer.userId, room) &&
    maySee(room.dag, record, userAudience(viewer.userId))
  return isSeen
    ? clientEvent(room, record.event, viewer)
    : yield* notFound("there is no such event to be seen")
})

/** The room's state for whoever may read it; whole, even where this server has yet to be told of some memberships. */
export const readableState = Effect.fnUntraced(function* (roomId: string) {
  const { room } = yield* readerOf(roomId)
  if (room.partial !== undefined) yield* room.partial.whole.await
  const reader = yield* readerOf(roomId)
  return { reader, state: stateFor(reader) }
})

/** All events of a state, by type and key in code-point order. */
export const eventsIn = ({ dag }: Reader["room"], state: StateMap): readonly Event[] =>
  dag
    .eventIdsIn(state)
    .flatMap((eventId) => dag.record(eventId)?.event ?? [])
    .sort(
      (one, other) =>
        compareCodePoints(one.type, other.type) ||
        compareCodePoints(one.stateKey ?? "", other.stateKey ?? ""),
    )

/** §GET …/state/{eventType}/{stateKey}: the content, or the whole event; 404 where there is no such state. */
export const readState = Effect.fnUntraced(function* (
  roomId: string,
  type: string,
  stateKey: string,
  format: "content" | "event" = "content",
) {
  const { reader, state } = yield* readableState(roomId)
  const event = reader.room.dag.eventIn(state, type, stateKey)
  if (event === undefined) return yield* notFound("the room has no state with that type and key")
  return format === "content" ? event.content : clientEvent(reader.room, event, yield* viewerNow)
})

/** Which memberships are asked for. */
export interface MembersQuery {
  readonly at?: string
  readonly membership?: string
  readonly not_membership?: string
}

/** §GET …/members: those that the reader may know, or as they were at a point before. */
export const readMembers = Effect.fnUntraced(function* (roomId: string, query: MembersQuery) {
  const { reader, state: now } = yield* readableState(roomId)
  const state = query.at === undefined ? now : yield* stateAtPoint(reader, yield* pointOf(query.at))
  const viewer = yield* viewerNow
  const { membership, not_membership: other } = query
  const isAsked = ({ content }: Event): boolean =>
    (membership === undefined && other === undefined) ||
    (membership !== undefined && content.membership === membership) ||
    (other !== undefined && content.membership !== other)
  const members = eventsIn(reader.room, state).filter((event) => event.type === "m.room.member")
  return members.filter(isAsked).map((event) => clientEvent(reader.room, event, viewer))
})

/** Whoever has left sees nothing that came after. */
const stateAtPoint = Effect.fnUntraced(function* (reader: Reader, point: Point) {
  const { room } = reader
  if (reader.kind === "peeking") return yield* forbidden("only members may look at the past")
  const { timeline } = room
  const isAfterLeaving = (position: number): boolean =>
    reader.kind === "left" && position >= (timeline.positionOf(reader.leaving) ?? 0)
  if ("position" in point)
    return isAfterLeaving(point.position) ? stateFor(reader) : stateAt(room, point.position)
  const index = timeline.indexOf(point.before)
  const entry = timeline.at(index)
  if (entry === undefined || isAfterLeaving(entry.position)) return stateFor(reader)
  return entry.record.stateBefore
})

const pointOf = Effect.fnUntraced(function* (token: string) {
  return readPoint(token) ?? (yield* invalidParameter(`${token} is no token of this server`))
})

/** §GET …/joined_members: 403 for who is not in the room now. */
export const readJoinedMembers = Effect.fnUntraced(function* (roomId: string) {
  const { reader, state } = yield* readableState(roomId)
  if (reader.kind !== "joined") return yield* forbidden("only members may know of all members")
  const { room } = reader
  const joined = eventsIn(room, state).flatMap((given) => {
    const { type, stateKey = "", content } = room.dag.redactions.shown(given)
    if (type !== "m.room.member" || content.membership !== "join") return []
    const { displayname, avatar_url: avatar } = content
    const profile = {
      ...(typeof displayname === "string" ? { display_name: displayname } : {}),
      ...(typeof avatar === "string" ? { avatar_url: avatar } : {}),
    }
    return [[stateKey, profile] as const]
  })
  return Object.fromEntries(joined)
})

/** What is asked of a room's history. */
export interface MessagesQuery {
  readonly from?: string
  readonly to?: string
  readonly dir: "f" | "b"
  readonly limit?: number
  readonly filter?: string
}

const limitOf = Effect.fnUntraced(function* (limit: number | undefined, filter: EventFilter) {
  if (limit !== undefined && limit < 0) return yield* invalidParameter("a limit is not below 0")
  const limits = [limit ?? filter.limit ?? eventsDefault, filter.limit ?? eventsMax, eventsMax]
  return Math.min(...limits)
})

const filterOf = Effect.fnUntraced(function* (given: string | undefined) {
  const json = given === undefined ? {} : readJson(new TextEncoder().encode(given))
  return (
    (json === undefined ? undefined : readEventFilter(json)) ?? (yield* invalidParameter("that is no filter"))
  )
})

/** §GET …/messages: a page of the history; where it reaches a gap, other servers are asked first. */
export const readMessages = Effect.fnUntraced(function* (roomId: string, query: MessagesQuery) {
  const { room, kind } = yield* readerOf(roomId)
  const { userId } = yield* Requester
  const filter = yield* filterOf(query.filter)
  const wish: PageWish = {
    userId,
    from: query.from === undefined ? undefined : yield* pointOf(query.from),
    to: query.to === undefined ? undefined : yield* pointOf(query.to),
    direction: query.dir,
    limit: yield* limitOf(query.limit, filter),
    filter,
  }
  const held = pageOf(room, wish)
  const isFilled =
    query.dir === "b" &&
    kind === "joined" &&
    (yield* (yield* Gaps).fill(room, lookedBackFrom(room, wish, held)))
  const page = isFilled ? pageOf(room, wish) : held
  const viewer = yield* viewerNow
  return {
    start: query.from ?? startOf(room, query.dir),
    ...(page.end === undefined ? {} : { end: page.end }),
    chunk: page.entries.map(({ record }) => clientEvent(room, record.event, viewer)),
    ...(filter.lazyLoadMembers ? { state: sendersOf(room, page, viewer) } : {}),
  }
})

/** What came before these may be what the page lacks: the event where it begins, and all that it looked at. */
const lookedBackFrom = ({ timeline }: Reader["room"], { from }: PageWish, { scanned }: Page) => {
  const at = from !== undefined && "before" in from ? timeline.at(timeline.indexOf(from.before)) : undefined
  return at === undefined ? scanned : [at, ...scanned]
}

const startOf = ({ timeline }: Reader["room"], direction: "f" | "b"): string => {
  const entry = timeline.at(direction === "b" ? -1 : 0)
  if (entry === undefined) return "t0_0"
  return direction === "b" ? placeAfter(entry) : placeBefore(entry)
}

/** §Lazy-loading room members: the memberships of those who sent the events, as they were then. */
const sendersOf = (room: Reader["room"], { entries }: Page, viewer: Viewer): readonly JsonObject[] => {
  const members = new Map<string, Event>()
  for (const { record } of entries) {
    const { sender } = record.event
    const member = room.dag.eventIn(record.stateAfter, "m.room.member", sender)
    if (member !== undefined && !members.has(sender)) members.set(sender, member)
  }
  return [...members.values()].map((event) => clientEvent(room, event, viewer))
}

/** §GET …/context: an event with what came before and after it, and the state at the last of these. */
export const readContext = Effect.fnUntraced(function* (
  roomId: string,
  eventId: string,
  query: { readonly limit?: number; readonly filter?: string },
) {
  const { room } = yield* readerOf(roomId)
  const viewer = yield* viewerNow
  const event = yield* readEvent(roomId, eventId)
  const filter = yield* filterOf(query.filter)
  const limit = yield* limitOf(query.limit, filter)
  const record = room.dag.timeline(eventId)
  const entry = record === undefined ? undefined : room.timeline.entryOf(record)
  if (entry === undefined) return yield* notFound("there is no such event to be seen")
  const wish = { userId: viewer.userId, to: undefined, filter }
  const from = (token: string) => readPoint(token)
  const back = Math.ceil(limit / 2)
  const before = pageOf(room, { ...wish, direction: "b", limit: back, from: from(placeBefore(entry)) })
  const after = pageOf(room, { ...wish, direction: "f", limit: limit - back, from: from(placeAfter(entry)) })
  const [first, last] = [before.entries.at(-1) ?? entry, after.entries.at(-1) ?? entry]
  const shown = ({ record: { event } }: typeof entry) => clientEvent(room, event, viewer)
  const state = eventsIn(room, last.record.stateAfter).filter((one) => filter.wants(one))
  return {
    start: placeBefore(first),
    end: placeAfter(last),
    events_before: before.entries.map(shown),
    event,
    events_after: after.entries.map(shown),
    state: state.map((one) => clientEvent(room, one, viewer)),
  }
})
