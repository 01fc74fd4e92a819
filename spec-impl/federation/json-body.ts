/**
 * JSON bodies for HttpApi that keep what `JSON.parse` would hide: bodies are bytes of type
 * `application/json`, read by core's own parser and written in its canonical form.
 */
import { Effect, Schema, SchemaGetter, SchemaIssue, SchemaTransformation } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { canonicalJsonBytes } from "../core/json/encode.ts"
import { parseJson, parseReceived, type ReceivedJson } from "../core/json/parse.ts"
import { isJsonInteger, isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"

/** The JSON value in `bytes`, read leniently, or undefined where it is no JSON. */
export const readJson = (bytes: Uint8Array): JsonValue | undefined => {
  try {
    return parseJson(bytes, "lenient")
  } catch {
    return undefined
  }
}

/** The same, with whether it came in canonical form. */
export const receiveJson = (bytes: Uint8Array): ReceivedJson | undefined => {
  try {
    return parseReceived(bytes)
  } catch {
    return undefined
  }
}

/** Any JSON value. */
export const AnyJson = Schema.declare<JsonValue>((_input): _input is JsonValue => true)

/** How documents describe what is no more than looked at here: as `schema`. */
const describedAs = <T>(schema: Schema.Constraint) => ({
  toCodecJson: () =>
    Schema.link<T>()(schema, {
      decode: SchemaGetter.transform((value) => value as T),
      encode: SchemaGetter.transform((value: T): unknown => value),
    }),
})

/** A JSON object whose insides the API leaves to the core: PDUs, EDUs, key objects. */
export const AnyJsonObject = Schema.declare<JsonObject>(
  (input): input is JsonObject => isJsonObject(input as JsonValue),
  { expected: "a JSON object", ...describedAs<JsonObject>(Schema.Record(Schema.String, Schema.Unknown)) },
)

/** An integer of any size. */
export const AnyJsonInteger = Schema.declare<number | bigint>(
  (input): input is number | bigint => isJsonInteger(input as JsonValue),
  { expected: "an integer", ...describedAs<number | bigint>(Schema.Int) },
)

const json = HttpApiSchema.asUint8Array({ contentType: "application/json" })

/** What the JSON in a body is like. */
interface BodyContent {
  readonly schema: Schema.Constraint
  /** Tells of a value that can be taken as it is. */
  readonly isPlain: (value: unknown) => boolean
}

const bodyContents = new WeakMap<object, BodyContent>()

/** What `jsonBody` was given; undefined for what it did not make. */
export const contentOfBody = (body: object): BodyContent | undefined => bodyContents.get(body)

/**
 * The body of a request or an answer: JSON as `schema` describes it. What `isPlain` holds for fits that, and who serves
 * takes it as it is: where a request is little more than two checks of signatures, reading by the schema is a thirtieth.
 */
export const jsonBody = <S extends Schema.Top>(
  schema: S,
  isPlain: (value: JsonValue | undefined) => boolean = () => false,
) => {
  const body = Schema.Uint8Array.pipe(
    Schema.decodeTo(
      schema,
      SchemaTransformation.transformEffect<S["Encoded"], Uint8Array>({
        decode: (bytes, options) => {
          const value = readJson(bytes)
          return value === undefined
            ? Effect.fail(new SchemaIssue.InvalidValue({ expected: "JSON" }, undefined, options))
            : Effect.succeed(value as S["Encoded"])
        },
        encode: (value) => Effect.sync(() => canonicalJsonBytes(value as JsonValue)),
      }),
    ),
    json,
  )
  bodyContents.set(body, { schema, isPlain: (value) => isPlain(value as JsonValue | undefined) })
  return body
}
