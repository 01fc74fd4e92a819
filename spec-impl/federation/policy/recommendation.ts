/** What a policy server says of an event: its signature, or why there is none (server-server API §Policy Servers). */
import { Effect } from "effect"
import type { Event } from "../../core/event.ts"
import type { RoomVersion } from "../../core/room-version.ts"
import { eventSigningBytes } from "../../core/signing.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Settings } from "../../homeserver/settings.ts"
import { Signatures } from "../../homeserver/signatures/signatures.ts"
import { refusedByPolicy, unrecognised } from "../matrix-error.ts"

/**
 * This server's signature on an event that `asker` puts before it. 400 M_FORBIDDEN where its policy is against it,
 * 404 M_UNRECOGNIZED where it is no policy server.
 */
export const recommend = Effect.fnUntraced(function* (event: Event, version: RoomVersion, asker: string) {
  const { policyServerKey } = yield* ServerIdentity
  const { policy } = yield* Settings
  const signatures = yield* Signatures
  if (policyServerKey === undefined || policy === undefined) {
    return yield* unrecognised("this server is not a policy server")
  }
  const refusal = policy(event, asker)
  if (refusal !== undefined) return yield* refusedByPolicy(refusal)
  return signatures.sign(policyServerKey.seed, eventSigningBytes(event.pdu, version))
})
