/** What a server says of itself on `/metrics` (Prometheus text format). */
import { request } from "undici"

/** Values by name with labels, as they stand: `netsplit_pdu_seconds_total{part="auth"}`. */
export type Metrics = ReadonlyMap<string, number>

/** Reads the text format; comments and what is no number are passed over. */
export const parseMetrics = (text: string): Metrics => {
  const values = new Map<string, number>()
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{[^}]*\})?)\s+(\S+)/.exec(line)
    const value = Number(match?.[2])
    if (match !== null && Number.isFinite(value)) values.set(match[1]!, value)
  }
  return values
}

/** Of the server that tells them there; undefined where it does not. */
export const readMetrics = async (url: string | undefined): Promise<Metrics | undefined> => {
  if (url === undefined) return undefined
  try {
    const { statusCode, body } = await request(url)
    const text = await body.text()
    return statusCode === 200 ? parseMetrics(text) : undefined
  } catch {
    return undefined
  }
}

/** A part of the way of a PDU, over a run. */
export interface PartTime {
  readonly part: string
  readonly ms: number
  readonly count: number
}

const seconds = /^netsplit_pdu_seconds_total\{part="([^"]+)"\}$/

/** What has passed between two readings, part by part in the server's order, whatever its parts are. */
export const partTimes = (before: Metrics, after: Metrics): readonly PartTime[] => {
  const parts: PartTime[] = []
  for (const [name, value] of after) {
    const part = seconds.exec(name)?.[1]
    if (part === undefined) continue
    const counted = `netsplit_pdu_parts_total{part="${part}"}`
    parts.push({
      part,
      ms: (value - (before.get(name) ?? 0)) * 1_000,
      count: (after.get(counted) ?? 0) - (before.get(counted) ?? 0),
    })
  }
  return parts
}
