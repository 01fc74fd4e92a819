/** A JSON parser that keeps what `JSON.parse` hides, and whose depth is bounded by memory alone. */
import { wordsOf } from "../words.ts"
import { compareCodePoints } from "./encode.ts"
import { keyAt } from "./key-table.ts"
import { JsonFloat, type JsonValue, newObject, repeatedKeys } from "./value.ts"

/** Text that is not JSON, or not the JSON that was asked for. */
export class MalformedJson extends Error {
  readonly problem: string
  /** In UTF-16 units from the start. */
  readonly offset: number
  constructor(problem: string, offset: number) {
    super(`${problem} at offset ${offset}`)
    this.problem = problem
    this.offset = offset
  }
}

/**
 * Parses JSON. `strict` refuses what canonical JSON refuses (rooms/v6 §Canonical JSON): floats, exponents, `-0`,
 * integers beyond 2^53 − 1, repeated keys. `lenient` keeps all that: see `value.ts`. Both refuse invalid UTF-8,
 * lone surrogates, a byte-order mark, and floats too large for a double. `trusted` is for text of one's own: it is
 * lenient, and takes lone surrogates. Throws `MalformedJson`.
 */
export const parseJson = (input: string | Uint8Array, mode: "strict" | "lenient" | "trusted"): JsonValue =>
  typeof input === "string" ? new Parser(input, mode).parse() : parserOf(input, mode).parse()

/** What was received, and whether it came in canonical form: then its bytes are those that `canonicalJsonBytes` gives. */
export interface ReceivedJson {
  readonly value: JsonValue
  readonly isCanonical: boolean
}

/** Parses as `lenient`. */
export const parseReceived = (bytes: Uint8Array): ReceivedJson => {
  const parser = parserOf(bytes, "lenient")
  const value = parser.parse()
  return { value, isCanonical: parser.isCanonical }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const decode = (bytes: Uint8Array): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new MalformedJson("invalid UTF-8", 0)
  }
}

const parserOf = (bytes: Uint8Array, mode: "strict" | "lenient" | "trusted"): Parser =>
  new Parser(decode(bytes), mode, { hasControls: hasControls(bytes) })

/** Whether there are control characters, be it in strings, where none may be, or between them. */
const hasControls = (bytes: Uint8Array): boolean => {
  const { words, others } = wordsOf(bytes)
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    // Where one of its bytes is below 0x20, and only there, this leaves the highest bit of a byte.
    if (((word - 0x20202020) & ~word & 0x80808080) !== 0) return true
  }
  return others.some((byte) => byte < 0x20)
}

type OpenObject = Record<string | symbol, unknown>

/** An array or object whose end has not come yet. */
interface Frame {
  readonly array: JsonValue[] | undefined
  readonly object: OpenObject | undefined
  key: string
  /** Whether each key so far came after the one before it, by code point. */
  isSorted: boolean
}

const zero = 0x30
const isDigit = (unit: number): boolean => unit >= zero && unit <= 0x39
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them
const control = /[\u0000-\u001f]/g

class Parser {
  readonly #text: string
  readonly #strict: boolean
  readonly #trusted: boolean
  /** Whether strings that are written without escapes need not be asked for lone surrogates. */
  readonly #isWellFormed: boolean
  readonly #frames: Frame[] = []
  #at = 0
  #isCanonical = true
  /** Where the next backslash is and the next control character, seen from the string that was read last. */
  #escapeAt = -1
  #controlAt: number

  /** What is known of a text that was decoded: it has no lone surrogates as they are. */
  constructor(
    text: string,
    mode: "strict" | "lenient" | "trusted",
    decoded?: { readonly hasControls: boolean },
  ) {
    this.#text = text
    this.#strict = mode === "strict"
    this.#trusted = mode === "trusted"
    this.#isWellFormed = this.#trusted || decoded !== undefined || text.isWellFormed()
    this.#controlAt = decoded?.hasControls === false ? text.length : -1
  }

  /** Whether what was read so far is the canonical form of what it says. */
  get isCanonical(): boolean {
    return this.#isCanonical
  }

  parse(): JsonValue {
    for (;;) {
      let value = this.#openOrLeaf()
      while (value !== undefined) {
        const frame = this.#frames.at(-1)
        if (frame === undefined) {
          this.#skipSpace()
          if (this.#at < this.#text.length) this.#fail("text after the end")
          return value
        }
        value = this.#put(frame, value)
      }
    }
  }

  /** Reads a leaf or an empty array or object; for any other one opens a frame and gives undefined. */
  #openOrLeaf(): JsonValue | undefined {
    this.#skipSpace()
    const unit = this.#text.charCodeAt(this.#at)
    switch (unit) {
      case 0x7b: {
        this.#at++
        const object: OpenObject = newObject()
        this.#skipSpace()
        if (this.#take(0x7d)) return object as unknown as JsonValue
        this.#frames.push({ array: undefined, object, key: this.#readKey(), isSorted: true })
        return undefined
      }
      case 0x5b: {
        this.#at++
        const array: JsonValue[] = []
        this.#skipSpace()
        if (this.#take(0x5d)) return array
        this.#frames.push({ array, object: undefined, key: "", isSorted: true })
        return undefined
      }
      case 0x22:
        return this.#readString()
      case 0x74:
        return this.#word("true", true)
      case 0x66:
        return this.#word("false", false)
      case 0x6e:
        return this.#word("null", null)
      default:
        return this.#readNumber(unit)
    }
  }

  /** Puts a value where it belongs, and gives the array or object that is complete with it, if one is. */
  #put(frame: Frame, value: JsonValue): JsonValue | undefined {
    if (frame.array !== undefined) frame.array.push(value)
    else this.#assign(frame.object!, frame.key, value, frame.isSorted)
    this.#skipSpace()
    if (this.#take(0x2c)) {
      if (frame.object !== undefined) {
        this.#skipSpace()
        const key = this.#readKey()
        if (compareCodePoints(frame.key, key) >= 0) {
          frame.isSorted = false
          this.#isCanonical = false
        }
        frame.key = key
      }
      return undefined
    }
    if (!this.#take(frame.array === undefined ? 0x7d : 0x5d)) this.#fail("a comma or an end is missing")
    this.#frames.pop()
    return frame.array ?? (frame.object as unknown as JsonValue)
  }

  /** `isNew` where it is known that no such key is there. */
  #assign(object: OpenObject, key: string, value: JsonValue, isNew: boolean): void {
    if (!isNew && key in object) {
      if (this.#strict) this.#fail(`the key ${JSON.stringify(key)} stands twice`)
      const repeated = (object[repeatedKeys] as string[] | undefined) ?? []
      Object.defineProperty(object, repeatedKeys, { value: [...repeated, key], configurable: true })
    }
    object[key] = value
  }

  #readKey(): string {
    if (this.#text.charCodeAt(this.#at) !== 0x22) this.#fail("a key is missing")
    const start = this.#at + 1
    const end = this.#plainEnd(start)
    const key = end < 0 ? this.#readOddString() : keyAt(this.#text, start, end)
    if (end >= 0) this.#at = end + 1
    this.#skipSpace()
    if (!this.#take(0x3a)) this.#fail("a colon is missing")
    return key
  }

  #readString(): string {
    const start = this.#at + 1
    const end = this.#plainEnd(start)
    if (end < 0) return this.#readOddString()
    this.#at = end + 1
    return this.#text.slice(start, end)
  }

  /** Where the string that begins there ends, if all of it stands as it is meant; else -1. */
  #plainEnd(start: number): number {
    const end = this.#text.indexOf('"', start)
    if (end < 0 || !this.#isWellFormed) return -1
    if (this.#escapeAt < start) this.#escapeAt = this.#indexOrEnd(this.#text.indexOf("\\", start))
    if (this.#controlAt < start) {
      control.lastIndex = start
      this.#controlAt = this.#indexOrEnd(control.test(this.#text) ? control.lastIndex - 1 : -1)
    }
    return end < this.#escapeAt && end < this.#controlAt ? end : -1
  }

  #indexOrEnd(index: number): number {
    return index < 0 ? this.#text.length : index
  }

  #readOddString(): string {
    const start = ++this.#at
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at)
      if (unit === 0x22) return this.#checked(this.#text.slice(start, this.#at++), start)
      if (unit === 0x5c) return this.#readEscaped(start)
      if (unit < 0x20 || Number.isNaN(unit)) this.#fail("a string does not end")
      this.#at++
    }
  }

  #readEscaped(start: number): string {
    let text = this.#text.slice(start, this.#at)
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at)
      if (unit === 0x22) {
        this.#at++
        if (this.#isCanonical && JSON.stringify(text) !== this.#text.slice(start - 1, this.#at)) {
          this.#isCanonical = false
        }
        return this.#checked(text, start)
      }
      if (unit < 0x20 || Number.isNaN(unit)) this.#fail("a string does not end")
      if (unit === 0x5c) text += this.#readEscape()
      else {
        const from = this.#at
        let next = unit
        while (next !== 0x22 && next !== 0x5c && next >= 0x20) next = this.#text.charCodeAt(++this.#at)
        text += this.#text.slice(from, this.#at)
      }
    }
  }

  #readEscape(): string {
    const letter = this.#text.charAt(this.#at + 1)
    if (letter === "u") {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6)
      if (!/^[0-9A-Fa-f]{4}$/.test(digits)) this.#fail("an escape is not four hexadecimal digits")
      this.#at += 6
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const meant = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined
    if (meant === undefined) this.#fail("there is no such escape")
    this.#at += 2
    return meant
  }

  #checked(text: string, start: number): string {
    if (!this.#trusted && !text.isWellFormed()) throw new MalformedJson("a lone surrogate", start)
    return text
  }

  #readNumber(first: number): JsonValue {
    const start = this.#at
    const negative = this.#take(0x2d)
    const lead = negative ? this.#text.charCodeAt(this.#at) : first
    if (!isDigit(lead)) this.#fail("a value is missing")
    this.#skipDigits()
    if (lead === zero && this.#at - start > (negative ? 2 : 1)) this.#fail("a number begins with 0")
    const whole = this.#at
    if (this.#take(0x2e)) this.#wantDigits()
    const unit = this.#text.charCodeAt(this.#at)
    if (unit === 0x65 || unit === 0x45) {
      this.#at++
      if (!this.#take(0x2b)) this.#take(0x2d)
      this.#wantDigits()
    }
    const text = this.#text.slice(start, this.#at)
    return this.#at === whole ? this.#integer(text, start) : this.#float(text, start)
  }

  #integer(text: string, start: number): JsonValue {
    const value = Number(text)
    if (Object.is(value, -0)) return this.#float(text, start)
    if (Number.isSafeInteger(value)) return value
    if (this.#strict) throw new MalformedJson(`the integer ${text.slice(0, 40)} is out of range`, start)
    return BigInt(text)
  }

  #float(text: string, start: number): JsonValue {
    if (this.#strict) throw new MalformedJson(`${text.slice(0, 40)} is written as a float`, start)
    this.#isCanonical = false
    const value = Number(text)
    if (!Number.isFinite(value)) throw new MalformedJson(`${text.slice(0, 40)} is out of range`, start)
    return new JsonFloat(value)
  }

  #wantDigits(): void {
    if (!isDigit(this.#text.charCodeAt(this.#at))) this.#fail("digits are missing")
    this.#skipDigits()
  }

  #skipDigits(): void {
    while (isDigit(this.#text.charCodeAt(this.#at))) this.#at++
  }

  #word(word: string, value: JsonValue): JsonValue {
    if (!this.#text.startsWith(word, this.#at)) this.#fail("a value is missing")
    this.#at += word.length
    return value
  }

  #skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at)
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return
      this.#isCanonical = false
      this.#at++
    }
  }

  #take(unit: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== unit) return false
    this.#at++
    return true
  }

  #fail(problem: string): never {
    throw new MalformedJson(problem, this.#at)
  }
}
