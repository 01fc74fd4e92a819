/** The receiving half of request authentication (server-server API §Request Authentication). */
import { Effect } from "effect"
import { decodeBase64 } from "../core/base64.ts"
import { isServerName } from "../core/identifiers.ts"
import { canonicalJson } from "../core/json/encode.ts"
import type { JsonObject } from "../core/json/value.ts"
import { ServerIdentity } from "../homeserver/identity.ts"
import { KeyRing } from "../homeserver/key-ring.ts"
import { Signatures } from "../homeserver/signatures/signatures.ts"
import { Stopwatch } from "../homeserver/stopwatch.ts"
import { type MatrixError, unauthorised } from "./matrix-error.ts"
import type { WireRequest } from "./wire-message.ts"
import { parseXMatrices, requestSigningBytes, type XMatrix } from "./x-matrix.ts"

/** What a body says. */
export interface Content {
  readonly object: JsonObject
  /** Whether the body is the canonical form of that, as what most servers send. */
  readonly isCanonical: boolean
}

/** Tells who signed a request, whose body was read, for this server with a key that is valid now; fails where nobody did. */
export type Authenticate = (
  request: WireRequest,
  content: Content | undefined,
) => Effect.Effect<string, MatrixError>

/** What the header states, all of one origin and for this server; or what is wrong with it. */
const readStated = (
  request: WireRequest,
  serverName: string,
): { readonly origin: string; readonly stated: readonly XMatrix[] } | string => {
  const header = request.headers.authorization
  if (header === undefined) return "the request is not signed"
  const stated = parseXMatrices(header)
  const origin = stated?.[0]?.origin
  if (stated === undefined || origin === undefined || !isServerName(origin)) {
    return "the Authorization header cannot be read"
  }
  if (stated.some((one) => one.origin !== origin)) return "the Authorization headers are of several servers"
  const elsewhere = stated.find(({ destination = serverName }) => destination !== serverName)?.destination
  return elsewhere === undefined
    ? { origin, stated }
    : `the request is for ${elsewhere}, and this is ${serverName}`
}

/** By the identity and the keys of the server at hand. */
export const makeAuthenticate = Effect.gen(function* () {
  const { serverName } = yield* ServerIdentity
  const keyRing = yield* KeyRing
  const signatures = yield* Signatures
  const stopwatch = yield* Stopwatch

  /** As with the signatures of an event: those by unknown keys do not count, all others must hold. */
  const verify = Effect.fnUntraced(function* (
    origin: string,
    stated: readonly XMatrix[],
    message: Uint8Array,
    since: number,
  ) {
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
    if (unknown.length === stated.length) return yield* unauthorised(unknown.join("; "))
    stopwatch.add("signatures", since)
    return origin
  })

  const authenticate: Authenticate = (request, content) => {
    const since = stopwatch.now()
    const read = readStated(request, serverName)
    if (typeof read === "string") return Effect.fail(unauthorised(read))
    const { origin, stated } = read
    const message = requestSigningBytes({
      ...{ method: request.method, uri: request.target, origin, destination: serverName },
      ...(content === undefined
        ? {}
        : { content: content.isCanonical ? request.body : canonicalJson(content.object) }),
    })
    return verify(origin, stated, message, since)
  }
  return authenticate
})
