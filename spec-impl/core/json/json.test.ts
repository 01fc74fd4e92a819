/** The parser keeps what JSON.parse hides, refuses what it must, and never crashes; the encoder is its inverse. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { canonicalProblem } from "./canonical.ts"
import { canonicalJson, canonicalJsonBytes, compareCodePoints, encodedBytesMax } from "./encode.ts"
import { MalformedJson, parseJson, parseReceived } from "./parse.ts"
import { isJsonObject, JsonFloat, type JsonValue, repeatedKeys } from "./value.ts"

const problemOf = (input: string | Uint8Array, mode: "strict" | "lenient"): string | undefined => {
  try {
    parseJson(input, mode)
    return undefined
  } catch (error) {
    if (error instanceof MalformedJson) return error.problem
    throw error
  }
}
const refusedBy = (input: string | Uint8Array) => ({
  strict: problemOf(input, "strict") !== undefined,
  lenient: problemOf(input, "lenient") !== undefined,
})

describe("what JSON.parse hides", () => {
  const forStrictOnly = [
    ["a float", "1.5"],
    ["a float of whole value", "1.0"],
    ["an exponent", "1e3"],
    ["a negative zero", "-0"],
    ["2^53", "9007199254740992"],
    ["-2^53", "-9007199254740992"],
    ["a key twice", '{"a":1,"a":2}'],
    ["a key twice, once escaped", '{"a":1,"\\u0061":2}'],
  ] as const
  for (const [name, input] of forStrictOnly) {
    it(`${name}: strict refuses, lenient marks`, () => {
      expect(refusedBy(input)).toEqual({ strict: true, lenient: false })
      expect(canonicalProblem([parseJson(input, "lenient")])).toBeTypeOf("string")
    })
  }

  it("the largest integers are canonical", () => {
    for (const input of ["9007199254740991", "-9007199254740991", "0"]) {
      expect(parseJson(input, "strict")).toBe(Number(input))
      expect(canonicalProblem(parseJson(input, "lenient"))).toBeUndefined()
    }
  })

  it("keeps integers beyond 2^53 whole", () => {
    const depth = "9223372036854775807"
    expect(parseJson(depth, "lenient")).toBe(9223372036854775807n)
    expect(canonicalJson(parseJson(depth, "lenient"))).toBe(depth)
  })

  it("keeps floats apart from integers", () => {
    expect(parseJson("[1,1.0,1e0,-0]", "lenient")).toEqual([
      1,
      new JsonFloat(1),
      new JsonFloat(1),
      new JsonFloat(-0),
    ])
  })

  it("keeps the last of a repeated key, and says so", () => {
    const value = parseJson('{"membership":"join","membership":"ban"}', "lenient")
    expect(isJsonObject(value) && value.membership).toBe("ban")
    expect(Reflect.get(value as object, repeatedKeys)).toEqual(["membership"])
    expect(canonicalJson(value)).toBe('{"membership":"ban"}')
  })

  it("__proto__ is a key like any other", () => {
    const value = parseJson('{"__proto__":{"x":1},"constructor":2}', "strict")
    expect(canonicalJson(value)).toBe('{"__proto__":{"x":1},"constructor":2}')
    expect(isJsonObject(value) && value.x).toBeUndefined()
  })
})

describe("what nobody takes", () => {
  const refused: readonly (readonly [string, string | Uint8Array])[] = [
    ["a lone surrogate", '"\\ud800"'],
    ["surrogates in the wrong order", '"\\udc00\\ud800"'],
    ["invalid UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
    ["an overlong encoding", new Uint8Array([0x22, 0xc0, 0xaf, 0x22])],
    ["a byte-order mark", new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d])],
    ["a float beyond a double", "1e400"],
    ["NaN", "NaN"],
    ["Infinity", "-Infinity"],
    ["a leading zero", "01"],
    ["a leading plus", "+1"],
    ["a bare point", "1."],
    ["a bare exponent", "1e"],
    ["a raw control character", '"\u0001"'],
    ["a trailing comma", "[1,]"],
    ["a comment", "/**/1"],
    ["text after the end", "1 2"],
    ["nothing", ""],
    ["a string without an end", '"a'],
    ["an object without an end", '{"a":1'],
    ["a key without quotes", "{a:1}"],
    ["an unknown escape", '"\\x"'],
    ["the escape of a prototype's name", '"\\constructor"'],
  ]
  for (const [name, input] of refused) {
    it(name, () => expect(refusedBy(input)).toEqual({ strict: true, lenient: true }))
  }
})

describe("a string's end", () => {
  const inArray = (...texts: readonly string[]): Uint8Array =>
    Buffer.from(`[${texts.map((text) => `"${text}"`).join(",")}]`)

  it("is where it is, whatever escapes and controls come later", () => {
    expect(parseJson(inArray("plain", "a\\nb", "plain", '\\"', "plain"), "strict")).toEqual([
      ...["plain", "a\nb", "plain", '"', "plain"],
    ])
    expect(parseJson(Buffer.from('[\n\t"a",\r\n"b\\u0001",\n"c"]'), "strict")).toEqual(["a", "b\u0001", "c"])
  })

  it("controls are refused wherever they stand, and wherever in memory the bytes are", () => {
    for (let control = 0; control < 0x20; control++) {
      for (let at = 0; at < 9; at++) {
        const text = `${"x".repeat(at)}${String.fromCharCode(control)}${"y".repeat(8 - at)}`
        const bytes = Buffer.concat([Buffer.alloc(at % 4), inArray("before", text, "after")])
        expect(problemOf(bytes.subarray(at % 4), "lenient")).toBe("a string does not end")
      }
    }
  })

  it("keys of a long text that look alike stay apart", () => {
    const objects = Array.from({ length: 500 }, (_, nth) => ({
      [`k${nth}e`]: nth,
      [`ke${nth}`]: nth,
      "": nth,
    }))
    expect(canonicalJson(parseJson(JSON.stringify(objects), "strict"))).toBe(canonicalJson(objects))
  })
})

describe("depth", () => {
  it("is bounded by memory alone", () => {
    const depth = 1_000_000
    const text = "[".repeat(depth) + "]".repeat(depth)
    const value = parseJson(text, "strict")
    expect(canonicalProblem(value)).toBeUndefined()
    expect(canonicalJson(value)).toBe(text)
    const objects = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`
    expect(canonicalJson(parseJson(objects, "strict"))).toBe(objects)
  })
})

describe("the encoder", () => {
  it("sorts keys by code point, not by UTF-16 unit", () => {
    const value = { "\u{10000}": 1, "\uE000": 2, "\uFFFF": 3, a: 4 }
    expect(canonicalJson(value)).toBe('{"a":4,"\uE000":2,"\uFFFF":3,"\u{10000}":1}')
  })

  it("escapes what must be, in the shortest way", () => {
    const given = '\b\t\n\f\r"\\\u0000\u001f\u007f/é\u2028'
    expect(canonicalJson(given)).toBe('"\\b\\t\\n\\f\\r\\"\\\\\\u0000\\u001f\u007f/é\u2028"')
  })

  it("orders as arrays of code points order", () => {
    const codePoints = (text: string): number[] => [...text].map((character) => character.codePointAt(0)!)
    const compare = (a: string, b: string): number => {
      const [left, right] = [codePoints(a), codePoints(b)]
      const at = left.findIndex((point, index) => point !== right[index])
      return at < 0 ? left.length - right.length : at >= right.length ? 1 : left[at]! - right[at]!
    }
    const texts = fc.string({ unit: "binary", maxLength: 6 })
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(compare(a, b)))
      }),
    )
  })
})

/** Any value that the lenient parser can give. */
const anyValue: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 70n }),
    fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => new JsonFloat(value)),
    fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(
      fc.string({ unit: "binary", maxLength: 4 }).filter((text) => text.isWellFormed()),
      tie("value"),
      { maxKeys: 4, noNullPrototype: false },
    ),
  ),
})).value

describe("properties", () => {
  it("random bytes never crash the parser", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        problemOf(bytes, "strict")
        problemOf(bytes, "lenient")
      }),
      { numRuns: 2_000 },
    )
  })

  it("no value takes more bytes than are expected of it, and a small one few times as many", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = canonicalJsonBytes(value).length
        expect(encodedBytesMax(value)).toBeGreaterThanOrEqual(bytes)
      }),
      { numRuns: 2_000 },
    )
    const message = { body: "hello, world".repeat(20), msgtype: "m.text" }
    expect(encodedBytesMax(message)).toBeLessThan(8 * canonicalJsonBytes(message).length)
  })

  it("random near-JSON never crashes the parser, and strict takes no more than lenient", () => {
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      "\\u",
      "d800",
      "1",
      "-0",
      ".5",
      "e9",
      "true",
      "null",
      " ",
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), (parts) => {
        const refused = refusedBy(parts.join(""))
        expect(refused.lenient && !refused.strict).toBe(false)
      }),
      { numRuns: 3_000 },
    )
  })

  it("what the encoder writes parses to the same value, and is written the same again", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const text = canonicalJson(value)
        expect(canonicalJson(parseJson(text, "lenient"))).toBe(text)
        expect(canonicalJson(parseJson(canonicalJsonBytes(value), "lenient"))).toBe(text)
      }),
      { numRuns: 500 },
    )
  })

  it("what is said to be in canonical form is what the encoder writes", () => {
    const isSaid = (text: string): boolean => {
      const { value, isCanonical } = parseReceived(new TextEncoder().encode(text))
      const isSo = canonicalJson(value) === text
      if (isCanonical) expect(isSo).toBe(true)
      return isCanonical
    }
    const odd = [
      '{"b":1,"a":2}',
      '{"a":1,"a":1}',
      "[1, 2]",
      " 1",
      "1.0",
      "-0",
      '"\\u0041"',
      '"\\/"',
      '{"\\u0061":1}',
    ]
    expect(odd.filter(isSaid)).toEqual([])
    const usual = [
      '{"10":1,"9":"\\n\\"é\u{10000}"}',
      '{"":[],"a":{},"__proto__":0}',
      "9007199254740993",
      "[true,null]",
    ]
    expect(usual.filter(isSaid)).toEqual([
      '{"10":1,"9":"\\n\\"é\u{10000}"}',
      "9007199254740993",
      "[true,null]",
    ])
    fc.assert(
      fc.property(anyValue, fc.json({ noUnicodeString: false }), fc.boolean(), (value, json, isSpaced) => {
        isSaid(json)
        const text = canonicalJson(value)
        isSaid(isSpaced ? ` ${text}` : text)
        if (canonicalProblem(value) === undefined) expect(isSaid(text)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it("agrees with JSON.parse where that hides nothing", () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), (text) => {
        const hidden = problemOf(text, "strict")
        if (hidden === undefined)
          expect(JSON.parse(canonicalJson(parseJson(text, "strict")))).toEqual(JSON.parse(text))
      }),
      { numRuns: 500 },
    )
  })
})
