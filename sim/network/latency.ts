/** How long a message is on its way, drawn by what the message is and never by what came before it. */
import type { Kernel } from "../kernel/kernel.ts"

/** A distribution of latencies, in whole milliseconds of virtual time; bounds are inclusive. */
export type Latency =
  | { readonly kind: "fixed"; readonly ms: number }
  | { readonly kind: "uniform"; readonly msMin: number; readonly msMax: number }
  /** One base for each pair of servers, the same both ways, and some jitter for each message. */
  | {
      readonly kind: "by-link"
      readonly baseMsMin: number
      readonly baseMsMax: number
      readonly jitterMsMax: number
    }

/** From one building to another continent. */
export const latencyDefault: Latency = { kind: "by-link", baseMsMin: 5, baseMsMax: 60, jitterMsMax: 10 }

/** One message on one link. */
export interface Message {
  readonly source: string
  readonly destination: string
  /** What sets it apart from all others; equal keys draw equal latencies. */
  readonly key: readonly string[]
}

/** The latency of a message, in whole milliseconds: clocks, and so `origin_server_ts`, have no fractions. */
export const latencyMs = (latency: Latency, message: Message, chance: Kernel["chance"]): number => {
  const between = (msMin: number, msMax: number, ...key: readonly string[]): number =>
    msMin + chance.integer(msMax - msMin + 1, "latency", ...key)
  switch (latency.kind) {
    case "fixed":
      return latency.ms
    case "uniform":
      return between(latency.msMin, latency.msMax, "message", ...message.key)
    case "by-link": {
      const { source, destination } = message
      const ends = source < destination ? [source, destination] : [destination, source]
      return (
        between(latency.baseMsMin, latency.baseMsMax, "base", ...ends) +
        between(0, latency.jitterMsMax, "jitter", ...message.key)
      )
    }
  }
}
