/** How a user of this server comes into a room: at once, or by way of another server. */
import { Effect } from "effect"
import { domainOf } from "../core/identifiers.ts"
import type { JsonObject } from "../core/json/value.ts"
import type { FederationUnreachable } from "../federation/client.ts"
import { invalidParameter, type MatrixError } from "../federation/matrix-error.ts"
import type { OutsideStanding, StoreFailure } from "../store/event-store.ts"
import { asClientSees } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import { isResident, joinThrough } from "./joining.ts"
import { JoinsInFlight } from "./joins-in-flight.ts"
import { sendLocalEvent, untilAuthorisable } from "./local-events.ts"
import { Outside } from "./outside.ts"
import { authoriserOf } from "./restricted-joins.ts"
import { type Room, Rooms } from "./rooms.ts"

/** The room, if this server is in it. */
export const heldRoom = Effect.fnUntraced(function* (roomId: string) {
  const rooms = yield* Rooms
  const room = rooms.find(roomId)
  return room !== undefined && (yield* isResident(room)) ? room : undefined
})

/**
 * Joins at once where this server is in the room, else by way of the first that lets the user in: the server that sent
 * an invite, which others may not have heard of yet (§Joining Rooms), then `via`, then others that it speaks of. Of several users who join at the same
 * time the first one's handshake brings the room. `more` is further content of the join.
 */
export const joinRoom = Effect.fnUntraced(function* (
  userId: string,
  roomId: string,
  via: readonly string[],
  more: JsonObject = {},
) {
  const joins = yield* JoinsInFlight
  const outside = yield* Outside
  const [invited, ...others] = serversOf(outside.standingOf(userId, roomId))
  const servers = invited === undefined ? via : [invited, ...via, ...others]
  const through = throughFirst(servers, (server) =>
    Effect.mapError(joinThrough(server, roomId, userId, more), asClientSees),
  )
  // Only handshakes take turns: who joins here may have to wait for what others tell.
  const begun = yield* joins.inTurn(
    roomId,
    Effect.gen(function* () {
      const room = yield* heldRoom(roomId)
      return room === undefined ? { event: yield* through } : { room }
    }),
  )
  const event =
    "event" in begun
      ? begun.event
      : yield* joinHere(begun.room, userId, more).pipe(
          Effect.catchIf(
            (error) => servers.length > 0 && isUnableHere(error),
            () => joins.inTurn(roomId, through),
          ),
        )
  yield* outside.end(userId, roomId)
  return event
})

/** A room that members of other rooms may join may need a user of this server to let the new one in. */
const joinHere = Effect.fnUntraced(function* (room: Room, userId: string, more: JsonObject) {
  const draft = {
    type: "m.room.member",
    sender: userId,
    stateKey: userId,
    content: { ...more, membership: "join" },
  }
  yield* untilAuthorisable(room, draft)
  const authoriser = yield* authoriserOf(room, userId)
  const authority = authoriser === undefined ? {} : { join_authorised_via_users_server: authoriser }
  return yield* sendLocalEvent(room, { ...draft, content: { ...draft.content, ...authority } })
})

type JoinError = MatrixError | FederationUnreachable | StoreFailure

const unableCodes = ["M_UNABLE_TO_AUTHORISE_JOIN", "M_UNABLE_TO_GRANT_JOIN"]

/** Where a user could be let in, but not by this server. */
const isUnableHere = (error: JoinError): boolean =>
  error._tag === "MatrixError" && unableCodes.includes(error.errcode)

/** The servers by which a user who stands outside may deal with the room: the nearest, then those of its state's senders. */
export const serversOf = (standing: OutsideStanding | undefined): readonly string[] =>
  standing === undefined
    ? []
    : [
        standing.via,
        ...standing.roomState.flatMap(({ sender }) =>
          typeof sender === "string" ? (domainOf(sender) ?? []) : [],
        ),
      ]

/**
 * What the first server gives that does not refuse; the last refusal where all do. Where the room itself keeps the
 * user out (403), or is of a version that this server does not know, no other server is asked: it would say the same.
 */
export const throughFirst = Effect.fnUntraced(function* <A, E extends { readonly _tag: string }, R>(
  via: readonly string[],
  attempt: (server: string) => Effect.Effect<A, E, R>,
) {
  const { serverName } = yield* ServerIdentity
  const [first, ...others] = new Set(via.filter((server) => server !== serverName))
  if (first === undefined)
    return yield* invalidParameter("no server is named by which the room can be reached")
  return yield* others.reduce(
    (before, server) =>
      Effect.catchIf(
        before,
        (error) => !isFinal(error),
        () => attempt(server),
      ),
    attempt(first),
  )
})

const isFinal = (error: { readonly _tag: string }): boolean => {
  if (error._tag !== "MatrixError") return false
  const { status, errcode } = error as MatrixError
  return status === 403 || errcode === "M_INCOMPATIBLE_ROOM_VERSION"
}
