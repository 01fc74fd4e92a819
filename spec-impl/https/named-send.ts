/** Sends requests to servers by their names. */
import { Effect } from "effect"
import { WireError, type WireRequest, type WireResponse } from "../federation/wire.ts"
import { exchangeAtFirst, isUnsent } from "./exchange-at-first.ts"
import { SecureTransport } from "./secure-transport.ts"
import { ServerResolver } from "./server-resolver.ts"

/** Synapse reads as much of an answer to `send_join`, which of all answers is the longest. */
const answerBytesMax = 500 * 1024 * 1024

/**
 * Makes what finds the server of each request, and sends it to the first of its endpoints that can be reached and
 * shows a valid certificate. It fails with what the last one did, or with "unresolved".
 */
export const makeNamedSend = Effect.gen(function* () {
  const resolver = yield* ServerResolver
  const transport = yield* SecureTransport
  return Effect.fnUntraced(function* (request: WireRequest): Effect.fn.Return<WireResponse, WireError> {
    const { destination } = request
    const { host, certificateName, endpoints } = yield* resolver
      .resolve(destination)
      .pipe(Effect.mapError(({ message }) => new WireError({ reason: "unresolved", detail: message })))
    return yield* exchangeAtFirst(
      transport,
      endpoints.map((endpoint) => ({ ...endpoint, host, certificateName })),
      request,
      answerBytesMax,
    ).pipe(Effect.tapError((failure) => (isUnsent(failure) ? resolver.forget(destination) : Effect.void)))
  })
})
