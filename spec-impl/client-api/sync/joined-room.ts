/** What a sync tells of a room that the user is in, or was in (client-server API §GET /sync: Joined Room, Left Room). */
import type { Event } from "../../core/event.ts"
import type { JsonObject } from "../../core/json/value.ts"
import { StateMap } from "../../core/state-resolution/state-map.ts"
import type { Room } from "../../homeserver/rooms.ts"
import { isOfState, type TimelineEntry } from "../../homeserver/timeline.ts"
import { clientEventWithoutRoomId, type Viewer } from "../events/client-event.ts"
import { placeAfter, placeBefore } from "../events/place.ts"
import { stateAt, stateChanges } from "./room-at.ts"
import { type RoomSummary, roomSummary } from "./room-summary.ts"
import { type TimelinePart, timelinePart } from "./room-timeline.ts"
import type { Span } from "./span.ts"

/** What happened in a room in the span of a sync. */
export interface RoomNews {
  readonly room: Room
  /** Whether all of it is told, as if the client knew nothing: the user came in, or the client did. */
  readonly isAll: boolean
  /** All that happened in the span, whether the client wants it or not; undefined where that is everything. */
  readonly happened: readonly TimelineEntry[] | undefined
  readonly timeline: TimelinePart
  /** The state at the end of the span. */
  readonly stateNow: StateMap
  /** The state that is told besides, as events. */
  readonly stateEvents: readonly Event[]
  readonly summary: RoomSummary | undefined
}

const membershipIn = ({ dag }: Room, state: StateMap, userId: string): unknown =>
  dag.eventIn(state, "m.room.member", userId)?.content.membership

const isMemberEvent = (entry: TimelineEntry): boolean =>
  isOfState(entry) && entry.record.event.type === "m.room.member"

const isOwnMembership = (entry: TimelineEntry, userId: string): boolean =>
  isMemberEvent(entry) && entry.record.event.stateKey === userId

/** Of a room that the user is in at the end of the span. */
export const newsOfJoined = (room: Room, stateNow: StateMap, span: Span): RoomNews => {
  const { since, until, userId } = span
  const happened = since === undefined ? undefined : room.timeline.after(since, until)
  const cameIn =
    since === undefined ||
    (happened !== undefined &&
      happened.length > 0 &&
      (membershipIn(room, stateAt(room, since), userId) !== "join" ||
        happened.some(
          (entry) => isOwnMembership(entry, userId) && entry.record.event.content.membership !== "join",
        )))
  const stateThen = cameIn ? StateMap.empty : stateThenOf(room, since, happened, stateNow)
  return newsOf(room, { isAll: cameIn, happened, stateThen, stateNow }, span)
}

const stateThenOf = (
  room: Room,
  since: number,
  happened: readonly TimelineEntry[] | undefined,
  stateNow: StateMap,
): StateMap => (happened?.length === 0 ? stateNow : stateAt(room, since))

/**
 * Of a room that the user has left, or was never in: up to when it left. Undefined where that was before the span, or
 * there is nothing that it left.
 */
export const newsOfLeft = (room: Room, span: Span): RoomNews | undefined => {
  const { since, until, userId } = span
  const happened = room.timeline.after(since ?? 0, until)
  const leave = happened.findLast((entry) => isOwnMembership(entry, userId))
  if (leave === undefined) return undefined
  const stateNow = stateAt(room, leave.position)
  const upToLeave = happened.filter(({ position }) => position <= leave.position)
  const stateThen = since === undefined ? StateMap.empty : stateAt(room, since)
  const wasIn =
    membershipIn(room, stateThen, userId) === "join" ||
    upToLeave.some(
      (entry) => isOwnMembership(entry, userId) && entry.record.event.content.membership === "join",
    )
  // Who was never in is told that it is out, and nothing of the room.
  if (!wasIn) {
    const timeline = { entries: [leave], isLimited: false, stateBefore: stateNow }
    return { room, isAll: false, happened: [leave], timeline, stateNow, stateEvents: [], summary: undefined }
  }
  const cameIn = membershipIn(room, stateThen, userId) !== "join"
  return newsOf(
    room,
    { isAll: cameIn, happened: upToLeave, stateThen: cameIn ? StateMap.empty : stateThen, stateNow },
    span,
  )
}

const newsOf = (
  room: Room,
  {
    isAll,
    happened,
    stateThen,
    stateNow,
  }: Pick<RoomNews, "isAll" | "happened" | "stateNow"> & { readonly stateThen: StateMap },
  span: Span,
): RoomNews => {
  const end = happened?.at(-1)?.position ?? span.until
  const candidates = isAll || happened === undefined ? room.timeline.after(0, end) : happened
  const part = timelinePart(room, candidates, stateNow, span)
  const timeline = isAll ? { ...part, isLimited: part.isLimited || beginsLater(part) } : part
  const isFull = isAll || span.fullState
  const told = stateChanges(
    isFull ? StateMap.empty : stateThen,
    span.useStateAfter ? stateNow : timeline.stateBefore,
  ).map((index) => room.dag.redactions.shown(room.dag.graph.event(index)))
  const membersChanged =
    isFull || happened?.some(isMemberEvent) === true || told.some(({ type }) => type === "m.room.member")
  const summary = membersChanged ? roomSummary(room, stateNow, span.userId) : undefined
  const news = { room, isAll, happened, timeline, stateNow, stateEvents: told, summary }
  return { ...news, stateEvents: wantedState(news, isFull, span) }
}

/** Whether the room began before what is told of it. */
const beginsLater = ({ entries: [first] }: TimelinePart): boolean =>
  first !== undefined && first.record.event.type !== "m.room.create"

/**
 * §Lazy-loading room members: of memberships those of who is seen in the timeline, of the user itself where all is
 * told, of the heroes, and all that have changed. Whether the client knows them already is not remembered.
 */
const wantedState = (news: RoomNews, isFull: boolean, span: Span): readonly Event[] => {
  const { room, timeline, stateNow, stateEvents, summary } = news
  const { state: filter } = span.filter.rooms
  if (!filter.wantsRoom(room.roomId)) return []
  const wanted = stateEvents.filter((event) => filter.wants(event))
  if (!filter.lazyLoadMembers) return wanted
  const seen = new Set(timeline.entries.map(({ record }) => record.event.sender))
  for (const hero of summary?.heroes ?? []) seen.add(hero)
  if (isFull) seen.add(span.userId)
  const isSeen = ({ type, stateKey = "" }: Event): boolean => type !== "m.room.member" || seen.has(stateKey)
  const kept = isFull ? wanted.filter(isSeen) : wanted
  const known = new Set(kept.map(({ eventId }) => eventId))
  const source = span.useStateAfter ? stateNow : timeline.stateBefore
  const more = [...seen].flatMap((userId) => {
    const event = room.dag.eventIn(source, "m.room.member", userId)
    return event === undefined || known.has(event.eventId) || !filter.wants(event) ? [] : [event]
  })
  return [...kept, ...more]
}

/** Whether there is anything in it that the client does not know. */
export const isNews = ({ isAll, timeline, stateEvents }: RoomNews): boolean =>
  isAll || timeline.entries.length > 0 || timeline.isLimited || stateEvents.length > 0

/** Under which name state is told. */
export const stateName = ({ useStateAfter }: Span): string => (useStateAfter ? "state_after" : "state")

/** `timeline`, `state` or `state_after`, and `summary`. */
export const roomJson = (news: RoomNews, span: Span, viewer: Viewer): JsonObject => {
  const { room, timeline, stateEvents, summary } = news
  const show = (event: Event): JsonObject =>
    span.filter.format === "federation"
      ? room.dag.redactions.shown(event).pdu
      : clientEventWithoutRoomId(room, event, viewer)
  return {
    timeline: {
      events: timeline.entries.map(({ record }) => show(record.event)),
      limited: timeline.isLimited,
      ...beginningOf(news),
    },
    [stateName(span)]: { events: stateEvents.map(show) },
    ...(summary === undefined ? {} : { summary: summary.json }),
  }
}

/** From where a client can go back: before what it is told of, or after all that happened. */
const beginningOf = ({ room, timeline: { entries }, happened }: RoomNews): JsonObject => {
  const [first] = entries
  if (first !== undefined) return { prev_batch: placeBefore(first) }
  const last = happened?.at(-1) ?? room.timeline.last
  return last === undefined ? {} : { prev_batch: placeAfter(last) }
}
