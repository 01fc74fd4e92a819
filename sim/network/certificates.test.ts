/** What certificates prove. */
import { describe, expect, it } from "vitest"
import { certificateOf, certificateProblem, covers } from "./certificates.ts"

describe("a certificate", () => {
  it("covers its names in any case, and one label for a star", () => {
    const certificate = certificateOf(["a.test", "*.B.test", "10.0.0.1"])
    const covered = ["a.test", "A.Test", "x.b.test", "10.0.0.1"]
    const others = ["b.test", "x.a.test", "y.x.b.test", ".b.test.", "test", "10.0.0.2", "*"]
    expect([...covered, ...others].filter((name) => covers(certificate, name))).toEqual(covered)
  })

  it("is asked first who signed it, then when, then for whom", () => {
    const span = { notBeforeMs: 10, notAfterMs: 20 }
    const problems = (issuer: "trusted" | "unknown") =>
      [9, 10, 20, 21].map((nowMs) =>
        certificateProblem(certificateOf(["b"], { ...span, issuer }), "a", nowMs),
      )
    expect(problems("unknown")).toEqual(Array(4).fill("unknown-authority"))
    expect(problems("trusted")).toEqual(["not-yet-valid", "wrong-name", "wrong-name", "expired"])
    expect(certificateProblem(certificateOf(["a"], span), "a", 15)).toBe(undefined)
  })
})
