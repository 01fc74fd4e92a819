/** How long a message is on its way, drawn by what the message is and never by what came before it. */
import type { KeyedChance, KeyPart } from "../kernel/keyed-chance.ts"

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

/** Draws latencies of messages, in whole milliseconds: clocks, and so `origin_server_ts`, have no fractions. */
export const makeLatencies = (chance: KeyedChance): ((latency: Latency, message: Message) => number) => {
  const draws = (what: string): KeyedChance => chance.under("latency", what)
  const [ofMessage, ofBase, ofJitter, ofTail, ofMode] = [
    draws("message"),
    draws("base"),
    draws("jitter"),
    draws("tail"),
    draws("mode"),
  ]
  const between = (msMin: number, msMax: number, drawn: KeyedChance, key: readonly KeyPart[]): number =>
    msMin + drawn.integer(msMax - msMin + 1, ...key)
  return (latency, { source, destination, key }) => {
    switch (latency.kind) {
      case "fixed":
        return latency.ms
      case "uniform":
        return between(latency.msMin, latency.msMax, ofMessage, key)
      case "by-link": {
        const ends = source < destination ? [source, destination] : [destination, source]
        return (
          between(latency.baseMsMin, latency.baseMsMax, ofBase, ends) +
          between(0, latency.jitterMsMax, ofJitter, key)
        )
      }
      case "exponential": {
        const tailMs = -latency.tailMsMean * Math.log(1 - ofTail.unit(...key))
        return Math.min(latency.msMax, Math.round(latency.msMin + tailMs))
      }
      case "bimodal":
        return ofMode.chance(latency.slowShare, ...key) ? latency.slowMs : latency.usualMs
    }
  }
}
