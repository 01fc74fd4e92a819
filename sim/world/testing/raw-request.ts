/** For tests: requests that no client of this project would send, over the network. */
import { Effect } from "effect"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { canonicalJson, canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import { formatXMatrix, requestSigningBytes } from "#spec-impl/federation/x-matrix.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import type { SigningKey } from "#spec-impl/homeserver/signatures/signing-key.ts"
import type { Played } from "./play.ts"

const signatures = nativeSignatures("libsodium")

/** A request of server `from` to server `to`; what else is said takes the place of what would be right. */
export interface RawRequest {
  readonly from: string
  readonly to: string
  readonly method: string
  /** Path and query as they are sent. */
  readonly target: string
  readonly body?: JsonValue
  /** The body's bytes, where they are to be no canonical JSON; the signature covers the value that they mean. */
  readonly bytes?: Uint8Array
  readonly origin?: string
  readonly destination?: string
  readonly key?: SigningKey
  /** Leaves the Authorization header out. */
  readonly unsigned?: boolean
  /** Undefined: no such header. */
  readonly contentType?: string | undefined
}

/** What was answered: its status, and its body, of which `errcode` is undefined unless it is an error. */
export interface RawAnswer {
  readonly status: number
  readonly errcode: JsonValue | undefined
  readonly body: JsonObject
  /** The body as it is: an endpoint of old answers in pairs. */
  readonly json: JsonValue
  readonly contentType: string | undefined
}

/** Sends it, and gives the answer, whatever its status. */
export const sendRaw = Effect.fnUntraced(function* ({ network, servers }: Played, request: RawRequest) {
  const { from, to, method, target, body } = request
  const { contentType } = { contentType: "application/json", ...request }
  const bytes = request.bytes ?? (body === undefined ? new Uint8Array(0) : canonicalJsonBytes(body))
  const origin = request.origin ?? from
  const destination = request.destination ?? to
  const key = request.key ?? servers.get(from)!.identity.signingKey
  const content = bytes.length === 0 ? {} : { content: canonicalJson(readJson(bytes) ?? null) }
  const message = requestSigningBytes({ method, uri: target, origin, destination, ...content })
  const sig = encodeBase64(signatures.sign(key.seed, message))
  const authorization = formatXMatrix({ origin, destination, key: key.keyId, sig })
  const answer = yield* network.send({
    source: from,
    destination: to,
    method,
    target,
    headers: {
      ...(contentType === undefined ? {} : { "content-type": contentType }),
      ...(request.unsigned ? {} : { authorization }),
    },
    body: bytes,
  })
  const value = readJson(answer.body) ?? {}
  const json = isJsonObject(value) ? value : {}
  return {
    status: answer.status,
    errcode: json.errcode,
    body: json,
    json: value,
    contentType: answer.headers["content-type"],
  } satisfies RawAnswer
})

/** Ways to sign a request that every signed endpoint must answer with 401 M_UNAUTHORIZED. */
export const wrongSignatures: Readonly<Record<string, Partial<RawRequest>>> = {
  "no signature": { unsigned: true },
  "the origin of another server": { origin: "s1" },
  "an origin that does not exist": { origin: "nowhere" },
  "another destination": { destination: "s3" },
}
