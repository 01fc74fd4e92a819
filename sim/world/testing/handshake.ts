/** For tests: the two halves of a join, step by step, with whatever is to be wrong between them. */
import { Effect } from "effect"
import { encodeBase64Url } from "#spec-impl/core/base64.ts"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { isJsonObject, type JsonObject } from "#spec-impl/core/json/value.ts"
import { roomVersion, roomVersions } from "#spec-impl/core/room-version.ts"
import { signEvent } from "#spec-impl/core/signing.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { alterReply, withBody } from "../../network/rules.ts"
import { type Played, play } from "./play.ts"

const signatures = nativeSignatures("libsodium")

/** What `make_join` gives the user's server, signed by that server after `change`. */
export const madeJoin = Effect.fnUntraced(function* (
  { servers }: Pick<Played, "servers">,
  roomId: string,
  userId: string,
  via: string,
  change: (pdu: JsonObject) => JsonObject = (pdu) => pdu,
) {
  const { client, identity, name } = servers.get(domainOf(userId)!)!
  const ver = roomVersions.map(({ id }) => id)
  const made = yield* client.call(via, (api) =>
    api.rooms.makeJoin({ params: { roomId, userId }, query: { ver } }),
  )
  const version = roomVersion(made.room_version ?? "1")!
  const pdu = change(made.event)
  const named =
    version.eventId === "opaque"
      ? { ...pdu, event_id: `$${encodeBase64Url(sha256(canonicalJson(pdu)))}:${name}` }
      : pdu
  const { keyId, seed } = identity.signingKey
  const signed = signEvent(named, version, name, keyId, (bytes) => signatures.sign(seed, bytes))
  return { pdu: signed, eventId: eventIdOf(signed, version)! }
})

/** Hands a join in. */
export const sentJoin = (
  { servers }: Pick<Played, "servers">,
  join: { readonly pdu: JsonObject; readonly eventId: string },
  more: {
    readonly roomId: string
    readonly from: string
    readonly via: string
    readonly omitMembers?: boolean
  },
) => {
  const params = { roomId: more.roomId, eventId: join.eventId }
  const query = more.omitMembers === undefined ? {} : { omit_members: more.omitMembers }
  return servers
    .get(more.from)!
    .client.call(more.via, (api) => api.rooms.sendJoin({ params, query, payload: join.pdu }))
}

/** Changes what is answered, as JSON. */
export const alterAnswer = (alter: (body: JsonObject) => JsonObject) =>
  alterReply((response) => {
    const body = readJson(response.body)
    if (!isJsonObject(body)) return response
    return withBody(response, new TextEncoder().encode(canonicalJson(alter(body))))
  })

export const alice = "@alice:s1"
export const bob = "@bob:s2"

/** A story about a public room of Alice's on s1. */
export const withRoom = <A, E>(
  options: { readonly roomVersion?: string; readonly servers?: number },
  story: (played: Played, roomId: string) => Effect.Effect<A, E>,
) =>
  play({ servers: 2, roomVersion: "11", ...options }, (played) =>
    Effect.flatMap(played.stage.user(alice).createRoom(), (roomId) => story(played, roomId)),
  )
