/** The grammar of identifiers at its edges: historical localparts, ports, address literals, lengths. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeBase64, encodeBase64, encodeBase64Url } from "./base64.ts"
import {
  domainOf,
  isLongerThan,
  isServerName,
  isStrictUserId,
  isUserId,
  localpartOf,
  parseServerName,
  utf8Length,
} from "./identifiers.ts"
import { globMatches, serverIsAllowed } from "./server-acl.ts"

describe("user ids", () => {
  it("events may carry any historical localpart", () => {
    for (const user of ["@a:b", "@:b", "@A B:b", "@é:b", "@\n:b", "@a:b:8448", "@a:[::1]", "@a*:b"])
      expect([user, isUserId(user)]).toEqual([user, true])
  })
  it("but no other domain than a server name, and no NUL or lone surrogate", () => {
    for (const user of [
      "a:b",
      "@a",
      "@a:",
      "@a:*",
      "@a:b\n",
      "@a:b c",
      "@a\0:b",
      "@\ud800:b",
      "@a:b:123456",
      `@${"a".repeat(254)}:b`,
    ]) {
      expect([user, isUserId(user)]).toEqual([user, false])
    }
  })
  it("a server makes strict ones only", () => {
    expect(isStrictUserId("@a.b_c=d-e/f+1:b")).toBe(true)
    for (const user of ["@A:b", "@:b", "@é:b"]) expect(isStrictUserId(user)).toBe(false)
  })
  it("the domain begins at the first colon", () => {
    expect(domainOf("@a:b:8448")).toBe("b:8448")
    expect(localpartOf("@a:b:8448")).toBe("a")
    expect(domainOf("$hash")).toBeUndefined()
  })
})

describe("server names", () => {
  it("addresses must be addresses", () => {
    for (const name of [
      "1.2.3.256",
      "[::g]",
      "[1::2::3]",
      "[1:2:3]",
      "[::1.2.3.400]",
      "::1",
      "a_b",
      "a:b",
      "",
      ":1",
    ])
      expect([name, isServerName(name)]).toEqual([name, false])
    for (const name of ["[::]", "[1::]", "[::ffff:1.2.3.4]", "[1:2:3:4:5:6:7:8]", "1.2.3", "a-b.c:1"])
      expect([name, isServerName(name)]).toEqual([name, true])
  })
  it("an IPv6 address stands without its brackets", () => {
    expect(parseServerName("[::1]:8448")).toEqual({ hostname: "::1", port: 8448, kind: "ipv6" })
  })
})

it("lengths are counted in bytes of UTF-8", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length)
    }),
  )
})

it("a text is longer than so many bytes where its UTF-8 is, whatever a character takes", () => {
  for (const character of ["a", "é", "€", "😀"]) {
    for (let count = 0; count < 12; count++) {
      const text = character.repeat(count)
      expect(isLongerThan(text, 12)).toBe(new TextEncoder().encode(text).length > 12)
    }
  }
  expect(isLongerThan("a".repeat(13), 12)).toBe(true)
})

describe("base64", () => {
  it("is decoded from either alphabet, padded or not, whatever its last bits", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        for (const text of [
          encodeBase64(bytes),
          encodeBase64Url(bytes),
          Buffer.from(bytes).toString("base64"),
        ]) {
          expect(decodeBase64(text)).toEqual(bytes)
        }
      }),
    )
    expect(decodeBase64("Zh")).toEqual(decodeBase64("Zg"))
  })
  it("nothing else is base64", () => {
    for (const text of ["A", "AAAAA", "A A=", "A===", "AA=A", "A!", "AA=", "=", "Zg=\n"])
      expect([text, decodeBase64(text)]).toEqual([text, undefined])
  })
})

describe("server ACLs", () => {
  it("globs match whole names in either case, and never take long", () => {
    expect(globMatches("*.EVIL.com", "a.evil.COM")).toBe(true)
    expect(globMatches("*.evil.com", "evil.com")).toBe(false)
    expect(globMatches("e?il.com", "evil.com")).toBe(true)
    expect(globMatches("*a".repeat(50), "a".repeat(5_000))).toBe(true)
    expect(globMatches(`${"*a".repeat(50)}b`, "a".repeat(5_000))).toBe(false)
  })
  it("address literals are told by allow_ip_literals, whose odd values mean true", () => {
    const acl = { allow: ["*"], allow_ip_literals: false }
    for (const server of ["1.2.3.4", "1.2.3.4:8448", "[::1]", "[::1]:8448"]) {
      expect(serverIsAllowed(acl, server)).toBe(false)
      expect(serverIsAllowed({ ...acl, allow_ip_literals: "no" }, server)).toBe(true)
    }
    expect(serverIsAllowed(acl, "a.b")).toBe(true)
  })
  it("denying comes before allowing", () => {
    expect(serverIsAllowed({ allow: ["*"], deny: ["[::1]"] }, "[::1]:1")).toBe(false)
    expect(serverIsAllowed({ allow: ["good"], deny: [] }, "bad")).toBe(false)
    expect(serverIsAllowed({ allow: "good" }, "good")).toBe(false)
  })
})
