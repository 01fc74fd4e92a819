/** The calling half: what this server asks of others. */
import { Context, Effect, Layer, Schema } from "effect"
import { HttpClient, HttpClientError } from "effect/http"
import { ServerIdentity } from "../homeserver/identity.ts"
import { Signatures } from "../homeserver/signatures/signatures.ts"
import type { MatrixError } from "./matrix-error.ts"
import {
  type FederationCalls,
  FederationUnreachable,
  federationCalls,
  OutgoingCall,
} from "./outgoing-call.ts"

export { type FederationCalls, FederationUnreachable } from "./outgoing-call.ts"

/** Calls other servers, as this one. */
export class FederationClient extends Context.Service<
  FederationClient,
  {
    /**
     * Makes the call that `request` chooses, to `destination`, signed where the endpoint wants it:
     * `client.call("hs2", (api) => api.rooms.makeJoin({ params: { roomId, userId }, query: { ver } }))`.
     * It fails with the error that `destination` answers, or with why there is no answer that makes sense.
     */
    readonly call: <A>(
      destination: string,
      request: (api: FederationCalls) => Effect.Effect<A, CallFailure, OutgoingCall>,
    ) => Effect.Effect<A, MatrixError | FederationUnreachable>
  }
>()("netsplit/FederationClient") {
  /**
   * Calls by the HTTP client of the surroundings, which gets URLs of the form `matrix://<server name>/…` and
   * finds out where that server is.
   */
  static readonly layer = Layer.effect(
    FederationClient,
    Effect.gen(function* () {
      const identity = yield* ServerIdentity
      const signatures = yield* Signatures
      const httpClient = yield* HttpClient.HttpClient
      return {
        call: (destination, request) =>
          Effect.suspend(() => {
            const { serverName: origin, signingKey } = identity
            const call = { origin, signingKey, signatures, httpClient, destination, isSent: false }
            return request(federationCalls).pipe(
              Effect.provideService(OutgoingCall, call),
              Effect.mapError((error) => meant(call, error)),
            )
          }),
      }
    }),
  )
}

type CallFailure = MatrixError | FederationUnreachable | HttpClientError.HttpClientError | Schema.SchemaError

/** What the schemas of the API refuse is an argument that no request can carry, or an answer without sense. */
const meant = (
  { destination, isSent }: { readonly destination: string; readonly isSent: boolean },
  error: CallFailure,
): MatrixError | FederationUnreachable =>
  HttpClientError.isHttpClientError(error) || Schema.isSchemaError(error)
    ? new FederationUnreachable({ destination, reason: isSent ? "malformed-answer" : "unsendable" })
    : error
