/** Values and strings as text that SQLite keeps as it is: no NUL, no lone surrogate. */
import { parseJson } from "../../core/json/parse.ts"
import { isJsonArray, JsonFloat, type JsonObject, type JsonValue } from "../../core/json/value.ts"

/**
 * The JSON text from which `readKept` makes the same value: floats, large integers, lone surrogates, `__proto__`,
 * any depth. Only the mark of repeated keys is left out, which nobody asks for once a PDU is taken in. Throws where
 * the value is not JSON.
 */
export const writeKept = (value: JsonValue): string => {
  try {
    const text = JSON.stringify(value)
    if (!text.includes(floatInDisguise)) return text
  } catch {
    // A bigint, or too deep.
  }
  return writeSlowly(value)
}

/** What `JSON.stringify` makes of a `JsonFloat`, and of some objects. */
const floatInDisguise = '{"value":'

/** The value of which `writeKept` made the text. */
export const readKept = (text: string): JsonValue => parseJson(text, "trusted")

/** A string as text of SQLite's: itself, but for what JSON escapes. */
export const writeText = (string: string): string =>
  escaped.test(string) ? JSON.stringify(string).slice(1, -1) : string

/** The string of which `writeText` made the text. */
export const readText = (text: string): string => (text.includes("\\") ? JSON.parse(`"${text}"`) : text)

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is for
const escaped = /["\\\u0000-\u001f\ud800-\udfff]/

type Steps = Iterator<readonly [prefix: string, value: JsonValue]>

/** An array or object whose end has not come yet. */
interface Frame {
  readonly steps: Steps
  readonly end: string
}

/** Without recursion, so that depth is bounded by memory alone. */
const writeSlowly = (value: JsonValue): string => {
  const parts: string[] = []
  const frames: Frame[] = []
  const enter = (entered: JsonValue): void => {
    const leaf = leafText(entered)
    if (leaf !== undefined) parts.push(leaf)
    else if (isJsonArray(entered)) {
      parts.push("[")
      frames.push({ steps: itemsOf(entered), end: "]" })
    } else {
      parts.push("{")
      frames.push({ steps: membersOf(entered as JsonObject), end: "}" })
    }
  }
  enter(value)
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const step = frame.steps.next()
    if (step.done === true) {
      parts.push(frame.end)
      frames.pop()
    } else {
      parts.push(step.value[0])
      enter(step.value[1])
    }
  }
  return parts.join("")
}

function* itemsOf(array: readonly JsonValue[]): Steps {
  let prefix = ""
  for (const item of array) {
    yield [prefix, item]
    prefix = ","
  }
}

/** As `JSON.stringify` does, it leaves out what is undefined. */
function* membersOf(object: JsonObject): Steps {
  let prefix = ""
  for (const key of Object.keys(object)) {
    const value = object[key]
    if (value === undefined) continue
    yield [`${prefix}${JSON.stringify(key)}:`, value]
    prefix = ","
  }
}

/** Anything but an array or object. */
const leafText = (value: JsonValue): string | undefined => {
  if (value instanceof JsonFloat) return floatText(value.value)
  if (typeof value === "bigint") return String(value)
  return typeof value === "object" && value !== null ? undefined : JSON.stringify(value)
}

/** A number that the parser takes for a float. */
const floatText = (value: number): string => {
  if (!Number.isFinite(value)) throw new Error(`${value} cannot be written as JSON`)
  const text = Object.is(value, -0) ? "-0" : String(value)
  return /^\d+$|^-[1-9]\d*$/.test(text) ? `${text}.0` : text
}
