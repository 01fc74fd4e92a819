/** What `netsplit load` was told, as a run takes it. */
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { findK6 } from "#loadtest/engine/k6-engine.ts"
import type { EngineName } from "#loadtest/engine/result.ts"
import { type LoadOptions, paces } from "#loadtest/launch/load-options.ts"
import { suggestName } from "#sim/explore/nearest-name.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { UsageError } from "../outcome.ts"

/** By the name of the flag; undefined where it was not given. */
export interface Told {
  readonly script: string
  readonly target: string | undefined
  readonly "target-ca": string | undefined
  readonly "client-url": string | undefined
  readonly "access-token": string | undefined
  readonly "metrics-url": string | undefined
  readonly engine: EngineName | undefined
  readonly rate: number | undefined
  readonly duration: string | undefined
  readonly "latency-max": number | undefined
  readonly flow: string | undefined
  readonly corpus: string | undefined
  readonly prepare: boolean
  readonly seed: number
  readonly "room-version": string
  readonly rooms: number | undefined
  readonly users: number | undefined
  readonly "origin-host": string
  readonly "origin-listen": string | undefined
  readonly "origin-cert": string | undefined
  readonly "origin-key": string | undefined
}

type Checked = Omit<LoadOptions, "directory" | "tell" | "onProgress" | "signal">

const wrong = (message: string): UsageError => new UsageError({ message })

const read = (path: string | undefined): string | undefined => {
  if (path === undefined) return undefined
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    throw wrong(`cannot read "${path}": ${(error as NodeJS.ErrnoException).code ?? String(error)}`)
  }
}

const among = (what: string, name: string, names: readonly string[]): string => {
  if (names.includes(name)) return name
  throw wrong(`there is no ${what} "${name}"; ${suggestName(name, names)}`)
}

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600 }

const secondsOf = (duration: string): number => {
  const match = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(duration)
  if (!match) throw wrong(`--duration ${duration}: a time is wanted, as 30s or 1m30s`)
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit!]!, 0)
}

const positive = (name: string, value: number | undefined): number | undefined => {
  if (value !== undefined && !(value > 0)) throw wrong(`--${name} must be above 0`)
  return value
}

const engineOf = (told: EngineName | undefined): EngineName => {
  const k6 = findK6()
  if (told === "k6" && k6 === undefined) {
    throw wrong("no k6 was found: put it on PATH or name it in K6_BIN, or leave --engine out")
  }
  return told ?? (k6 === undefined ? "node" : "k6")
}

const listenOf = (text: string | undefined): { readonly host: string; readonly port: number } => {
  const match = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(text ?? "127.0.0.1:0")
  if (match === null)
    throw wrong(`--origin-listen ${text}: an address and a port are wanted, as 127.0.0.1:8449`)
  return { host: match[1]!, port: Number(match[2]) }
}

const tlsOf = (told: Told): LoadOptions["originTls"] => {
  const [certificate, key] = [read(told["origin-cert"]), read(told["origin-key"])]
  if (certificate === undefined && key === undefined) return undefined
  if (certificate === undefined || key === undefined)
    throw wrong("--origin-cert and --origin-key go together")
  return { certificate, key }
}

/** `told`, checked. Throws `UsageError`. */
export const checkFlags = (told: Told): Checked => {
  const script = among("script", told.script, Object.keys(paces))
  const usual = paces[script]!
  const { target: url } = told
  if (told.prepare && told.corpus === undefined)
    throw wrong("--prepare wants --corpus DIR, where the corpus is put")
  const count = (name: "rooms" | "users") => positive(name, told[name])
  const [rooms, users] = [count("rooms"), count("users")]
  return {
    script,
    engine: engineOf(told.engine),
    seed: told.seed,
    pace: {
      rate: positive("rate", told.rate) ?? usual.rate,
      durationSeconds: told.duration === undefined ? usual.durationSeconds : secondsOf(told.duration),
    },
    latencyMsMax: positive("latency-max", told["latency-max"]),
    flow: told.flow,
    roomVersion: among(
      "room version",
      told["room-version"],
      roomVersions.map(({ id }) => id),
    ),
    rooms: { ...(rooms === undefined ? {} : { count: rooms }), ...(users === undefined ? {} : { users }) },
    target:
      url === undefined
        ? undefined
        : {
            url,
            clientUrl: told["client-url"],
            accessToken: told["access-token"] ?? process.env.NETSPLIT_LOAD_TOKEN,
            authority: read(told["target-ca"]),
            metricsUrl: told["metrics-url"],
          },
    originHost: told["origin-host"],
    originListen: listenOf(told["origin-listen"]),
    originTls: tlsOf(told),
  }
}

/** The directory of the corpus, as the scripts want it. */
export const corpusDirectory = (told: string): string => resolve(told)
