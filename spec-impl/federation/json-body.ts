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

const bodySchemas = new WeakMap<object, Schema.Constraint>()

/** Notes what the JSON in a body is like, for `schemaOfBody`. */
const described = <S extends Schema.Top>(body: S, schema: Schema.Constraint): S => {
  bodySchemas.set(body, schema)
  return body
}

/** The schema that `jsonBody` was given; undefined for what it did not make. */
export const schemaOfBody = (body: object): Schema.Constraint | undefined => bodySchemas.get(body)

/** The body of a request or an answer: JSON as `schema` describes it. */
export const jsonBody = <S extends Schema.Top>(schema: S) => {
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
  return described(body, schema)
}
