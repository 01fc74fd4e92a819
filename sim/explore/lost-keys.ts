/** Signatures that cannot be verified, by what became of the keys that made them. */
import type { Event } from "#spec-impl/core/event.ts"
import type { RoomVersion } from "#spec-impl/core/room-version.ts"
import { eventSignatureChecks, requiredSigners } from "#spec-impl/core/signing.ts"
import type { Overheard } from "./overheard.ts"

/**
 * Whether one of its signers ceased to publish a key of that id, for a while at least or for another one, or said that
 * the key had expired by then (§Publishing Keys, §Signing Events). Who heard that need not ask again: what is said of an
 * old key is said for good, also where the server signs with it once more.
 */
export const isSignedByLostKey = (overheard: Overheard, event: Event, version: RoomVersion): boolean =>
  requiredSigners(event, version).some((signer) => {
    const expired = overheard.keys
      .oldOf(signer)
      .filter(({ expiredTs }) => expiredTs < Number(event.originServerTs))
    const lost = new Set([...overheard.keys.goneOf(signer), ...expired].map(({ keyId }) => keyId))
    return eventSignatureChecks(event, version, signer).some(({ keyId }) => lost.has(keyId))
  })

/** Whether a server had none of the keys by which one of its signers signed it by then, and could not. */
export const isSignedByUnheardKey = (
  overheard: Overheard,
  event: Event,
  version: RoomVersion,
  server: string,
  by: number,
): boolean =>
  requiredSigners(event, version).some((signer) => {
    const checks = eventSignatureChecks(event, version, signer)
    return (
      checks.length > 0 && checks.every(({ keyId }) => overheard.keys.wereUnheard(server, by, signer, keyId))
    )
  })
