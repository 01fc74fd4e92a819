/** The calling half of the `direct` transport. */
import { Context, Duration, Effect, Layer, SchemaAST } from "effect"
import { HttpApi, HttpApiClient, type HttpApiEndpoint } from "effect/http-api"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { FederationApi } from "../api.ts"
import { type FederationCalls, FederationClient, FederationUnreachable } from "../client.ts"
import { AnswerWithin } from "../matrix-endpoint.ts"
import type { MatrixError } from "../matrix-error.ts"
import { PathIdentifier } from "../parameters.ts"
import { toClientResponse, type WireError, type WireRequest, type WireResponse } from "../wire.ts"
import { DirectRequest, DirectResponse, type Given, readAnswer } from "./message.ts"

/** Who calls whom, and what carries it. */
interface DirectCall {
  readonly source: string
  readonly keyId: string
  readonly destination: string
  readonly send: DirectSend
}

/** Carries a request and waits so long for its answer. */
export type DirectSend = (request: WireRequest, answerMsMax: number) => Effect.Effect<WireResponse, WireError>

type Failure = MatrixError | FederationUnreachable

/** Calls whose requests cross the network as they are, by `send`. */
export const layerDirectClient = (send: DirectSend): Layer.Layer<FederationClient, never, ServerIdentity> =>
  Layer.effect(
    FederationClient,
    Effect.gen(function* () {
      const identity = yield* ServerIdentity
      return {
        call: <A>(destination: string, request: (api: FederationCalls) => Effect.Effect<A, never, never>) =>
          request(
            callsOf({ source: identity.serverName, keyId: identity.signingKey.keyId, destination, send }),
          ),
      } as unknown as FederationClient["Service"]
    }),
  )

/** As `makeTarget`, where the path has one identifier: most can be written as they are, which is seen without a schema. */
const plainTarget = (
  { path, params }: HttpApiEndpoint.Top,
  makeTarget: (given: Given) => string,
): ((given: Given) => string) => {
  const [, before = "", name = "", after = ""] = /^([^:]*):(\w+)([^:]*)$/.exec(path) ?? []
  const shape = params?.ast
  const isPlain =
    shape !== undefined &&
    SchemaAST.isObjects(shape) &&
    shape.propertySignatures.some((field) => field.name === name && field.type === PathIdentifier.ast)
  if (!isPlain) return makeTarget
  return (given) => {
    const id = (given.params as Readonly<Record<string, unknown>> | undefined)?.[name]
    return given.query === undefined && typeof id === "string" && /^[\w-]+$/.test(id)
      ? before + id + after
      : makeTarget(given)
  }
}

const makeCall = (group: string, endpoint: HttpApiEndpoint.Top, makeTarget: (given: Given) => string) => {
  const answerMsMax = Duration.toMillis(Context.get(endpoint.annotations, AnswerWithin))
  return (
    { source, keyId, destination, send }: DirectCall,
    given: Given,
  ): Effect.Effect<unknown, Failure> => {
    const failed = (reason: FederationUnreachable["reason"], detail?: string) =>
      Effect.fail(new FederationUnreachable({ destination, reason, detail }))
    let target: string
    try {
      target = makeTarget(given)
    } catch {
      return failed("unsendable")
    }
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
    return Effect.matchEffect(send(request, answerMsMax), {
      onFailure: ({ reason, detail }) => failed(reason, detail),
      onSuccess: (response): Effect.Effect<unknown, Failure> => {
        if (given.responseMode === "response-only" && response.status < 300) {
          return Effect.succeed(toClientResponse(response))
        }
        const answer = readAnswer(endpoint, response)
        return response instanceof DirectResponse
          ? (answer as Effect.Effect<unknown, MatrixError>)
          : Effect.catchTag(answer, "SchemaError", () => failed("malformed-answer"))
      },
    })
  }
}

/** The typed calls of one call, in the form of those that the HTTP client derives. */
const makeCalls = (): ((call: DirectCall) => FederationCalls) => {
  const targets = HttpApiClient.urlBuilder(FederationApi) as unknown as Readonly<
    Record<string, Readonly<Record<string, (given: Given) => string>>>
  >
  class Calls {
    readonly call: DirectCall
    constructor(call: DirectCall) {
      this.call = call
    }
  }
  // What a chapter has is made once, and its own object only for a call that speaks of it.
  const chapters = new Map<string, Record<string, unknown>>()
  HttpApi.reflect(FederationApi, {
    onGroup: ({ group }) => {
      class Chapter extends Calls {}
      chapters.set(group.identifier, Chapter.prototype as unknown as Record<string, unknown>)
      Object.defineProperty(Calls.prototype, group.identifier, {
        get(this: Calls) {
          return new Chapter(this.call)
        },
      })
    },
    onEndpoint: ({ group, endpoint }) => {
      const makeTarget = targets[group.identifier]?.[endpoint.identifier]
      if (makeTarget === undefined) throw new Error(`no path for ${endpoint.identifier}`)
      const make = makeCall(group.identifier, endpoint, plainTarget(endpoint, makeTarget))
      chapters.get(group.identifier)![endpoint.identifier] = function (this: Calls, given: Given = {}) {
        return make(this.call, given)
      }
    },
  })
  return (call) => new Calls(call) as unknown as FederationCalls
}

const callsOf = makeCalls()
