/** The calling half of the `direct` transport. */
import { Context, Effect, Layer, Schema } from "effect"
import { HttpApi, HttpApiClient, type HttpApiEndpoint } from "effect/http-api"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { FederationApi } from "../api.ts"
import { type FederationCalls, FederationClient, FederationUnreachable } from "../client.ts"
import { AnswerWithin } from "../matrix-endpoint.ts"
import type { MatrixError } from "../matrix-error.ts"
import { toClientResponse, type WireError, type WireRequest, type WireResponse } from "../wire.ts"
import { DirectRequest, type Given, readAnswer } from "./message.ts"

/** While a call is made: who calls whom, and what carries it. */
class DirectCall extends Context.Service<
  DirectCall,
  {
    readonly source: string
    readonly keyId: string
    readonly destination: string
    readonly send: (request: WireRequest) => Effect.Effect<WireResponse, WireError>
  }
>()("netsplit/DirectCall") {}

type Failure = MatrixError | FederationUnreachable

/** Calls whose requests cross the network as they are, by `send`. */
export const layerDirectClient = (
  send: (request: WireRequest) => Effect.Effect<WireResponse, WireError>,
): Layer.Layer<FederationClient, never, ServerIdentity> =>
  Layer.effect(
    FederationClient,
    Effect.gen(function* () {
      const identity = yield* ServerIdentity
      return {
        call: (destination, request) =>
          Effect.suspend(() =>
            Effect.provideService(
              request(directCalls) as unknown as Effect.Effect<never, Failure, DirectCall>,
              DirectCall,
              { source: identity.serverName, keyId: identity.signingKey.keyId, destination, send },
            ),
          ),
      }
    }),
  )

const makeCall = (group: string, endpoint: HttpApiEndpoint.Top, makeTarget: (given: Given) => string) =>
  Effect.fnUntraced(function* (given: Given = {}): Effect.fn.Return<unknown, Failure, DirectCall> {
    const { source, keyId, destination, send } = yield* DirectCall
    const failed = (reason: FederationUnreachable["reason"], detail?: string) =>
      new FederationUnreachable({ destination, reason, detail })
    const target = yield* Effect.try({ try: () => makeTarget(given), catch: () => failed("unsendable") })
    const request = new DirectRequest({
      source,
      destination,
      meantFor: destination,
      target,
      headers: {},
      group,
      endpoint,
      given,
      keyId,
    })
    const response = yield* send(request).pipe(
      Effect.mapError(({ reason, detail }) => failed(reason, detail)),
      Effect.timeoutOrElse({
        duration: Context.get(endpoint.annotations, AnswerWithin),
        orElse: () => Effect.fail(failed("timed-out")),
      }),
    )
    if (given.responseMode === "response-only" && response.status < 300) return toClientResponse(response)
    return yield* readAnswer(endpoint, response).pipe(
      Effect.mapError((error) => (Schema.isSchemaError(error) ? failed("malformed-answer") : error)),
    )
  })

/** The typed calls, in the form of those that the HTTP client derives. */
const makeCalls = (): FederationCalls => {
  const targets = HttpApiClient.urlBuilder(FederationApi) as unknown as Readonly<
    Record<string, Readonly<Record<string, (given: Given) => string>>>
  >
  const calls: Record<string, Record<string, unknown>> = {}
  HttpApi.reflect(FederationApi, {
    onGroup: ({ group }) => {
      calls[group.identifier] = {}
    },
    onEndpoint: ({ group, endpoint }) => {
      const makeTarget = targets[group.identifier]?.[endpoint.identifier]
      if (makeTarget === undefined) throw new Error(`no path for ${endpoint.identifier}`)
      calls[group.identifier]![endpoint.identifier] = makeCall(group.identifier, endpoint, makeTarget)
    },
  })
  return calls as unknown as FederationCalls
}

const directCalls = makeCalls()
