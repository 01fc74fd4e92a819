/** The m.room.third_party_invite that an invite redeems (client-server API §Third-party invites). */
import { Effect } from "effect"
import { decodeBase64 } from "../../core/base64.ts"
import type { Event } from "../../core/event.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import { jsonSignatureChecks } from "../../core/signing.ts"
import type { Draft } from "../../homeserver/local-events.ts"
import type { Room } from "../../homeserver/rooms.ts"
import { Signatures } from "../../homeserver/signatures/signatures.ts"
import { forbidden, type MatrixError, notFound } from "../matrix-error.ts"
import type { FederationUnreachable } from "../outgoing-call.ts"
import { IdentityServers } from "./identity-servers.ts"

/** What an identity server signs: who the invited one is. */
export interface Proof {
  readonly mxid: string
  readonly token: string
  /** With its signatures, as it came. */
  readonly signed: JsonObject
}

/** The proof in a `signed` object, or undefined where it is none. */
export const readProof = (signed: JsonValue | undefined): Proof | undefined => {
  if (!isJsonObject(signed)) return undefined
  const { mxid, token, signatures } = signed
  return typeof mxid === "string" && typeof token === "string" && isJsonObject(signatures)
    ? { mxid, token, signed }
    : undefined
}

/** The invitation in the room's current state; 404 where the room has none by that token, or it was redacted. */
export const invitationIn = (room: Room, token: string) => {
  const { dag, roomId } = room
  const event = dag.eventIn(dag.currentState(), "m.room.third_party_invite", token)
  return event === undefined || dag.redactions.of(event) !== undefined
    ? Effect.fail(notFound(`room ${roomId} has no such third-party invite`))
    : Effect.succeed(event)
}

/** The invite in the name of `sender` by which the proof is redeemed, with the name that the room has for its user. */
export const redeeming = (invitation: Event, proof: Proof, sender: string): Draft => ({
  type: "m.room.member",
  sender,
  stateKey: proof.mxid,
  content: { membership: "invite", third_party_invite: thirdPartyInvite(invitation, proof) },
})

const thirdPartyInvite = ({ content }: Event, { mxid, signed }: Proof): JsonObject => ({
  display_name: typeof content.display_name === "string" ? content.display_name : mxid,
  signed,
})

/** Whether the proof has done its work: the user is invited by it, or is in the room already. */
export const isRedeemed = ({ dag }: Room, { mxid, token }: Proof): boolean => {
  const content = dag.eventIn(dag.currentState(), "m.room.member", mxid)?.content
  if (content?.membership === "join") return true
  const invite = content?.third_party_invite
  return (
    content?.membership === "invite" &&
    isJsonObject(invite) &&
    isJsonObject(invite.signed) &&
    invite.signed.token === token
  )
}

/**
 * The server that redeems a proof, and no other, sees to it that a key which signed it has not been revoked: any one of
 * them will do, and one that nothing is said about is good for ever. 403 where none is left.
 */
export const checkKeys = Effect.fnUntraced(function* (invitation: Event, { signed }: Proof) {
  const { isKeyValid } = yield* IdentityServers
  const { verify } = yield* Signatures
  const signers = isJsonObject(signed.signatures) ? Object.keys(signed.signatures) : []
  const checks = signers.flatMap((server) => jsonSignatureChecks(signed, server))
  let unasked: MatrixError | FederationUnreachable | undefined
  for (const { publicKey, keyValidityUrl } of keysOf(invitation.content)) {
    const bytes = decodeBase64(publicKey)
    const hasSigned =
      bytes !== undefined && checks.some(({ message, signature }) => verify(bytes, message, signature))
    if (!hasSigned) continue
    if (keyValidityUrl === undefined) return
    const asked = yield* Effect.result(isKeyValid(keyValidityUrl, publicKey))
    if (asked._tag === "Failure") unasked ??= asked.failure
    else if (asked.success) return
  }
  if (unasked !== undefined) return yield* Effect.fail(unasked)
  return yield* forbidden("the third-party invite is signed by no key that is still valid")
})

const keysOf = (content: JsonObject) => {
  const listed = isJsonArray(content.public_keys) ? content.public_keys.filter(isJsonObject) : []
  const seen = new Set<string>()
  return [content, ...listed].flatMap(({ public_key: publicKey, key_validity_url: url }) => {
    const keyValidityUrl = typeof url === "string" ? url : undefined
    if (typeof publicKey !== "string" || seen.has(`${publicKey} ${keyValidityUrl}`)) return []
    seen.add(`${publicKey} ${keyValidityUrl}`)
    return [{ publicKey, keyValidityUrl }]
  })
}
