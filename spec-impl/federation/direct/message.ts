/**
 * What crosses the `direct` transport: typed calls in the shape of what crosses the wire, so that a network treats
 * both alike. Bytes are made only for who asks: a rule that looks at them or changes them.
 */
import { Effect, Schema } from "effect"
import type { HttpApiEndpoint } from "effect/http-api"
import { canonicalJsonBytes } from "../../core/json/encode.ts"
import type { JsonValue } from "../../core/json/value.ts"
import { type MatrixError, matrixErrorFromAnswer } from "../matrix-error.ts"
import type { WireRequest, WireResponse } from "../wire.ts"

/** The arguments of a typed call. */
export interface Given {
  readonly params?: unknown
  readonly query?: unknown
  readonly payload?: JsonValue
  /** Where the head of the answer is wanted: then it is not decoded. */
  readonly responseMode?: "response-only"
}

const nothing = new Uint8Array(0)

/** A typed call on its way to `destination`. */
export class DirectRequest implements WireRequest {
  readonly source: string
  readonly destination: string
  /** The server that it is signed for: names may lead it to another. */
  readonly meantFor: string
  readonly target: string
  readonly headers: WireRequest["headers"]
  readonly group: string
  readonly endpoint: HttpApiEndpoint.Top
  readonly given: Given
  /** The key with which the request would be signed. */
  readonly keyId: string

  constructor(call: Omit<DirectRequest, "method" | "body" | "sentTo">) {
    this.source = call.source
    this.destination = call.destination
    this.meantFor = call.meantFor
    this.target = call.target
    this.headers = call.headers
    this.group = call.group
    this.endpoint = call.endpoint
    this.given = call.given
    this.keyId = call.keyId
  }

  /** The same call on its way to whoever listens where the name led. */
  sentTo(destination: string, headers: WireRequest["headers"]): DirectRequest {
    return new DirectRequest({ ...this, destination, headers })
  }

  get method(): string {
    return this.endpoint.method
  }

  get body(): Uint8Array {
    return this.given.payload === undefined ? nothing : canonicalJsonBytes(this.given.payload)
  }
}

/** What a handler gave: a value of the endpoint's success type, or an error. */
export type Result =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "error"; readonly error: MatrixError }

/** A typed answer on its way back. */
export class DirectResponse implements WireResponse {
  readonly headers = {}
  readonly result: Result

  constructor(result: Result) {
    this.result = result
  }

  get status(): number {
    return this.result.kind === "value" ? 200 : this.result.error.status
  }

  get body(): Uint8Array {
    return canonicalJsonBytes(
      this.result.kind === "value" ? (this.result.value as JsonValue) : this.result.error.body,
    )
  }
}

/** What an answer means to who called `endpoint`; one that a rule made or changed is read from its bytes. */
export const readAnswer = (
  endpoint: HttpApiEndpoint.Top,
  response: WireResponse,
): Effect.Effect<unknown, MatrixError | Schema.SchemaError> => {
  if (response instanceof DirectResponse) {
    return response.result.kind === "value"
      ? Effect.succeed(response.result.value)
      : Effect.fail(response.result.error)
  }
  if (response.status < 200 || response.status >= 300) {
    return Effect.fail(matrixErrorFromAnswer(response.status, response.body, response.headers))
  }
  const [success] = endpoint.success
  return Schema.decodeUnknownEffect(success as unknown as Schema.ConstraintDecoder<unknown>)(response.body)
}
