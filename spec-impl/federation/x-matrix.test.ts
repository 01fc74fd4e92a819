/** The X-Matrix header is read as RFC 9110 and the specification want it, and written so that all can read it. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatXMatrix, parseXMatrices, parseXMatrix, requestSigningBytes } from "./x-matrix.ts"

describe("reading", () => {
  it.each([
    [
      "the example of §Request Authentication",
      'X-Matrix origin="origin.hs.example.com",destination="destination.hs.example.com",key="ed25519:key1",sig="ABCDEF..."',
      {
        origin: "origin.hs.example.com",
        destination: "destination.hs.example.com",
        key: "ed25519:key1",
        sig: "ABCDEF...",
      },
    ],
    [
      "white space at commas, unquoted values (gomatrixserverlib#434)",
      'X-Matrix origin=foo , key="ed25519:1",  sig="sig",\t\tdestination="bar"',
      { origin: "foo", destination: "bar", key: "ed25519:1", sig: "sig" },
    ],
    [
      "unquoted colons",
      "X-Matrix origin=foo:8448,destination=bar,key=ed25519:1,sig=abc",
      { origin: "foo:8448", destination: "bar", key: "ed25519:1", sig: "abc" },
    ],
    [
      "scheme and names in any case, more than one space",
      'x-mAtRiX   ORIGIN="foo",Key="ed25519:1",sIg="abc"',
      { origin: "foo", key: "ed25519:1", sig: "abc" },
    ],
    [
      "escapes, and unknown parameters",
      'X-Matrix origin="f\\o\\"o",extra="a,b=c",key="ed25519:1",sig="a\\\\c"',
      { origin: 'fo"o', key: "ed25519:1", sig: "a\\c" },
    ],
    [
      "unquoted base64 and IPv6",
      "X-Matrix origin=[::1]:8448,key=ed25519:1,sig=a+b/c==",
      { origin: "[::1]:8448", key: "ed25519:1", sig: "a+b/c==" },
    ],
  ])("%s", (_, header, expected) => {
    expect(parseXMatrix(header)).toEqual(expected)
  })

  it.each([
    ["another scheme", 'Bearer origin="foo",key="ed25519:1",sig="abc"'],
    ["no parameters", "X-Matrix"],
    ["a missing signature", 'X-Matrix origin="foo",key="ed25519:1"'],
    ["an empty origin", 'X-Matrix origin="",key="ed25519:1",sig="abc"'],
    ["an open quote", 'X-Matrix origin="foo",key="ed25519:1",sig="abc'],
    ["no comma", 'X-Matrix origin="foo" key="ed25519:1" sig="abc"'],
    ["no value", 'X-Matrix origin,key="ed25519:1",sig="abc"'],
    ["a parameter given twice", 'X-Matrix origin="foo",origin="bar",key="ed25519:1",sig="abc"'],
  ])("refuses %s", (_, header) => {
    expect(parseXMatrix(header)).toBeUndefined()
  })
})

describe("several headers, joined", () => {
  const one = { origin: "foo", key: "ed25519:1", sig: "a,X-Matrix b" }
  const other = { origin: "foo", destination: "bar", key: "ed25519:2", sig: "abc" }

  it("are read one by one; what is quoted ends none", () => {
    for (const comma of [",", ", ", " ,\t"]) {
      const joined = [one, other].map(formatXMatrix).join(comma)
      expect(parseXMatrices(joined)).toEqual([one, other])
    }
    expect(parseXMatrices(formatXMatrix(one))).toEqual([one])
    const escaped = 'X-Matrix origin="f\\"o",key="ed25519:1",sig="a"'
    expect(parseXMatrices(`${escaped},x-matrix  ${escaped.slice(9)}`)?.length).toBe(2)
  })

  it("are refused where one of them cannot be read", () => {
    expect(parseXMatrices(`${formatXMatrix(one)},X-Matrix origin="foo"`)).toBeUndefined()
    expect(parseXMatrices(`Bearer x, ${formatXMatrix(one)}`)).toBeUndefined()
    expect(parseXMatrices("")).toBeUndefined()
  })
})

it("the usual form is read as any other", () => {
  const text = fc.stringMatching(/^[!-~ ]*$/)
  fc.assert(
    fc.property(text, text, text, text, (origin, destination, key, sig) => {
      const header = formatXMatrix({ origin, destination, key, sig })
      const only = parseXMatrix(header)
      expect(parseXMatrices(header)).toEqual(only && [only])
    }),
  )
})

it("what is written is read back, with nothing in it that older servers cannot read", () => {
  const text = fc.stringMatching(/^[!-~ ]+$/)
  const plain = fc.stringMatching(/^[A-Za-z0-9.:[\]+/-]+$/)
  fc.assert(
    fc.property(text, text, text, text, (origin, destination, key, sig) => {
      const parameters = { origin, destination, key, sig }
      expect(parseXMatrix(formatXMatrix(parameters))).toEqual(parameters)
    }),
  )
  fc.assert(
    fc.property(plain, plain, plain, plain, (origin, destination, key, sig) => {
      expect(formatXMatrix({ origin, destination, key, sig })).toBe(
        `X-Matrix origin="${origin}",destination="${destination}",key="${key}",sig="${sig}"`,
      )
    }),
  )
})

describe("what is signed is canonical JSON", () => {
  const request = { method: "PUT", uri: '/_matrix/x?a="', origin: "one", destination: "two" }
  const signed = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
  it("of a request with a body", () => {
    expect(signed(requestSigningBytes({ ...request, content: '{"a":1.0}' }))).toBe(
      '{"content":{"a":1.0},"destination":"two","method":"PUT","origin":"one","uri":"/_matrix/x?a=\\""}',
    )
  })
  it("of a request whose body is given in bytes", () => {
    const content = '{"é":"\u{10000}"}'
    expect(requestSigningBytes({ ...request, content: new TextEncoder().encode(content) })).toEqual(
      requestSigningBytes({ ...request, content }),
    )
  })
  it("of a request without one", () => {
    expect(signed(requestSigningBytes(request))).toBe(
      '{"destination":"two","method":"PUT","origin":"one","uri":"/_matrix/x?a=\\""}',
    )
  })
})
