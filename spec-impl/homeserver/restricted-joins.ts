/** Rooms that members of other rooms may join (server-server API §Restricted rooms): the resident's part. */
import { Effect } from "effect"
import { PowerLevels } from "../core/auth-rules/power-levels.ts"
import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import { isJsonArray, isJsonObject } from "../core/json/value.ts"
import { forbidden, unableToAuthoriseJoin, unableToGrantJoin } from "../federation/matrix-error.ts"
import { ServerIdentity } from "./identity.ts"
import { joinedServersIn } from "./room-members.ts"
import { type Room, Rooms } from "./rooms.ts"

/**
 * The user of this server by whose authority `userId` may join, or undefined where a join needs none: the room is
 * not restricted, or the user is invited or joined already. Fails with the two 400s where another server might do
 * better, and with 403 where the user meets no condition.
 */
export const authoriserOf = Effect.fnUntraced(function* (room: Room, userId: string) {
  if (!isRestricted(room)) return undefined
  const membership = memberEvent(room, userId)?.content.membership
  if (membership === "invite" || membership === "join") return undefined
  yield* checkConditions(room, userId)
  const { serverName } = yield* ServerIdentity
  const authoriser = strongestInviter(room, serverName)
  return authoriser ?? (yield* unableToGrantJoin(`no user of ${serverName} may invite`))
})

const isRestricted = ({ dag, version }: Room): boolean => {
  const joinRule = dag.eventIn(dag.currentState(), "m.room.join_rules", "")?.content.join_rule
  return (
    (version.auth.restricted && joinRule === "restricted") ||
    (version.auth.knockRestricted && joinRule === "knock_restricted")
  )
}

/**
 * The user must be in one of the rooms that are allowed; those that this server is not in, or does not know all
 * members of, say nothing against it.
 */
const checkConditions = Effect.fnUntraced(function* (room: Room, userId: string) {
  const rooms = yield* Rooms
  const { serverName } = yield* ServerIdentity
  const allowed = allowedRooms(room)
  const known = allowed
    .flatMap((roomId) => rooms.find(roomId) ?? [])
    .filter((other) => isIn(other, serverName))
  if (known.some((other) => memberEvent(other, userId)?.content.membership === "join")) return
  if (allowed.length > 0 && known.every(({ partial }) => partial !== undefined)) {
    return yield* unableToAuthoriseJoin("this server knows none of the rooms whose members may join")
  }
  return yield* forbidden("the user is in none of the rooms whose members may join")
})

/** The rooms that the join rules name whose members may join. */
export const allowedRooms = ({ dag }: Room): readonly string[] => {
  const allow = dag.eventIn(dag.currentState(), "m.room.join_rules", "")?.content.allow
  if (!isJsonArray(allow)) return []
  return allow.flatMap((condition) =>
    isJsonObject(condition) && condition.type === "m.room_membership" && typeof condition.room_id === "string"
      ? condition.room_id
      : [],
  )
}

const isIn = ({ dag }: Room, server: string): boolean => joinedServersIn(dag, dag.currentState()).has(server)

const memberEvent = ({ dag }: Room, userId: string): Event | undefined =>
  dag.eventIn(dag.currentState(), "m.room.member", userId)

/** Of the server's users who may invite the most powerful, so that the join outlives small changes of power. */
const strongestInviter = ({ dag, version }: Room, server: string): string | undefined => {
  const state = dag.currentState()
  const levels = new PowerLevels(dag.eventIn(state, "m.room.power_levels", ""), dag.create(), version)
  const invite = levels.scalar("invite")
  const inviters: string[] = []
  state.forEach((index) => {
    const { type, stateKey = "", content } = dag.graph.event(index)
    const isJoined = type === "m.room.member" && content.membership === "join"
    if (isJoined && domainOf(stateKey) === server && levels.ofUser(stateKey) >= invite)
      inviters.push(stateKey)
  })
  const byPower = (a: string, b: string): number =>
    levels.ofUser(a) > levels.ofUser(b) ? -1 : levels.ofUser(a) < levels.ofUser(b) ? 1 : 0
  return inviters.sort().sort(byPower)[0]
}
