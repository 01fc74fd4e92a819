/**
 * JSON as Matrix needs it: with what `JSON.parse` would hide.
 *
 * A number is a `number` where it was written as an integer within ±(2^53 − 1), a `bigint` where it was
 * written as a larger integer, and a `JsonFloat` where it was written in any other way (`1.0`, `1e3`, `-0`,
 * `0.5`). So the canonical rule of rooms 6+ can be checked on a value long after it was parsed.
 */
export type JsonValue = null | boolean | number | bigint | JsonFloat | string | JsonArray | JsonObject

export type JsonArray = readonly JsonValue[]

/** Objects from the parser inherit nothing, so that `__proto__` is a key like any other (`newObject`). */
export interface JsonObject {
  readonly [key: string]: JsonValue
}

/** A number that canonical JSON forbids: written with a fraction, an exponent, or as `-0`. */
export class JsonFloat {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** On an object in which a key stood more than once: the repeated keys. The last value is the one kept. */
export const repeatedKeys: unique symbol = Symbol("repeatedKeys")

/** True for a JSON object: neither null, nor an array, nor a float. */
export const isJsonObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat)

/** True for a JSON array. */
export const isJsonArray = (value: JsonValue | undefined): value is JsonArray => Array.isArray(value)

/** An integer of any size; never a float, even one of whole value. */
export const isJsonInteger = (value: JsonValue | undefined): value is number | bigint =>
  typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value))

/** `Object.create(null)` would do, but V8 makes hash tables of such objects: larger, and slower to read. */
// biome-ignore lint/complexity/useArrowFunction: an arrow function cannot make objects.
const Plain = function () {} as unknown as new () => object
Plain.prototype = Object.freeze(Object.create(null))

/** An empty object that inherits nothing. */
export const newObject = <A>(): Record<string, A> => new Plain() as Record<string, A>
