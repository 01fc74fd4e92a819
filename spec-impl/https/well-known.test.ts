/** How long a well-known file holds. */
import { describe, expect, it } from "vitest"
import { errorLifeMs, lifeMs } from "./well-known.ts"

const hourMs = 3_600_000
const nowMs = Date.parse("Thu, 01 Jan 2026 00:00:00 GMT")

describe("the life of a well-known file", () => {
  const lives: readonly (readonly [Readonly<Record<string, string>>, number])[] = [
    [{}, 24 * hourMs],
    [{ "cache-control": "public" }, 24 * hourMs],
    [{ "cache-control": "max-age=60" }, 60_000],
    [{ "cache-control": 'Public, MAX-AGE="60"' }, 60_000],
    [{ "cache-control": "max-age=60", age: "20" }, 40_000],
    [{ "cache-control": "max-age=60", age: "80" }, 0],
    [{ "cache-control": "max-age=60", expires: "Thu, 01 Jan 2026 02:00:00 GMT" }, 60_000],
    [{ "cache-control": "max-age=9999999999" }, 48 * hourMs],
    [{ "cache-control": "max-age=soon" }, 0],
    [{ "cache-control": "max-age=60, no-store" }, 0],
    [{ "cache-control": "no-cache" }, 0],
    [{ expires: "Thu, 01 Jan 2026 02:00:00 GMT" }, 2 * hourMs],
    [{ expires: "Thu, 01 Jan 2026 02:00:00 GMT", date: "Thu, 01 Jan 2026 01:30:00 GMT" }, hourMs / 2],
    [{ expires: "Wed, 31 Dec 2025 00:00:00 GMT" }, 0],
    [{ expires: "0" }, 0],
    [{ expires: "Thu, 01 Jan 2099 00:00:00 GMT" }, 48 * hourMs],
  ]
  for (const [headers, expectedMs] of lives) {
    it(JSON.stringify(headers), () => {
      expect(lifeMs(headers, nowMs)).toBe(expectedMs)
    })
  }

  it("of an error doubles from a minute to an hour, unless the answer says more", () => {
    expect([1, 2, 3, 7, 40].map((failures) => errorLifeMs(failures, undefined, nowMs))).toEqual([
      60_000,
      120_000,
      240_000,
      hourMs,
      hourMs,
    ])
    expect(errorLifeMs(1, { "cache-control": "max-age=600" }, nowMs)).toBe(600_000)
    expect(errorLifeMs(1, { "cache-control": "no-store" }, nowMs)).toBe(60_000)
    expect(errorLifeMs(1, { "cache-control": "max-age=99999" }, nowMs)).toBe(hourMs)
  })
})
