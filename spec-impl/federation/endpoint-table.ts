/**
 * The endpoints of the API as a server needs them that is asked in bytes: by method and path, with what reads the parts
 * of a request and writes an answer by their schemas. All servers of a process share one table.
 */
import { Result, Schema } from "effect"
import { FindMyWay } from "effect/http"
import { HttpApi, type HttpApiEndpoint } from "effect/http-api"
import { FederationApi } from "./api.ts"
import { Authentication } from "./authentication.ts"
import { contentOfBody } from "./json-body.ts"
import { routerConfig } from "./router-config.ts"
import { pathsOf } from "./unsupported.ts"

type Convert = (input: unknown) => Result.Result<unknown, Schema.SchemaError>

/** An endpoint; a part that it does not have is undefined. */
export interface ServedEndpoint {
  readonly group: string
  readonly endpoint: HttpApiEndpoint.Top
  /** Whether it answers signed requests only. */
  readonly isSigned: boolean
  readonly readParams: Convert | undefined
  readonly readQuery: Convert | undefined
  readonly readPayload: Convert | undefined
  /** Undefined where handlers make whole answers themselves. */
  readonly writeAnswer: Convert | undefined
}

/** An endpoint, and what the path and query of a request say. */
export type FoundEndpoint = FindMyWay.FindResult<ServedEndpoint>

const endpoints = FindMyWay.make<ServedEndpoint>(routerConfig)

type Decodable = Schema.ConstraintDecoder<unknown>
type Encodable = Schema.ConstraintEncoder<unknown>

const reading = (schema: Schema.Constraint | undefined): Convert | undefined =>
  schema === undefined ? undefined : Schema.decodeUnknownResult(schema as Decodable)

/** By the schema of a body, or as it is where that would change nothing. */
const ofBody = (
  body: object | undefined,
  convert: (schema: Schema.Constraint) => Convert,
): Convert | undefined => {
  const content = body === undefined ? undefined : contentOfBody(body)
  if (content === undefined) return undefined
  const bySchema = convert(content.schema)
  return (input) => (content.isPlain(input) ? Result.succeed(input) : bySchema(input))
}

const served = (group: string, endpoint: HttpApiEndpoint.Top): ServedEndpoint => {
  const { params, query } = endpoint
  const [payload] = [...endpoint.payload.values()].flatMap(({ schemas }) => schemas)
  const [success] = endpoint.success
  return {
    group,
    endpoint,
    isSigned: endpoint.middlewares.has(Authentication),
    readParams: reading(params),
    readQuery: reading(query === undefined ? undefined : Schema.toCodecArrayFromSingle(query)),
    readPayload: ofBody(payload, (schema) => Schema.decodeUnknownResult(schema as Decodable)),
    writeAnswer: ofBody(success, (schema) => Schema.encodeUnknownResult(schema as Encodable)),
  }
}

HttpApi.reflect(FederationApi, {
  onGroup: () => undefined,
  onEndpoint: ({ group, endpoint }) => {
    const path = endpoint.path as FindMyWay.PathInput
    endpoints.on(endpoint.method, path, served(group.identifier, endpoint))
  },
})

/** The endpoint that answers a request for `target`, path and query, with that method. RFC 9110 §9.3.2: HEAD as GET. */
export const findEndpoint = (method: string, target: string): FoundEndpoint | undefined =>
  endpoints.find(method as "GET", target) ?? (method === "HEAD" ? endpoints.find("GET", target) : undefined)

/** Whether some method is answered there. */
export const isKnownPath = pathsOf(FederationApi)
