/** Sends requests to servers by their names. */
import { Context, Effect } from "effect"
import { AnswerBytesMax, CalledEndpoint } from "../federation/matrix-endpoint.ts"
import { WireError, type WireRequest, type WireResponse } from "../federation/wire.ts"
import { exchangeAtFirst, isUnsent } from "./exchange-at-first.ts"
import { jsonWeight } from "./json-weight.ts"
import { SecureTransport } from "./secure-transport.ts"
import { ServerResolver } from "./server-resolver.ts"

/** What the JSON of one answer may take once it is parsed: the state of the largest rooms there are. */
const answerWeightMax = 1_024 * 1_048_576

/** The bytes that an answer to the call at hand may have. */
const answerBytesMax = Effect.gen(function* () {
  const endpoint = yield* CalledEndpoint
  const ofEndpoint = Context.get(endpoint?.annotations ?? Context.empty(), AnswerBytesMax)
  return Math.max(ofEndpoint, yield* AnswerBytesMax)
})

/** Files are kept as they come; all else is read as JSON, whatever it says that it is. */
const isFile = Effect.fnUntraced(function* ({ status }: WireResponse) {
  const endpoint = yield* CalledEndpoint
  return status === 200 && /^\/_matrix\/(?:federation\/v1\/)?media\//.test(endpoint?.path ?? "")
})

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
      yield* answerBytesMax,
    ).pipe(
      Effect.tapError((failure) => (isUnsent(failure) ? resolver.forget(destination) : Effect.void)),
      Effect.tap((answer) =>
        Effect.flatMap(isFile(answer), (isKept) =>
          isKept || jsonWeight(answer.body) <= answerWeightMax
            ? Effect.void
            : Effect.fail(new WireError({ reason: "reset", detail: "an answer of too many values" })),
        ),
      ),
    )
  })
})
