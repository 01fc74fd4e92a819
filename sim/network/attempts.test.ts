import fc from "fast-check"
import { expect, test } from "vitest"
import { Attempts } from "./attempts.ts"

const word = fc.oneof(fc.integer(), fc.integer({ min: -3, max: 3 }), fc.constantFrom(2_048, 4_096, -2_048))

test("attempts are counted as in a map for each, of the last so many at least", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word), { maxLength: 600, size: "max" }), (asked) => {
      const keptMin = 150
      const attempts = new Attempts(keptMin)
      let [recent, older] = [new Map<string, number>(), new Map<string, number>()]
      for (const [high, low] of asked) {
        const key = `${high >>> 11} ${low}`
        const attempt = (recent.get(key) ?? older.get(key) ?? 0) + 1
        if (recent.size >= keptMin) [recent, older] = [new Map(), recent]
        recent.set(key, attempt)
        expect(attempts.next(high, low)).toBe(attempt)
      }
    }),
  )
})
