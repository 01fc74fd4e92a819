/** What JSON weighs before it is parsed. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { jsonWeight } from "./json-weight.ts"

it("counts each comma and each beginning of an array or object, wherever in memory the bytes are", () => {
  const counted = new Set([..."[{,"].map((sign) => sign.charCodeAt(0)))
  const bytes = fc.array(fc.oneof(fc.constantFrom(...counted), fc.integer({ min: 0, max: 0xff })), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(bytes, fc.integer({ min: 0, max: 7 }), (given, offset) => {
      const placed = new Uint8Array([...Array(offset).fill(0x2c), ...given]).subarray(offset)
      const values = given.filter((byte) => counted.has(byte)).length + 1
      expect(jsonWeight(placed)).toBe(3 * given.length + 200 * values)
    }),
  )
})
