/** How long a message is on its way, drawn by what the message is and never by what came before it. */
import type { Kernel } from "../kernel/kernel.ts"
import type { KeyPart } from "../kernel/keyed-chance.ts"

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
  /** At least `msMin`; what comes on top is short mostly, and at times long, but no longer than `msMax` in all. */
  | {
      readonly kind: "exponential"
      readonly msMin: number
      readonly tailMsMean: number
      readonly msMax: number
    }
  /** `usualMs`, but for a share of messages: a queue somewhere is full, or a route is long. */
  | {
      readonly kind: "bimodal"
      readonly usualMs: number
      readonly slowMs: number
      readonly slowShare: number
    }

/** From one building to another continent. */
export const latencyDefault: Latency = { kind: "by-link", baseMsMin: 5, baseMsMax: 60, jitterMsMax: 10 }

/** One message on one link. */
export interface Message {
  readonly source: string
  readonly destination: string
  /** What sets it apart from all others; equal keys draw equal latencies. */
  readonly key: readonly KeyPart[]
}

/** The latency of a message, in whole milliseconds: clocks, and so `origin_server_ts`, have no fractions. */
export const latencyMs = (latency: Latency, message: Message, chance: Kernel["chance"]): number => {
  const between = (msMin: number, msMax: number, ...key: readonly KeyPart[]): number =>
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
    case "exponential": {
      const tailMs = -latency.tailMsMean * Math.log(1 - chance.unit("latency", "tail", ...message.key))
      return Math.min(latency.msMax, Math.round(latency.msMin + tailMs))
    }
    case "bimodal": {
      const isSlow = chance.chance(latency.slowShare, "latency", "mode", ...message.key)
      return isSlow ? latency.slowMs : latency.usualMs
    }
  }
}
