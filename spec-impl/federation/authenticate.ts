/** The receiving half of request authentication (server-server API §Request Authentication). */
import { Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { decodeBase64 } from "../core/base64.ts"
import { isServerName } from "../core/identifiers.ts"
import { canonicalJson } from "../core/json/encode.ts"
import { ServerIdentity } from "../homeserver/identity.ts"
import { KeyRing } from "../homeserver/key-ring.ts"
import { Signatures } from "../homeserver/signatures/signatures.ts"
import { Authentication, Origin } from "./authentication.ts"
import { ReceivedBody } from "./json-body.ts"
import { unauthorised } from "./matrix-error.ts"
import { parseXMatrix, requestSigningBytes } from "./x-matrix.ts"

/** Lets through what its origin signed for this server with a key that is valid now, and tells who that is. */
export const layerAuthentication = Layer.effect(
  Authentication,
  Effect.gen(function* () {
    const { serverName } = yield* ServerIdentity
    const keyRing = yield* KeyRing
    const signatures = yield* Signatures

    const originOf = Effect.fnUntraced(function* (
      request: HttpServerRequest.HttpServerRequest,
      body: ReceivedBody["Service"],
    ) {
      const header = request.headers.authorization
      if (header === undefined) return yield* unauthorised("the request is not signed")
      const stated = parseXMatrix(header)
      if (stated === undefined || !isServerName(stated.origin)) {
        return yield* unauthorised("the Authorization header cannot be read")
      }
      if (stated.destination !== undefined && stated.destination !== serverName) {
        return yield* unauthorised(`the request is for ${stated.destination}, and this is ${serverName}`)
      }
      const publicKey = yield* keyRing
        .keyForRequest(stated.origin, stated.key)
        .pipe(Effect.mapError(({ reason }) => unauthorised(`${stated.key} of ${stated.origin}: ${reason}`)))
      const message = requestSigningBytes({
        method: request.method,
        uri: request.url,
        origin: stated.origin,
        destination: serverName,
        ...(body.content === undefined ? {} : { content: canonicalJson(body.content) }),
      })
      const signature = decodeBase64(stated.sig)
      if (signature === undefined || !signatures.verify(publicKey, message, signature)) {
        return yield* unauthorised(`the signature with ${stated.key} of ${stated.origin} is wrong`)
      }
      return stated.origin
    })

    return (handler) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const origin = yield* originOf(request, yield* ReceivedBody)
        return yield* Effect.provideService(handler, Origin, origin)
      })
  }),
)
