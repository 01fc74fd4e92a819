/** What is in a space (client-server API §Spaces). */
import type { Event } from "../../core/event.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import { isJsonArray, type JsonObject } from "../../core/json/value.ts"
import { allowedRooms } from "../../homeserver/restricted-joins.ts"
import type { Room } from "../../homeserver/rooms.ts"
import { roomSummary, stateContent } from "../directory/room-summary.ts"

/** A room that is in a space, as its m.space.child event says. */
export interface SpaceChild {
  readonly roomId: string
  readonly via: readonly string[]
  readonly suggested: boolean
  readonly order: string | undefined
  readonly originServerTs: number | bigint
}

const orderForm = /^[\x20-\x7E]{1,50}$/

/** What the event says, or undefined where it names no server: then the room is no longer in the space. */
export const readChild = (
  event: Pick<Event, "stateKey" | "content" | "originServerTs">,
): SpaceChild | undefined => {
  const { via, suggested, order } = event.content
  const servers = isJsonArray(via) ? via.filter((server) => typeof server === "string") : []
  if (servers.length === 0 || event.stateKey === undefined) return undefined
  return {
    roomId: event.stateKey,
    via: servers,
    suggested: suggested === true,
    order: typeof order === "string" && orderForm.test(order) ? order : undefined,
    originServerTs: event.originServerTs,
  }
}

/** §Ordering of children within a space: by `order`, those without it last; then by time, then by room id. */
export const compareChildren = (a: SpaceChild, b: SpaceChild): number => {
  if (a.order !== b.order) {
    if (a.order === undefined) return 1
    if (b.order === undefined) return -1
    return compareCodePoints(a.order, b.order)
  }
  if (a.originServerTs !== b.originServerTs) return a.originServerTs < b.originServerTs ? -1 : 1
  return compareCodePoints(a.roomId, b.roomId)
}

/** The m.space.child events of the room that name a server, in the order in which they are shown. */
export const childEvents = ({ dag }: Room, suggestedOnly: boolean): readonly Event[] => {
  const found: { readonly event: Event; readonly child: SpaceChild }[] = []
  dag.currentState().forEach((index) => {
    const event = dag.graph.event(index)
    const child = event.type === "m.space.child" ? readChild(event) : undefined
    if (child !== undefined && (child.suggested || !suggestedOnly)) found.push({ event, child })
  })
  return found.sort((a, b) => compareChildren(a.child, b.child)).map(({ event }) => event)
}

/** The room as it stands in a hierarchy. */
export const spaceSummary = (room: Room, suggestedOnly: boolean): JsonObject => {
  const encryption = stateContent(room, "m.room.encryption")?.algorithm
  const allowed = roomsLetIn(room)
  return {
    ...roomSummary(room),
    room_version: room.version.id,
    ...(typeof encryption === "string" ? { encryption } : {}),
    ...(allowed.length > 0 ? { allowed_room_ids: allowed } : {}),
    children_state: childEvents(room, suggestedOnly).map(
      ({ type, stateKey, sender, content, originServerTs }) => ({
        type,
        state_key: stateKey ?? "",
        sender,
        content,
        origin_server_ts: originServerTs,
      }),
    ),
  }
}

/** The rooms whose members may join, where the join rule is restricted or knock_restricted. */
export const roomsLetIn = (room: Room): readonly string[] => {
  const rule = stateContent(room, "m.room.join_rules")?.join_rule
  return rule === "restricted" || rule === "knock_restricted" ? allowedRooms(room) : []
}

/** Whether anybody may look into the room, or come in or ask to. */
export const isOpen = (room: Room): boolean => {
  const rule = stateContent(room, "m.room.join_rules")?.join_rule
  return (
    rule === "public" ||
    rule === "knock" ||
    rule === "knock_restricted" ||
    stateContent(room, "m.room.history_visibility")?.history_visibility === "world_readable"
  )
}
