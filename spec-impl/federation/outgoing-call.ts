/**
 * Calls to other servers: one client, derived from the API and shared by all servers of the process (each would
 * take 27 to 75 KB), and the service that tells it who calls whom.
 */
import { Context, Effect, Option } from "effect"
import {
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  type HttpClientResponse,
  UrlParams,
} from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { encodeBase64 } from "../core/base64.ts"
import type { Signatures } from "../homeserver/signatures/signatures.ts"
import type { SigningKey } from "../homeserver/signatures/signing-key.ts"
import { FederationApi } from "./api.ts"
import { Authentication } from "./authentication.ts"
import { ErrorWithoutStack } from "./error-without-stack.ts"
import { AnswerWithin, CalledEndpoint, MatrixEndpoint } from "./matrix-endpoint.ts"
import { type MatrixError, matrixErrorFromAnswer } from "./matrix-error.ts"
import { WireError } from "./wire.ts"
import { formatXMatrix, requestSigningBytes } from "./x-matrix.ts"

/** Why a call had no answer, or one that makes no sense, or could not be made at all. */
export class FederationUnreachable extends ErrorWithoutStack("FederationUnreachable")<{
  readonly destination: string
  readonly reason: WireError["reason"] | "malformed-answer" | "unsendable"
  /** What else is known: which name led nowhere, what is wrong with a certificate. */
  readonly detail?: string | undefined
}> {
  override get message(): string {
    return `${this.destination}: ${this.reason}${this.detail === undefined ? "" : ` (${this.detail})`}`
  }
}

/** While a call is made: who calls whom, and how. */
export class OutgoingCall extends Context.Service<
  OutgoingCall,
  {
    readonly origin: string
    readonly signingKey: SigningKey
    readonly signatures: Signatures["Service"]
    readonly httpClient: HttpClient.HttpClient
    readonly destination: string
    /** Set once the request has left: what fails before is the caller's doing. */
    isSent: boolean
  }
>()("netsplit/OutgoingCall") {}

/** The typed calls, by chapter: `calls.rooms.makeJoin({ params, query })`. */
export type FederationCalls = HttpApiClient.ForApi<
  typeof FederationApi,
  MatrixError | FederationUnreachable,
  OutgoingCall
>

/** Why a request had no answer. */
export const reasonOf = (
  error: HttpClientError.HttpClientError,
): Pick<FederationUnreachable, "reason" | "detail"> => {
  if (error.reason._tag !== "TransportError") return { reason: "malformed-answer" }
  const { cause } = error.reason
  return cause instanceof WireError
    ? { reason: cause.reason, detail: cause.detail }
    : { reason: "unreachable" }
}

/** `request` with the header that proves who sends it (§Request Authentication). */
const signed = (
  request: HttpClientRequest.HttpClientRequest,
  uri: string,
  call: OutgoingCall["Service"],
): HttpClientRequest.HttpClientRequest => {
  const { origin, destination, signingKey, signatures } = call
  const message = requestSigningBytes({
    method: request.method,
    uri,
    origin,
    destination,
    // Bodies are encoded in canonical form already.
    ...(request.body._tag === "Uint8Array" ? { content: request.body.body } : {}),
  })
  const sig = encodeBase64(signatures.sign(signingKey.seed, message))
  return HttpClientRequest.setHeader(
    request,
    "authorization",
    formatXMatrix({ origin, destination, key: signingKey.keyId, sig }),
  )
}

/** Sends one request of the derived client: addressed, signed, answered in time. */
const send = Effect.fnUntraced(function* (
  request: HttpClientRequest.HttpClientRequest,
): Effect.fn.Return<
  HttpClientResponse.HttpClientResponse,
  MatrixError | FederationUnreachable,
  OutgoingCall
> {
  const call = yield* OutgoingCall
  const endpoint = yield* CalledEndpoint
  const query = UrlParams.toString(request.urlParams)
  const target = query === "" ? request.url : `${request.url}?${query}`
  const { headers, body } = endpoint?.middlewares.has(Authentication)
    ? signed(request, target, call)
    : request
  const url = `matrix://${call.destination}${target}`
  const addressed = HttpClientRequest.makeWith(request.method, url, [], Option.none(), headers, body)
  const failed = (why: Pick<FederationUnreachable, "reason" | "detail">) =>
    new FederationUnreachable({ destination: call.destination, ...why })
  call.isSent = true
  const { response, bytes } = yield* call.httpClient.execute(addressed).pipe(
    Effect.flatMap((response) => Effect.map(response.arrayBuffer, (bytes) => ({ response, bytes }))),
    Effect.mapError((error) => failed(reasonOf(error))),
    Effect.timeoutOrElse({
      duration: Context.get(endpoint?.annotations ?? Context.empty(), AnswerWithin),
      orElse: () => Effect.fail(failed({ reason: "timed-out" })),
    }),
  )
  if (response.status >= 200 && response.status < 300) return response
  return yield* matrixErrorFromAnswer(response.status, new Uint8Array(bytes), response.headers)
})

/** The one client of the process. Nothing in its making waits or fails. */
export const federationCalls: FederationCalls = Effect.runSync(
  HttpApiClient.makeWith(FederationApi, {
    httpClient: HttpClient.makeWith(
      (prepared: Effect.Effect<HttpClientRequest.HttpClientRequest>) => Effect.flatMap(prepared, send),
      (request) => Effect.succeed(request),
    ),
  }).pipe(Effect.provide(MatrixEndpoint.layerClient)),
)
