/** Sends requests to servers by their names. */
import { Effect } from "effect"
import { WireError, type WireRequest, type WireResponse } from "../federation/wire.ts"
import { SecureTransport } from "./secure-transport.ts"
import { ServerResolver } from "./server-resolver.ts"

/** Synapse reads as much of an answer to `send_join`, which of all answers is the longest. */
const answerBytesMax = 500 * 1024 * 1024

/** What fails so has sent nothing, and may be tried elsewhere. */
const isUnsent = ({ reason }: WireError): boolean =>
  reason === "refused" || reason === "unreachable" || reason === "bad-certificate"

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
    let failure = new WireError({ reason: "unresolved" })
    for (const endpoint of endpoints) {
      const answer = yield* Effect.result(
        transport.exchange({ ...endpoint, host, certificateName }, request, answerBytesMax),
      )
      if (answer._tag === "Success") return answer.success
      failure = answer.failure
      if (!isUnsent(failure)) return yield* failure
    }
    yield* resolver.forget(destination)
    return yield* failure
  })
})
