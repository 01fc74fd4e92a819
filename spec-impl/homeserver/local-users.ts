/** What this server's own users can do: the one way in, for the simulator and for a client-server API. */
import { Context, Effect, Layer } from "effect"
import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import type { JsonObject } from "../core/json/value.ts"
import type { FederationClient, FederationUnreachable } from "../federation/client.ts"
import { forbidden, type MatrixError } from "../federation/matrix-error.ts"
import type { Aliases } from "../federation/queries/aliases.ts"
import type { StoreFailure } from "../store/event-store.ts"
import type { Chance } from "./chance.ts"
import type { Destinations } from "./destinations.ts"
import { ServerIdentity } from "./identity.ts"
import { invite } from "./invitations.ts"
import type { InvitePermission } from "./invite-permission.ts"
import { isResident } from "./joining.ts"
import type { JoinsInFlight } from "./joins-in-flight.ts"
import type { KeyRing } from "./key-ring.ts"
import { type Draft, sendLocalEvent, type WithEvent } from "./local-events.ts"
import { joinRoom } from "./local-joins.ts"
import type { Outside } from "./outside.ts"
import { knockOnRoom, leaveRoom } from "./own-memberships.ts"
import { provideOften } from "./provide-often.ts"
import { redactEventOf } from "./redacting.ts"
import type { Resyncs } from "./resyncs.ts"
import { CreationSerials, createRoom, type RoomWishes } from "./room-creation.ts"
import { type UpgradeWishes, upgradeRoom } from "./room-upgrades.ts"
import { Rooms } from "./rooms.ts"
import type { Settings } from "./settings.ts"
import type { Signatures } from "./signatures/signatures.ts"

export type { RoomWishes } from "./room-creation.ts"

type ActionError = MatrixError | FederationUnreachable | StoreFailure
type Action<A> = Effect.Effect<A, ActionError>

export class LocalUsers extends Context.Service<
  LocalUsers,
  {
    /** Gives the id of the new room, with the creator joined. */
    readonly createRoom: (sender: string, wishes: RoomWishes) => Action<string>
    /**
     * Joins at once where this server is in the room, or by way of who invited the user, or of the first of `via` that
     * lets the user in. Fails with what the room itself says (403), or the last server. Here and below `more` is
     * further content of the membership event.
     */
    readonly join: (
      userId: string,
      roomId: string,
      via: readonly string[],
      more?: JsonObject,
    ) => Action<Event>
    /** What `kept` gives goes into the event's group. */
    readonly send: (
      sender: string,
      roomId: string,
      type: string,
      content: JsonObject,
      kept?: WithEvent,
    ) => Action<Event>
    /** As all that is said: 403 where this server is not in the room, by which alone a membership could be let in. */
    readonly setState: (
      sender: string,
      roomId: string,
      type: string,
      stateKey: string,
      content: JsonObject,
    ) => Action<Event>
    /** The server of a user of another is asked first: what it refuses is never part of the room. */
    readonly invite: (sender: string, roomId: string, target: string, more?: JsonObject) => Action<Event>
    /** By way of the first of `via` that takes the knock, or at once where this server is in the room. */
    readonly knock: (
      userId: string,
      roomId: string,
      via: readonly string[],
      more?: JsonObject,
    ) => Action<Event>
    readonly kick: (sender: string, roomId: string, target: string, reason?: string) => Action<Event>
    readonly ban: (sender: string, roomId: string, target: string, reason?: string) => Action<Event>
    readonly unban: (sender: string, roomId: string, target: string, reason?: string) => Action<Event>
    /** Also turns down an invite, and takes back a knock: where no server takes that, for the user alone. */
    readonly leave: (userId: string, roomId: string, more?: JsonObject) => Action<Event>
    /** 404 where the event is not held, 403 where the redaction would not apply. */
    readonly redact: (
      sender: string,
      roomId: string,
      eventId: string,
      content?: JsonObject,
      kept?: WithEvent,
    ) => Action<Event>
    /** Gives the id of the room that takes the old one's place; 403 for whoever may not send a tombstone. */
    readonly upgradeRoom: (
      sender: string,
      roomId: string,
      newVersion: string,
      wishes?: UpgradeWishes,
    ) => Action<string>
  }
>()("netsplit/LocalUsers") {
  static readonly layer = Layer.effect(
    LocalUsers,
    Effect.gen(function* () {
      const { serverName } = yield* ServerIdentity
      const rooms = yield* Rooms
      const provided = provideOften(yield* Effect.context<Services>())

      const serials = new CreationSerials()

      const act = <A>(userId: string, action: Effect.Effect<A, ActionError, Services>): Action<A> =>
        domainOf(userId) === serverName
          ? provided(action)
          : Effect.fail(forbidden(`${userId} is not a user of ${serverName}`))

      const inviteTo = (sender: string, roomId: string, target: string, content: JsonObject): Action<Event> =>
        act(
          sender,
          Effect.flatMap(rooms.get(roomId), (room) => invite(room, sender, target, content)),
        )

      /** A server without a member in the room hears nothing of it: what it holds is no ground to build on. */
      const residentRoom = Effect.fnUntraced(function* (roomId: string) {
        const room = yield* rooms.get(roomId)
        return (yield* isResident(room)) ? room : yield* forbidden(`${serverName} is not in room ${roomId}`)
      })

      const inRoom = (roomId: string, draft: Draft, kept?: WithEvent): Action<Event> =>
        act(
          draft.sender,
          Effect.flatMap(residentRoom(roomId), (room) => sendLocalEvent(room, draft, kept)),
        )

      const setMembership = (
        sender: string,
        roomId: string,
        target: string,
        content: JsonObject,
      ): Action<Event> => inRoom(roomId, { type: "m.room.member", sender, stateKey: target, content })

      const withReason = (membership: string, reason: string | undefined): JsonObject =>
        reason === undefined ? { membership } : { membership, reason }

      return LocalUsers.of({
        createRoom: (sender, wishes) => act(sender, createRoom(sender, wishes, serials)),
        join: (userId, roomId, via, more) => act(userId, joinRoom(userId, roomId, via, more)),
        send: (sender, roomId, type, content, kept) =>
          inRoom(roomId, { type, sender, content, stateKey: undefined }, kept),
        setState: (sender, roomId, type, stateKey, content) =>
          type === "m.room.member" && content.membership === "invite"
            ? inviteTo(sender, roomId, stateKey, content)
            : inRoom(roomId, { type, sender, stateKey, content }),
        invite: (sender, roomId, target, more = {}) => inviteTo(sender, roomId, target, more),
        knock: (userId, roomId, via, more) => act(userId, knockOnRoom(userId, roomId, via, more)),
        kick: (sender, roomId, target, reason) =>
          setMembership(sender, roomId, target, withReason("leave", reason)),
        ban: (sender, roomId, target, reason) =>
          setMembership(sender, roomId, target, withReason("ban", reason)),
        unban: (sender, roomId, target, reason) =>
          setMembership(sender, roomId, target, withReason("leave", reason)),
        leave: (userId, roomId, more) => act(userId, leaveRoom(userId, roomId, more)),
        redact: (sender, roomId, eventId, content = {}, kept) =>
          act(sender, redactEventOf(sender, roomId, eventId, content, kept)),
        upgradeRoom: (sender, roomId, newVersion, wishes = {}) =>
          act(sender, upgradeRoom(sender, roomId, newVersion, wishes, serials)),
      })
    }),
  )
}

type Services =
  | Aliases
  | Chance
  | Destinations
  | FederationClient
  | InvitePermission
  | JoinsInFlight
  | KeyRing
  | Outside
  | Resyncs
  | Rooms
  | ServerIdentity
  | Settings
  | Signatures
