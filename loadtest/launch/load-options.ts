/** What a run of a script is told. */
import { corpusFlows, type RoomsWanted } from "../corpus/flows.ts"
import type { EngineName } from "../engine/result.ts"
import { LoadFailure } from "./failure.ts"
import type { ForeignTarget } from "./target.ts"

/** How fast, and for how long. */
export interface Pace {
  /** Iterations a second; of `breakpoint` those at the end. */
  readonly rate: number
  readonly durationSeconds: number
}

export interface LoadOptions {
  readonly script: string
  readonly engine: EngineName
  readonly seed: number
  readonly pace: Pace
  /** What 95 of 100 answers must be under; the script's own where undefined. */
  readonly latencyMsMax: number | undefined
  /** Whose corpus `breakpoint` sends. */
  readonly flow: string | undefined
  readonly roomVersion: string
  /** Other rooms than the flow's own. */
  readonly rooms: Partial<RoomsWanted>
  /** Undefined: one of our own. */
  readonly target: ForeignTarget | undefined
  /** Where the corpus is, or is put. */
  readonly directory: string
  /** The host name or address by which the target finds the origin. */
  readonly originHost: string
  /** Where the origin listens. */
  readonly originListen: { readonly host: string; readonly port: number }
  /** The origin's certificate and key in PEM, where the target trusts others than those that we make. */
  readonly originTls: { readonly certificate: string; readonly key: string } | undefined
  readonly signal?: AbortSignal
  /** Takes one line for people. */
  readonly tell: (line: string) => void
  /** How far long work is. */
  readonly onProgress: (what: string, done: number, total: number) => void
}

/** Of each script, as it has them itself. */
export const paces: Readonly<Record<string, Pace>> = {
  keys: { rate: 1_000, durationSeconds: 30 },
  "send-one": { rate: 200, durationSeconds: 30 },
  "send-fifty": { rate: 20, durationSeconds: 30 },
  "send-conflict": { rate: 50, durationSeconds: 30 },
  "state-ids": { rate: 200, durationSeconds: 30 },
  event: { rate: 400, durationSeconds: 30 },
  backfill: { rate: 100, durationSeconds: 30 },
  "join-storm": { rate: 2, durationSeconds: 30 },
  mixed: { rate: 200, durationSeconds: 30 },
  breakpoint: { rate: 2_000, durationSeconds: 120 },
}

/** The flow whose corpus a script sends; undefined for `keys`, which sends none. */
export const flowOf = ({ script, flow }: Pick<LoadOptions, "script" | "flow">): string | undefined => {
  if (script === "keys") return undefined
  const name = script === "breakpoint" ? (flow ?? "send-one") : script
  if (!Object.hasOwn(corpusFlows, name)) throw new LoadFailure(`there is no corpus for ${name}`)
  return name
}

/** How many iterations the corpus must be good for: a few more than the pace comes to. */
export const iterationsOf = ({ script, pace }: Pick<LoadOptions, "script" | "pace">): number => {
  const planned = pace.rate * pace.durationSeconds * (script === "breakpoint" ? 0.5 : 1)
  return Math.ceil(planned * 1.02) + 2
}
