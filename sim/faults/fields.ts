/** The fields that faults are made of, each with what it means and what holds where it is left out. */
import { Effect, Schema } from "effect"

/** What a field says of itself, for the table of all faults. */
export interface FieldDoc {
  readonly about: string
  /** What holds where it is left out; undefined where it may not be. */
  readonly otherwise: string | undefined
}

const docs = new WeakMap<object, FieldDoc>()

const documented = <S extends object>(schema: S, doc: FieldDoc): S => {
  docs.set(schema, doc)
  return schema
}

/** What `wanted`, `optional` or `withDefault` were told of a field. */
export const fieldDoc = (field: object): FieldDoc => {
  const doc = docs.get(field)
  if (doc === undefined) throw new Error("a field of a fault has no documentation")
  return doc
}

/** A field that must be there. */
export const wanted = <S extends Schema.Top>(schema: S, about: string): S["Rebuild"] => {
  // A schema of its own, for the documentation to be that of this field alone.
  const field: S["Rebuild"] = schema.annotate({ description: about })
  return documented(field as S["Rebuild"] & object, { about, otherwise: undefined })
}

/** A field that may be left out; `otherwise` says what holds then. */
export const optional = <S extends Schema.Constraint>(schema: S, otherwise: string, about: string) =>
  documented(Schema.optionalKey(schema), { about, otherwise })

/** A field that may be left out, and has that value then. */
export const withDefault = <S extends Schema.Constraint>(schema: S, value: S["Encoded"], about: string) =>
  documented(Schema.withDecodingDefaultKey<S>(Effect.succeed(value))(schema), {
    about,
    otherwise: JSON.stringify(value),
  })

/** A part of all cases, from none to all of them. */
export const Share = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
/** A length of virtual time. */
export const Milliseconds = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10 * 366 * 86_400_000 }))
/** One name at least. */
export const Names = Schema.Array(Schema.String).check(Schema.isMinLength(1))
export const Direction = Schema.Literals(["both", "one-way"])
/** Two ends of links: from the first to the second, and back where the direction is `both`. */
const Ends = Schema.Tuple([Schema.String, Schema.String])
export const Links = Schema.Array(Ends).check(Schema.isMinLength(1))

/** Which links a fault is on. */
export const linkFields = {
  between: optional(Links, "all links", "pairs of servers, whose links it is on"),
  direction: withDefault(
    Direction,
    "both",
    "`one-way`: on the requests of the first of a pair to the second alone",
  ),
}

/** Which requests a fault strikes. */
export const requestFields = {
  ...linkFields,
  endpoints: optional(
    Names,
    "all endpoints",
    "beginnings of paths, as they stand behind the version: `send`, `state_ids`, `user/devices`",
  ),
  rooms: optional(Names, "all rooms", "rooms that a request must be about"),
}

/** Which part of them. */
export const shareOf = (value: number) =>
  withDefault(Share, value, "the part of such requests that it strikes, each attempt drawn by itself")
