/** What is read is what was written: all that our JSON has, and strings of any kind. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { JsonFloat, type JsonValue } from "../../core/json/value.ts"
import { readKept, readText, writeKept, writeText } from "./kept-json.ts"

const anyString = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 })
  .map((units) => String.fromCharCode(...units))

const anyValue: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 70n }),
    fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => new JsonFloat(value)),
    anyString,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(anyString, fc.constantFrom("value", "__proto__")), tie("value"), { maxKeys: 4 }),
  ),
})).value

describe("kept text", () => {
  it("gives back any value, with its floats and large integers, and has neither NUL nor lone surrogate", () =>
    fc.assert(
      fc.property(anyValue, (value) => {
        const text = writeKept(value)
        expect(text.isWellFormed() && !text.includes("\u0000")).toBe(true)
        const read = readKept(text)
        expect(read).toEqual(value)
        expect(writeKept(read)).toBe(text)
      }),
      { numRuns: 1_000 },
    ))

  it("tells a float from an integer and from an object", () => {
    expect(readKept(writeKept([1, new JsonFloat(1), { value: 1 }]))).toStrictEqual([
      1,
      new JsonFloat(1),
      Object.assign(Object.create(null), { value: 1 }),
    ])
  })

  it("has any depth", () => {
    const text = `${"[".repeat(100_000)}1${"]".repeat(100_000)}`
    expect(writeKept(readKept(text))).toBe(text)
  })

  it("gives back any string, each its own", () =>
    fc.assert(
      fc.property(anyString, anyString, (a, b) => {
        expect(readText(writeText(a))).toBe(a)
        expect(writeText(a) === writeText(b)).toBe(a === b)
        expect(writeText(a).isWellFormed() && !writeText(a).includes("\u0000")).toBe(true)
      }),
      { numRuns: 1_000 },
    ))
})
