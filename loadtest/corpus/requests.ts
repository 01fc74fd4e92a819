/** Requests as the origin signs them for the target (server-server API §Request Authentication). */
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { formatXMatrix, requestSigningBytes } from "#spec-impl/federation/x-matrix.ts"
import type { SigningKey } from "#spec-impl/homeserver/signatures/signing-key.ts"
import type { CorpusRequest } from "./format.ts"
import { signatures } from "./origin-identity.ts"

/** From whom to whom. */
export interface Relation {
  readonly origin: string
  readonly target: string
  readonly signingKey: SigningKey
}

/** The request with its `Authorization`; `body` must be canonical JSON. */
export const signRequest = (
  { origin, target: destination, signingKey }: Relation,
  request: Omit<CorpusRequest, "authorization">,
): CorpusRequest => {
  const { method, path: uri, body } = request
  const content = body === undefined ? {} : { content: body }
  const message = requestSigningBytes({ method, uri, origin, destination, ...content })
  const sig = encodeBase64(signatures.sign(signingKey.seed, message))
  return { ...request, authorization: formatXMatrix({ origin, destination, key: signingKey.keyId, sig }) }
}

/** The path of an endpoint, its parameters encoded. */
export const pathOf = (version: "v1" | "v2", endpoint: string, ...parameters: readonly string[]): string =>
  `/_matrix/federation/${version}/${[endpoint, ...parameters.map(encodeURIComponent)].join("/")}`
