/** What server names say by themselves, whatever they look like. */

import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseServerName } from "../core/identifiers.ts"
import { directionOf } from "./direction.ts"

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/)
const hosts = fc.oneof(
  fc
    .array(label, { minLength: 1, maxLength: 3 })
    .map((labels) => ({ text: labels.join("."), isAddress: false })),
  fc.ipV4().map((text) => ({ text, isAddress: true })),
  fc.ipV6().map((text) => ({ text: `[${text}]`, isAddress: true })),
)
const ports = fc.option(fc.integer({ min: 1, max: 65_535 }))

describe("the direction of a name", () => {
  it("is by host and port alone, and asks for no more than the name itself", () => {
    fc.assert(
      fc.property(hosts, ports, fc.boolean(), ({ text, isAddress }, port, isDelegated) => {
        const name = port === null ? text : `${text}:${port}`
        const direction = directionOf(name, isDelegated)!
        const bare = text.replace(/^\[|\]$/g, "")
        expect(direction.host).toBe(name)
        expect(direction.certificateName).toBe(bare)
        expect(parseServerName(name)).toMatchObject({ hostname: bare, port })
        if (isAddress) {
          expect(direction).toMatchObject({ kind: "address", address: bare, port: port ?? 8448 })
          expect(direction).toMatchObject({ step: isDelegated ? "3.1" : "1" })
        } else if (port !== null) {
          expect(direction).toMatchObject({
            kind: "host",
            hostname: bare,
            port,
            step: isDelegated ? "3.2" : "2",
          })
        } else {
          expect(direction).toMatchObject({
            kind: "services",
            hostname: bare,
            otherwise: isDelegated ? "3.5" : "6",
          })
        }
      }),
    )
  })

  it("is none where the name is none, or its port", () => {
    for (const name of ["", ":", "s1:", "s1:0", "s1:65536", "[::1", "s1/x", "@a:s1", "300.0.0.1", "s 1"]) {
      expect([name, directionOf(name, false)]).toEqual([name, undefined])
    }
  })
})
