import { canonicalIntegerMax } from "../limits.ts"
import type { Readings } from "../readings.ts"
import { isJsonArray, JsonFloat, type JsonObject, type JsonValue, repeatedKeys } from "./value.ts"

/** Objects from the lenient parser in which a key stood more than once carry this mark. */
interface Marked {
  readonly [repeatedKeys]?: readonly string[]
}

/**
 * What makes a value not canonical by the rules of rooms 6+ (rooms/v6 §Canonical JSON), or undefined: a float,
 * an exponent, `-0`, an integer beyond 2^53 − 1, a key that stands twice (but not by the reading `last-wins`).
 */
export const canonicalProblem = (
  value: JsonValue,
  repeated: Readings["repeatedKeys"] = "refused",
): string | undefined => {
  const waiting: JsonValue[] = [value]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const problem = problemOf(next) ?? (repeated === "refused" ? repetitionIn(next) : undefined)
    if (problem !== undefined) return problem
    if (isJsonArray(next)) for (const item of next) waiting.push(item)
    else if (typeof next === "object" && next !== null && !(next instanceof JsonFloat)) {
      for (const key in next) waiting.push((next as JsonObject)[key]!)
    }
  }
  return undefined
}

const problemOf = (value: JsonValue): string | undefined => {
  if (typeof value === "bigint") return `the integer ${value} is out of range`
  if (typeof value === "number") {
    if (!Number.isInteger(value) || Object.is(value, -0)) return `${value} is not an integer`
    return Math.abs(value) > canonicalIntegerMax ? `the integer ${value} is out of range` : undefined
  }
  if (value instanceof JsonFloat) return `${value.value} is written as a float`
  return undefined
}

const repetitionIn = (value: JsonValue): string | undefined => {
  const repeated = typeof value === "object" && value !== null ? (value as Marked)[repeatedKeys] : undefined
  return repeated === undefined ? undefined : `the key ${JSON.stringify(repeated[0])} stands twice`
}
