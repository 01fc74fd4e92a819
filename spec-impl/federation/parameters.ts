/** Schemas of path and query parameters. */
import { Schema } from "effect"

/**
 * An identifier in a path. What no URL can carry is refused before it is sent: lone surrogates, and the
 * segments `.` and `..` (ids of rooms 1 and 2 are chosen by whoever sends the event).
 */
export const PathIdentifier = Schema.String.check(
  Schema.makeFilter((id: string) => id.isWellFormed() && id !== "." && id !== "..", {
    expected: "an identifier that fits into a path",
  }),
)

/** A query parameter that may be given many times. */
export const Repeated = Schema.Array(Schema.String)
