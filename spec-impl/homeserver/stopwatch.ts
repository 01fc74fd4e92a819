/** Where the time of a PDU goes: a server that serves measures itself, in the simulator nobody does. */
import { Context } from "effect"

/** What is told apart, in the order of a PDU's way. */
export const parts = [
  "json",
  "form",
  "signatures",
  "hashing",
  "queueing",
  "auth",
  "resolution",
  "store",
] as const
export type Part = (typeof parts)[number]

/** What each part means, as `/metrics` says it. */
export const partMeanings: Readonly<Record<Part, string>> = {
  json: "reading the bodies of requests",
  form: "check 1: the format of events, and their ids by hash",
  signatures: "signatures of requests, and check 2, waiting for threads and keys included",
  hashing: "check 3: content hashes",
  queueing: "waiting for the events before it in its room",
  auth: "checks 4 to 7, without state resolution",
  resolution: "state resolution",
  store: "until the store has made it durable, other groups of the same commit included",
}

/** Counts and sums of wall time. */
export interface StopwatchService {
  /** A reading of the clock, in milliseconds from any instant. */
  readonly now: () => number
  /** Adds what has passed since the reading `since`, over `count` things done. */
  readonly add: (part: Part, since: number, count?: number) => void
  /** Milliseconds so far. */
  readonly totalMs: (part: Part) => number
  readonly count: (part: Part) => number
}

/** The stopwatch of the server at hand: none that runs, unless one is given. */
export const Stopwatch = Context.Reference<StopwatchService>("netsplit/Stopwatch", {
  defaultValue: () => ({ now: () => 0, add: () => undefined, totalMs: () => 0, count: () => 0 }),
})

/** A stopwatch on the clock `now`, in milliseconds. */
export const makeStopwatch = (now: () => number): StopwatchService => {
  const sums = new Map<Part, { ms: number; count: number }>(parts.map((part) => [part, { ms: 0, count: 0 }]))
  return {
    now,
    add: (part, since, count = 1) => {
      const sum = sums.get(part)!
      sum.ms += now() - since
      sum.count += count
    },
    totalMs: (part) => sums.get(part)!.ms,
    count: (part) => sums.get(part)!.count,
  }
}

/** What `/metrics` tells of it, in the text format of Prometheus. */
export const stopwatchMetrics = ({ totalMs, count }: StopwatchService): string => {
  const lines = (name: string, help: string, value: (part: Part) => number): string[] => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} counter`,
    ...parts.map((part) => `${name}{part="${part}"} ${value(part)}`),
  ]
  return [
    ...lines(
      "netsplit_pdu_seconds_total",
      parts.map((part) => `${part}: ${partMeanings[part]}`).join("; "),
      (part) => totalMs(part) / 1000,
    ),
    ...lines("netsplit_pdu_parts_total", "How often each part was done.", count),
    "",
  ].join("\n")
}
