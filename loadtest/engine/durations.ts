const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** What is wrong with the options or a threshold; k6 ends with exit code 104 on it. */
export class InvalidConfig extends Error {}

/** A duration as k6 writes it (`1m30s`, `500ms`; a plain number is milliseconds), in milliseconds. */
export const parseDurationMs = (duration: unknown): number => {
  if (typeof duration === "number" && duration >= 0) return duration
  const text = String(duration)
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text) {
    throw new InvalidConfig(`not a duration: ${text} (write 30s, 1m30s or 500ms)`)
  }
  return parts.reduce((sum, part) => sum + Number(part[1]) * unitsMs[part[2]!]!, 0)
}
