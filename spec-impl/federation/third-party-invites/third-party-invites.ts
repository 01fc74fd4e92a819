/**
 * Inviting somebody of whom no more is known than an address, and what becomes of that once the address is bound to a
 * user (server-server API §Third-party invites; client-server API §Third-party invites).
 */
import { Clock, Context, Effect, Layer, type Schema } from "effect"
import type { Event } from "../../core/event.ts"
import { domainOf } from "../../core/identifiers.ts"
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import type { Chance } from "../../homeserver/chance.ts"
import type { Destinations } from "../../homeserver/destinations.ts"
import { badAnswer, storeFailed } from "../../homeserver/failures.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { invite } from "../../homeserver/invitations.ts"
import type { InvitePermission } from "../../homeserver/invite-permission.ts"
import type { KeyRing } from "../../homeserver/key-ring.ts"
import { type Draft, draftedEvent, sendLocalEvent } from "../../homeserver/local-events.ts"
import type { Outside } from "../../homeserver/outside.ts"
import { type Room, Rooms } from "../../homeserver/rooms.ts"
import { Settings } from "../../homeserver/settings.ts"
import { serversIn } from "../../homeserver/shared-rooms.ts"
import type { Signatures } from "../../homeserver/signatures/signatures.ts"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"
import { FederationClient, type FederationUnreachable } from "../client.ts"
import {
  badJson,
  forbidden,
  invalidParameter,
  limitExceeded,
  MatrixError,
  notFound,
} from "../matrix-error.ts"
import type { Binding, PartialInvite } from "./api.ts"
import { type IdentityServer, IdentityServers, type ThirdPartyIdentifier } from "./identity-servers.ts"
import { checkKeys, invitationIn, isRedeemed, type Proof, readProof, redeeming } from "./invitation.ts"

const collection = "third-party-invites"
/** Whoever likes can tell of invites to servers that never answer: so long each is tried. */
const awaitedMsMax = 7 * 24 * 60 * 60_000

/** So many are tried at a time. */
const awaitedMax = 1_000
/** By then some may have been made or refused. */
const toldAgainAfterMs = 60_000

/** An invite that waited for a user of this server, and is yet to be made. */
export interface AwaitedInvite {
  readonly roomId: string
  /** Who invited. */
  readonly sender: string
  /** `{mxid, token, signatures}` of the identity server. */
  readonly signed: JsonObject
  readonly notedTs: number
}

type Failure = MatrixError | FederationUnreachable | StoreFailure

export class ThirdPartyInvites extends Context.Service<
  ThirdPartyInvites,
  {
    /**
     * Invites whoever is reached there, in the name of a user of this server: gives the invite of the user to whom the
     * identifier is bound, or else the m.room.third_party_invite that waits for one. 403 where `sender` may not invite,
     * before anybody else is told of the identifier.
     */
    readonly invite: (
      sender: string,
      roomId: string,
      who: ThirdPartyIdentifier,
      identityServer: IdentityServer,
    ) => Effect.Effect<Event, Failure>
    /**
     * `/3pid/onbind`: notes the invites that waited for a user of this server. Identity servers tell of them once, so
     * from here on it is this server that sees to them: done means noted, and each is tried until it is made or refused,
     * for a week. 429 where too many are waiting already.
     */
    readonly bound: (binding: Schema.Schema.Type<typeof Binding>) => Effect.Effect<void, MatrixError>
    /**
     * `/exchange_third_party_invite`: makes the invite that a user of this server had left open. Done means that the
     * invited one's server has it.
     */
    readonly exchange: (
      origin: string,
      roomId: string,
      partial: Schema.Schema.Type<typeof PartialInvite>,
    ) => Effect.Effect<void, MatrixError>
    /** What was noted and is neither made nor refused yet: for observers. */
    readonly awaited: () => readonly AwaitedInvite[]
  }
>()("netsplit/ThirdPartyInvites") {
  /** Goes on with what the store has kept. */
  static readonly layer = Layer.effect(
    ThirdPartyInvites,
    Effect.gen(function* () {
      const store = yield* EventStore
      const rooms = yield* Rooms
      const client = yield* FederationClient
      const { retryMsMin, retryMsMax } = yield* Settings
      const { serverName } = yield* ServerIdentity
      const scope = yield* Effect.scope
      const services = yield* Effect.context<Services>()
      const awaited = new Map<string, AwaitedInvite>()

      /** Where this server is in the room it makes the invite itself, else it has the inviter's server make it. */
      const redeem = Effect.fnUntraced(function* ({ roomId, sender, signed }: AwaitedInvite) {
        const proof = readProof(signed)
        if (proof === undefined) return yield* badJson("the proof cannot be read")
        const room = rooms.find(roomId)
        if (room !== undefined && serversIn(room).has(serverName)) return yield* redeemIn(room, sender, proof)
        const server = domainOf(sender)
        if (server === undefined || server === serverName) {
          return yield* notFound(`this server is not in room ${roomId}`)
        }
        const payload = { type: "m.room.member", room_id: roomId, sender, state_key: proof.mxid }
        const content = { membership: "invite", third_party_invite: { display_name: proof.mxid, signed } }
        yield* client.call(server, (api) =>
          api.thirdPartyInvites.exchange({ params: { roomId }, payload: { ...payload, content } }),
        )
      })

      const seeTo = Effect.fnUntraced(function* (key: string, invite: AwaitedInvite) {
        let failures = 0
        while (awaited.get(key) === invite) {
          const done = yield* redeem(invite).pipe(
            Effect.as(true),
            Effect.catch((failure) => Effect.succeed(isFinal(failure))),
            Effect.provide(services),
          )
          // Told of once more meanwhile: that is seen to by itself.
          if (awaited.get(key) !== invite) return
          const isOver = done || (yield* Clock.currentTimeMillis) - invite.notedTs > awaitedMsMax
          // A store that fails to forget it has it tried once more after a restart, which does no harm.
          if (isOver) yield* Effect.ignore(store.commit({ records: [{ collection, key, value: null }] }))
          if (isOver) awaited.delete(key)
          else yield* Effect.sleep(Math.min(retryMsMin * 2 ** failures++, retryMsMax))
        }
      })

      const begin = (key: string, invite: AwaitedInvite) => {
        awaited.set(key, invite)
        return Effect.forkIn(seeTo(key, invite), scope)
      }

      for (const [key, value] of yield* store.records(collection)) {
        yield* begin(key, value as unknown as AwaitedInvite)
      }

      return ThirdPartyInvites.of({
        invite: (sender, roomId, who, identityServer) =>
          domainOf(sender) === serverName
            ? Effect.flatMap(rooms.get(roomId), (room) =>
                inviteByAddress(room, sender, who, identityServer),
              ).pipe(Effect.provide(services))
            : Effect.fail(forbidden(`${sender} is not a user of ${serverName}`)),
        bound: Effect.fnUntraced(function* ({ mxid, invites }) {
          if (domainOf(mxid) !== serverName) return yield* invalidParameter(`${mxid} is not a user here`)
          const notedTs = yield* Clock.currentTimeMillis
          const noted = yield* Effect.forEach(invites, ({ room_id: roomId, sender, ...given }) => {
            const proof = readProof(given.signed)
            if (proof === undefined) return Effect.fail(badJson("`signed` has no mxid, token or signatures"))
            return given.mxid === mxid && proof.mxid === mxid
              ? Effect.succeed({ roomId, sender, signed: proof.signed, notedTs })
              : Effect.fail(invalidParameter("an invite is not for the user of the binding"))
          })
          const keys = new Set([...awaited.keys(), ...noted.map(keyOf)])
          if (keys.size > awaitedMax && keys.size > awaited.size) {
            return yield* limitExceeded("too many invites are waiting", { retry_after_ms: toldAgainAfterMs })
          }
          const records = noted.map((value) => ({ collection, key: keyOf(value), value: { ...value } }))
          yield* store.commit({ records }).pipe(
            Effect.andThen(Effect.forEach(noted, (one) => begin(keyOf(one), one), { discard: true })),
            Effect.uninterruptible,
            Effect.catchTag("StoreFailure", ({ detail }) => Effect.fail(storeFailed(detail))),
          )
        }),
        exchange: (origin, roomId, partial) =>
          exchange(origin, roomId, partial).pipe(
            Effect.catchTags({
              StoreFailure: ({ detail }) => Effect.fail(storeFailed(detail)),
              FederationUnreachable: ({ message }) => Effect.fail(badAnswer(message)),
            }),
            Effect.provide(services),
          ),
        awaited: () => [...awaited.values()],
      })
    }),
  )
}

type Services =
  | Chance
  | Destinations
  | FederationClient
  | IdentityServers
  | InvitePermission
  | KeyRing
  | Outside
  | Rooms
  | ServerIdentity
  | Settings
  | Signatures

const keyOf = ({ roomId, signed }: AwaitedInvite): string =>
  JSON.stringify([roomId, signed.mxid, signed.token])

/** Whether trying again is of no use: it was refused for what it is, and not for the moment. */
const isFinal = (failure: Failure): boolean =>
  failure instanceof MatrixError &&
  failure.status >= 400 &&
  failure.status < 500 &&
  failure.status !== 401 &&
  failure.status !== 429

const inviteByAddress = Effect.fnUntraced(function* (
  room: Room,
  sender: string,
  given: ThirdPartyIdentifier,
  identityServer: IdentityServer,
) {
  const identityServers = yield* IdentityServers
  const who = { ...given, address: given.medium === "email" ? given.address.toLowerCase() : given.address }
  const draft = (stateKey: string, content: JsonObject): Draft => ({
    type: "m.room.third_party_invite",
    sender,
    stateKey,
    content,
  })
  const objection = room.dag.objectionNow(draftedEvent({}, draft("", {}), room))
  if (objection !== undefined) return yield* forbidden(`rejected by ${objection.rule}: ${objection.reason}`)
  const known = yield* identityServers.lookUp(identityServer, who)
  if (known !== undefined) return yield* inviteBound(room, sender, known)
  const wish = { ...who, room_id: room.roomId, sender, ...descriptionOf(room, sender) }
  const stored = yield* identityServers.storeInvite(identityServer, wish)
  // Bound since it was looked up.
  if ("boundTo" in stored) return yield* inviteBound(room, sender, stored.boundTo)
  const { token, displayName, publicKeys } = stored
  if (room.dag.eventIn(room.dag.currentState(), "m.room.third_party_invite", token) !== undefined) {
    return yield* badAnswer(`${identityServer.name} gives a token that another invite has`)
  }
  const content = { display_name: displayName, ...publicKeys[0], public_keys: publicKeys }
  return yield* sendLocalEvent(room, draft(token, content))
})

/** §Cases where an association exists for a third-party identifier: an invite like any other. */
const inviteBound = (room: Room, sender: string, userId: string) =>
  domainOf(userId) === undefined
    ? Effect.fail(badAnswer("the identity server names somebody who is no user"))
    : invite(room, sender, userId)

/** What the identity server may tell the invited one of the room and of who invites (§Invitation storage). */
const descriptionOf = ({ dag }: Room, sender: string): JsonObject => {
  const told = (type: string, field: string, name: string, stateKey = "") => {
    const value = dag.eventIn(dag.currentState(), type, stateKey)?.content[field]
    return typeof value === "string" ? { [name]: value } : {}
  }
  return {
    ...told("m.room.canonical_alias", "alias", "room_alias"),
    ...told("m.room.avatar", "url", "room_avatar_url"),
    ...told("m.room.join_rules", "join_rule", "room_join_rules"),
    ...told("m.room.name", "name", "room_name"),
    ...told("m.room.create", "type", "room_type"),
    ...told("m.room.member", "displayname", "sender_display_name", sender),
    ...told("m.room.member", "avatar_url", "sender_avatar_url", sender),
  }
}

/** The server of who is invited is in the room: it makes the invite in the inviter's name (§Verifying the invite). */
const redeemIn = Effect.fnUntraced(function* (room: Room, sender: string, proof: Proof) {
  if (isRedeemed(room, proof)) return
  const draft = redeeming(yield* invitationIn(room, proof.token), proof, sender)
  yield* checkRedeemable(room, draft, proof)
  yield* sendLocalEvent(room, draft)
})

const exchange = Effect.fnUntraced(function* (
  origin: string,
  roomId: string,
  partial: Schema.Schema.Type<typeof PartialInvite>,
) {
  const { serverName } = yield* ServerIdentity
  const { sender, state_key: stateKey, content } = partial
  if (partial.type !== "m.room.member" || partial.room_id !== roomId || content.membership !== "invite") {
    return yield* invalidParameter("the event is not an invite to that room")
  }
  const given = content.third_party_invite
  const proof = readProof(isJsonObject(given) ? given.signed : undefined)
  if (proof === undefined) return yield* badJson("`signed` is missing, or has no mxid, token or signatures")
  if (proof.mxid !== stateKey) return yield* invalidParameter("`signed` is of another user")
  if (domainOf(stateKey) !== origin) return yield* forbidden(`${stateKey} is not a user of ${origin}`)
  if (domainOf(sender) !== serverName) return yield* forbidden(`${sender} is not a user of ${serverName}`)
  const room = yield* (yield* Rooms).get(roomId)
  if (!serversIn(room).has(serverName)) return yield* notFound(`this server is not in room ${roomId}`)
  const invitation = yield* invitationIn(room, proof.token)
  // A server whose exchange was done, and that never heard so, asks again.
  if (isRedeemed(room, proof)) return
  const draft = redeeming(invitation, proof, sender)
  yield* checkRedeemable(room, draft, proof)
  yield* invite(room, sender, stateKey, draft.content)
})

/** 403 where the rules do not allow it, which costs nobody a request, or where its keys have been revoked. */
const checkRedeemable = Effect.fnUntraced(function* (room: Room, draft: Draft, proof: Proof) {
  const objection = room.dag.objectionNow(draftedEvent({}, draft, room))
  if (objection !== undefined) return yield* forbidden(`rejected by ${objection.rule}: ${objection.reason}`)
  yield* checkKeys(yield* invitationIn(room, proof.token), proof)
})
