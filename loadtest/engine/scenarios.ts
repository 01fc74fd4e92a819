import type { RateStage } from "./arrivals.ts"
import { InvalidConfig, parseDurationMs } from "./durations.ts"
import type { Tags } from "./sandbox/host.ts"

interface Common {
  readonly name: string
  /** The exported function that an iteration runs. */
  readonly exec: string
  readonly startTimeMs: number
  readonly gracefulStopMs: number
  readonly environment: Readonly<Record<string, string>>
  readonly tags: Tags
}

/** An open model: iterations start when they are due, whatever became of those before. */
export interface ArrivalScenario extends Common {
  readonly executor: "constant-arrival-rate" | "ramping-arrival-rate"
  readonly stages: readonly RateStage[]
  readonly durationMs: number
  readonly preAllocatedVus: number
  readonly vusMax: number
}

/** A closed model: each VU starts its next iteration when the one before is done. */
export interface LoopScenario extends Common {
  readonly executor: "shared-iterations" | "per-vu-iterations" | "constant-vus"
  readonly vus: number
  /** Of all VUs together, or of each (`per-vu-iterations`); no limit for `constant-vus`. */
  readonly iterations: number
  readonly durationMs: number
}

export type Scenario = ArrivalScenario | LoopScenario

type Options = Readonly<Record<string, unknown>>

/** The scenarios of a script's options, or the one that the shortcuts `vus`, `iterations` and `duration` stand for. */
export const parseScenarios = (options: Options): readonly Scenario[] => {
  const { scenarios, iterations, duration, vus } = options
  if (options.stages !== undefined)
    throw new InvalidConfig("the node engine has no ramping-vus (option stages)")
  if (scenarios !== undefined) {
    return Object.entries(scenarios as Record<string, Options>).map(([name, scenario]) =>
      parseScenario(name, scenario),
    )
  }
  if (iterations !== undefined || duration === undefined) {
    const maxDuration = duration ?? "10m"
    return [parseScenario("default", { executor: "shared-iterations", vus, iterations, maxDuration })]
  }
  return [parseScenario("default", { executor: "constant-vus", vus, duration })]
}

const parseScenario = (name: string, options: Options): Scenario => {
  const common: Common = {
    name,
    exec: String(options.exec ?? "default"),
    startTimeMs: parseDurationMs(options.startTime ?? 0),
    gracefulStopMs: parseDurationMs(options.gracefulStop ?? "30s"),
    environment: (options.env ?? {}) as Readonly<Record<string, string>>,
    tags: (options.tags ?? {}) as Tags,
  }
  const { executor } = options
  const count = (key: string, fallback?: number): number => {
    const value = options[key] ?? fallback
    if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value
    throw new InvalidConfig(
      `scenario ${name}: ${key} must be a number of at least 0, and is ${String(value)}`,
    )
  }
  switch (executor) {
    case "constant-arrival-rate":
    case "ramping-arrival-rate": {
      const timeUnitMs = parseDurationMs(options.timeUnit ?? "1s")
      const stages =
        executor === "constant-arrival-rate"
          ? constantRate(count("rate") / timeUnitMs, needDuration(name, options))
          : rampingRate(name, options, count("startRate", 0), timeUnitMs)
      const preAllocatedVus = count("preAllocatedVUs")
      const vusMax = count("maxVUs", preAllocatedVus)
      if (vusMax < preAllocatedVus)
        throw new InvalidConfig(`scenario ${name}: maxVUs is under preAllocatedVUs`)
      const durationMs = stages.reduce((sum, stage) => sum + stage.durationMs, 0)
      return { ...common, executor, stages, durationMs, preAllocatedVus, vusMax }
    }
    case "shared-iterations":
    case "per-vu-iterations": {
      const durationMs = parseDurationMs(options.maxDuration ?? "10m")
      return { ...common, executor, vus: count("vus", 1), iterations: count("iterations", 1), durationMs }
    }
    case "constant-vus": {
      const iterations = Number.POSITIVE_INFINITY
      return {
        ...common,
        executor,
        vus: count("vus", 1),
        iterations,
        durationMs: needDuration(name, options),
      }
    }
    default:
      throw new InvalidConfig(`scenario ${name}: the node engine has no executor ${String(executor)}`)
  }
}

const needDuration = (name: string, { duration }: Options): number => {
  const durationMs = duration === undefined ? 0 : parseDurationMs(duration)
  if (durationMs > 0) return durationMs
  throw new InvalidConfig(`scenario ${name}: needs a duration`)
}

const constantRate = (perMs: number, durationMs: number): readonly RateStage[] => [
  { durationMs, fromPerMs: perMs, toPerMs: perMs },
]

const rampingRate = (
  name: string,
  { stages }: Options,
  startRate: number,
  timeUnitMs: number,
): readonly RateStage[] => {
  if (!Array.isArray(stages) || stages.length === 0) throw new InvalidConfig(`scenario ${name}: needs stages`)
  let fromPerMs = startRate / timeUnitMs
  return stages.map(({ duration, target }: { duration: unknown; target: number }) => {
    const stage = { durationMs: parseDurationMs(duration), fromPerMs, toPerMs: target / timeUnitMs }
    fromPerMs = stage.toPerMs
    return stage
  })
}
