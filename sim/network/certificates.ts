/** Certificates as data: what servers show, and what is wrong with it. */
import { isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import type { CertificateProblem } from "#spec-impl/https/secure-transport.ts"

export interface Certificate {
  /** Host names, of which the first label may be `*`, and IP addresses. */
  readonly names: readonly string[]
  /** Whether an authority that everybody knows has signed it. */
  readonly issuer: "trusted" | "unknown"
  /** From when until when it is valid, in virtual time since the epoch. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** One that is valid for those names, always; `otherwise` says what is wrong with it. */
export const certificateOf = (
  names: readonly string[],
  otherwise: Partial<Omit<Certificate, "names">> = {},
): Certificate => ({
  names,
  issuer: "trusted",
  notBeforeMs: 0,
  notAfterMs: Number.MAX_SAFE_INTEGER,
  ...otherwise,
})

/** RFC 6125 §6.4: names by letters of any case, `*` for one whole label on the left. */
export const covers = ({ names }: Certificate, name: string): boolean => {
  const wanted = name.toLowerCase()
  const parent = wanted.slice(wanted.indexOf(".") + 1)
  return names.some((own) => {
    const offered = own.toLowerCase()
    return offered === wanted || (parent !== wanted && offered === `*.${parent}`)
  })
}

/** Why the certificate does not prove that its holder is `name`, now; undefined where it does. */
export const certificateProblem = (
  certificate: Certificate,
  name: string,
  nowMs: number,
): CertificateProblem | undefined => {
  if (certificate.issuer !== "trusted") return "unknown-authority"
  if (nowMs < certificate.notBeforeMs) return "not-yet-valid"
  if (nowMs > certificate.notAfterMs) return "expired"
  return covers(certificate, name) ? undefined : "wrong-name"
}

/** As it crosses the network. */
export const certificateJson = ({ names, issuer, notBeforeMs, notAfterMs }: Certificate): JsonObject => ({
  names: [...names],
  issuer,
  not_before_ms: notBeforeMs,
  not_after_ms: notAfterMs,
})

/** The certificate in an answer; undefined where there is none. */
export const readCertificate = (json: JsonValue | undefined): Certificate | undefined => {
  if (!isJsonObject(json) || !Array.isArray(json.names)) return undefined
  const { names, issuer, not_before_ms, not_after_ms } = json
  if (typeof not_before_ms !== "number" || typeof not_after_ms !== "number") return undefined
  return {
    names: names.filter((name) => typeof name === "string"),
    issuer: issuer === "trusted" ? "trusted" : "unknown",
    notBeforeMs: not_before_ms,
    notAfterMs: not_after_ms,
  }
}
