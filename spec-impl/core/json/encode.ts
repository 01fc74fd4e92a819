/** Canonical JSON (appendices §Canonical JSON): shortest form, keys sorted by code point, UTF-8. */
import { JsonFloat, type JsonObject, type JsonValue } from "./value.ts"

/** Orders by code point. UTF-16 order differs: it puts U+10000 and above before U+E000. */
export const compareCodePoints = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const unitA = a.charCodeAt(at)
    const unitB = b.charCodeAt(at)
    if (unitA !== unitB) return inCodePointOrder(unitA) - inCodePointOrder(unitB)
  }
  return a.length - b.length
}

/** Moves surrogates above the rest of the plane, where the code points that they make up belong. */
const inCodePointOrder = (unit: number): number =>
  unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800

const unusual = /[^ !#-[\]-~]/

/** `JSON.stringify` escapes exactly what canonical JSON wants escaped, but for lone surrogates. */
const quote = (text: string): string => (unusual.test(text) ? JSON.stringify(text) : `"${text}"`)

/** Keys in canonical order; most objects come sorted already, and most keys are ASCII. */
const sortedKeys = (object: JsonObject): string[] => {
  const keys = Object.keys(object)
  for (let at = 1; at < keys.length; at++) {
    if (compareCodePoints(keys[at - 1]!, keys[at]!) > 0) return keys.sort(compareCodePoints)
  }
  return keys
}

interface Frame {
  readonly value: JsonObject | readonly JsonValue[]
  readonly keys: readonly string[] | undefined
  next: number
}

/** The canonical form as text. Depth is bounded by memory alone. */
export const canonicalJson = (value: JsonValue): string =>
  isOrdinary(value, ordinaryDepthMax) ? JSON.stringify(value) : encodeOdd(value)

/** What is deeper is looked at once more from further down. */
const ordinaryDepthMax = 16

/** Whether `JSON.stringify` gives the canonical form: most values are in order, since they were read from it. */
const isOrdinary = (value: JsonValue, depthMax: number): boolean => {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return true
  if (typeof value === "number") return Number.isSafeInteger(value)
  if (typeof value !== "object" || value instanceof JsonFloat || depthMax === 0) return false
  if (Array.isArray(value)) {
    for (const item of value) if (!isOrdinary(item, depthMax - 1)) return false
    return true
  }
  let last: string | undefined
  // Objects of JSON inherit nothing that could be enumerated.
  for (const key in value as JsonObject) {
    if (last !== undefined && compareCodePoints(last, key) >= 0) return false
    if (!isOrdinary((value as JsonObject)[key]!, depthMax - 1)) return false
    last = key
  }
  return true
}

/** The same of any value; never recurses. */
const encodeOdd = (value: JsonValue): string => {
  const simple = encodeSimple(value)
  if (simple !== undefined) return simple
  let text = ""
  const frames: Frame[] = []
  let entering: JsonValue | undefined = value
  for (;;) {
    if (entering !== undefined) {
      const frame = open(entering as JsonObject | readonly JsonValue[])
      frames.push(frame)
      text += frame.keys === undefined ? "[" : "{"
      entering = undefined
    }
    const frame = frames.at(-1)
    if (frame === undefined) return text
    const { keys } = frame
    const length = keys === undefined ? (frame.value as readonly JsonValue[]).length : keys.length
    while (frame.next < length) {
      const at = frame.next++
      if (at > 0) text += ","
      let child: JsonValue
      if (keys === undefined) child = (frame.value as readonly JsonValue[])[at]!
      else {
        const key = keys[at]!
        text += `${quote(key)}:`
        child = (frame.value as JsonObject)[key]!
      }
      const whole = encodeAtOnce(child)
      if (whole === undefined) {
        entering = child
        break
      }
      text += whole
    }
    if (entering !== undefined) continue
    text += keys === undefined ? "]" : "}"
    frames.pop()
  }
}

/**
 * What needs no frame: a leaf, or what is ordinary within something odd. Objects in a row, such as a room's events, are
 * looked at one by one: each is written as soon as it was, and the odd one is all that is written slowly.
 */
const encodeAtOnce = (value: JsonValue): string | undefined => {
  if (Array.isArray(value) && typeof value[0] === "object") return undefined
  return encodeSimple(value) ?? (isOrdinary(value, ordinaryDepthMax) ? JSON.stringify(value) : undefined)
}

const open = (value: JsonObject | readonly JsonValue[]): Frame =>
  Array.isArray(value)
    ? { value, keys: undefined, next: 0 }
    : { value, keys: sortedKeys(value as JsonObject), next: 0 }

/** Anything but a non-empty array or object. */
const encodeSimple = (value: JsonValue): string | undefined => {
  switch (typeof value) {
    case "string":
      return quote(value)
    case "number":
      return encodeNumber(value)
    case "bigint":
    case "boolean":
      return String(value)
    default:
      if (value === null) return "null"
      return value instanceof JsonFloat ? encodeNumber(value.value) : undefined
  }
}

/** Whole numbers without fraction or exponent, as the specification's example normalises `-0` and `1e10`. */
const encodeNumber = (value: number): string => {
  if (!Number.isFinite(value)) throw new Error(`${value} cannot be written as JSON`)
  if (Object.is(value, -0)) return "0"
  return Number.isInteger(value) && Math.abs(value) >= 1e21 ? BigInt(value).toString() : String(value)
}

const encoder = new TextEncoder()

/** The canonical form as bytes. */
export const canonicalJsonBytes = (value: JsonValue): Uint8Array => encoder.encode(canonicalJson(value))

/** A UTF-16 unit takes six bytes at most, as an escape; a safe integer 17, with what stands around it fewer than 32. */
const unitBytesMax = 6
const leafBytesMax = 32

/** As many bytes as the canonical form takes, or more: without writing it. */
export const encodedBytesMax = (value: JsonValue): number => {
  let bytes = 0
  const waiting: JsonValue[] = [value]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    bytes += leafBytesMax
    if (typeof next === "string") bytes += next.length * unitBytesMax
    else if (typeof next === "number") bytes += Number.isSafeInteger(next) ? 0 : largestNumberBytes
    else if (typeof next === "bigint") bytes += next.toString().length
    else if (next instanceof JsonFloat) bytes += largestNumberBytes
    else if (Array.isArray(next)) for (const item of next) waiting.push(item)
    else if (typeof next === "object" && next !== null) {
      for (const key in next) {
        bytes += key.length * unitBytesMax
        waiting.push((next as JsonObject)[key]!)
      }
    }
  }
  return bytes
}

/** `Number.MAX_VALUE`, whole: 309 digits. */
const largestNumberBytes = 310
