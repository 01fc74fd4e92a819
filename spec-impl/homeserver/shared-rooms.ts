/** Who is in a room with whom, now: what EDUs are sent by, and checked by. */
import { domainOf } from "../core/identifiers.ts"
import { compareCodePoints } from "../core/json/encode.ts"
import { isJoinedIn, joinedServersIn } from "./room-members.ts"
import type { Room, Rooms } from "./rooms.ts"

/** Whether the user is joined to the room now. */
export const isJoined = ({ dag }: Room, userId: string): boolean =>
  isJoinedIn(dag, dag.currentState(), userId)

/**
 * Whether the user is joined to the room now, or in partial state may well be: nothing is known of the user there, but
 * that the user's server is in it.
 */
export const mayBeJoined = (room: Room, userId: string): boolean => {
  const { dag } = room
  if (isJoined(room, userId)) return true
  const isPresumed = dag.presumedServers?.has(domainOf(userId) ?? "") === true
  return isPresumed && dag.eventIn(dag.currentState(), "m.room.member", userId) === undefined
}

/** The servers with a joined member now. */
export const serversIn = ({ dag }: Room): ReadonlySet<string> => joinedServersIn(dag, dag.currentState())

/** The users who are joined now, by code point. */
export const joinedMembers = ({ dag }: Room): readonly string[] => {
  const members: string[] = []
  dag.currentState().forEach((index) => {
    const { type, stateKey, content } = dag.graph.event(index)
    if (type === "m.room.member" && content.membership === "join") members.push(stateKey ?? "")
  })
  return members.sort(compareCodePoints)
}

/** The rooms that the user is joined to, as far as this server holds them. */
export const roomsOf = (rooms: Rooms["Service"], userId: string): readonly Room[] =>
  rooms.all().filter((room) => isJoined(room, userId))

/** All servers, this one too, that share a room with the user. */
export const serversSharingWith = (rooms: Rooms["Service"], userId: string): ReadonlySet<string> =>
  new Set(roomsOf(rooms, userId).flatMap((room) => [...serversIn(room)]))

/** Whether that server is in a room that the user is joined to. */
export const sharesRoomWith = (rooms: Rooms["Service"], userId: string, server: string): boolean =>
  rooms.all().some((room) => isJoined(room, userId) && serversIn(room).has(server))
