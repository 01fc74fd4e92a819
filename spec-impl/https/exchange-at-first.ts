/** One of several endpoints: who can be reached is asked, and only once. */
import { Effect } from "effect"
import { WireError, type WireRequest, type WireResponse } from "../federation/wire.ts"
import type { Endpoint, SecureTransport } from "./secure-transport.ts"

/** What fails so has sent nothing, and may be tried elsewhere. */
export const isUnsent = ({ reason }: WireError): boolean =>
  reason === "refused" || reason === "unreachable" || reason === "bad-certificate"

/**
 * Sends `request` to the first of `endpoints` that can be reached and shows a valid certificate. Fails with what the
 * last one did, or with "unresolved" where there is none. `mayGoOn` says after which failures the next one has its turn.
 */
export const exchangeAtFirst = Effect.fnUntraced(function* (
  transport: SecureTransport["Service"],
  endpoints: readonly Endpoint[],
  request: WireRequest,
  answerBytesMax: number,
  mayGoOn: (failure: WireError) => boolean = isUnsent,
): Effect.fn.Return<WireResponse, WireError> {
  let failure = new WireError({ reason: "unresolved" })
  for (const endpoint of endpoints) {
    const answer = yield* Effect.result(transport.exchange(endpoint, request, answerBytesMax))
    if (answer._tag === "Success") return answer.success
    failure = answer.failure
    if (!mayGoOn(failure)) break
  }
  return yield* failure
})
