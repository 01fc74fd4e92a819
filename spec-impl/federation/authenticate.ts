/** The receiving half of request authentication (server-server API §Request Authentication). */
import { Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { decodeBase64 } from "../core/base64.ts"
import { isServerName } from "../core/identifiers.ts"
import { canonicalJson } from "../core/json/encode.ts"
import { ServerIdentity } from "../homeserver/identity.ts"
import { KeyRing } from "../homeserver/key-ring.ts"
import { Signatures } from "../homeserver/signatures/signatures.ts"
import { Stopwatch } from "../homeserver/stopwatch.ts"
import { Authentication, Origin } from "./authentication.ts"
import { ReceivedBody } from "./json-body.ts"
import { unauthorised } from "./matrix-error.ts"
import { parseXMatrices, requestSigningBytes } from "./x-matrix.ts"

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
      const stated = parseXMatrices(header)
      const origin = stated?.[0]?.origin
      if (stated === undefined || origin === undefined || !isServerName(origin)) {
        return yield* unauthorised("the Authorization header cannot be read")
      }
      if (stated.some((one) => one.origin !== origin)) {
        return yield* unauthorised("the Authorization headers are of several servers")
      }
      const elsewhere = stated.find(({ destination = serverName }) => destination !== serverName)?.destination
      if (elsewhere !== undefined) {
        return yield* unauthorised(`the request is for ${elsewhere}, and this is ${serverName}`)
      }
      const message = requestSigningBytes({
        method: request.method,
        uri: request.url,
        origin,
        destination: serverName,
        ...(body.content === undefined ? {} : { content: canonicalJson(body.content) }),
      })
      // As with the signatures of an event: those by unknown keys do not count, all others must hold.
      const unknown: string[] = []
      for (const { key, sig } of stated) {
        const found = yield* Effect.result(keyRing.keyForRequest(origin, key))
        if (found._tag === "Failure") {
          unknown.push(`${key} of ${origin}: ${found.failure.reason}`)
          continue
        }
        const signature = decodeBase64(sig)
        if (signature === undefined || !signatures.verify(found.success, message, signature)) {
          return yield* unauthorised(`the signature with ${key} of ${origin} is wrong`)
        }
      }
      return unknown.length < stated.length ? origin : yield* unauthorised(unknown.join("; "))
    })

    return (handler) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const stopwatch = yield* Stopwatch
        const since = stopwatch.now()
        const origin = yield* originOf(request, yield* ReceivedBody)
        stopwatch.add("signatures", since)
        return yield* Effect.provideService(handler, Origin, origin)
      })
  }),
)
