/** Events that no homeserver lets its users send. */
import { Effect } from "effect"
import { encodeBase64Url } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { signEvent } from "#spec-impl/core/signing.ts"
import { Chance } from "#spec-impl/homeserver/chance.ts"
import { completeDraft, type Draft } from "#spec-impl/homeserver/local-events.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import type { VirtualServer } from "./world.ts"

const signatures = nativeSignatures("libsodium")

/**
 * `draft` as it would stand at the end of the room's history on `server`, with whatever `change` does to it,
 * hashed and signed by that server, or by `signer`: neither examined, nor kept, nor sent.
 */
export const craftPdu = Effect.fnUntraced(function* (
  { servers }: { readonly servers: ReadonlyMap<string, VirtualServer> },
  server: string,
  roomId: string,
  draft: Omit<Draft, "stateKey"> & { readonly stateKey?: string },
  change: (pdu: JsonObject) => JsonObject = (pdu) => pdu,
  signer = server,
) {
  const { identity } = servers.get(signer)!
  const room = servers.get(server)!.rooms.find(roomId)!
  const completed = yield* completeDraft(room, { ...draft, stateKey: draft.stateKey }).pipe(
    Effect.provideService(Chance, { bytes: (length) => new Uint8Array(length) }),
  )
  const pdu = change(completed)
  const isOpaque = room.version.eventId === "opaque"
  const named = isOpaque
    ? { event_id: `$${encodeBase64Url(sha256(canonicalJson(pdu)))}:${signer}`, ...pdu }
    : pdu
  const { keyId, seed } = identity.signingKey
  return signEvent(named, room.version, signer, keyId, (message) => signatures.sign(seed, message))
})
