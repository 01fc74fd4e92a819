/** A run from beginning to end: target, corpus, load, and what there is to say of it. */
import { cpus } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { MadeCorpus } from "../corpus/make-corpus.ts"
import type { LoadResult } from "../engine/result.ts"
import { runScript } from "../engine/run-script.ts"
import { type Authority, makeAuthority } from "../origin/certificates.ts"
import { checkRooms, outcomesAfter, type RoomsCheck } from "./check-rooms.ts"
import type { LoadOptions } from "./load-options.ts"
import { type PartTime, partTimes, readMetrics } from "./metrics.ts"
import { startOwnTarget } from "./own-target.ts"
import { isPrepared, markUsed, type Prepared, prepare, takeUp } from "./prepare.ts"
import { pinSelf, splitProcessors, type Usage, usageOf } from "./processors.ts"
import { reachTarget, type Target } from "./target.ts"
import { measureVerifyRate } from "./verify-rate.ts"

/** All that is kept of a run. */
export interface LoadReport {
  readonly script: string
  readonly flow: string | undefined
  readonly seed: number
  readonly roomVersion: string
  readonly rateWanted: number
  readonly durationSeconds: number
  readonly machine: { readonly processor: string; readonly processors: number; readonly node: string }
  readonly target: {
    readonly name: string
    readonly url: string
    readonly isOwn: boolean
    readonly processor: number | undefined
  }
  readonly result: LoadResult
  /** Single thread, before and after the load, where the load came from. */
  readonly verifiesPerSecond: readonly [before: number, after: number]
  readonly corpus: MadeCorpus | undefined
  /** Over the run. */
  readonly usage: (Usage & { readonly wallMs: number }) | undefined
  readonly parts: readonly PartTime[]
  /** What the target asked of the origin while it was under load. */
  readonly askedOfOrigin: number
  readonly check: RoomsCheck | undefined
}

/** A script of this house. */
export const scriptPath = (name: string): string =>
  fileURLToPath(new URL(`../scripts/${name}.ts`, import.meta.url))

const ownTarget = (options: LoadOptions, authority: Authority): Promise<Target> =>
  startOwnTarget({
    directory: join(options.directory, "target"),
    authority,
    isPinned: true,
    log: (text) => options.tell(text.trimEnd()),
  })

/** Runs to the end of the load and of the check. Fails with `LoadFailure` where that cannot be. */
export const runLoad = async (options: LoadOptions): Promise<LoadReport> => {
  const authority = makeAuthority()
  const target = await (options.target === undefined
    ? ownTarget(options, authority)
    : reachTarget(options.target))
  let prepared: Prepared | undefined
  try {
    if (options.script !== "keys") {
      prepared = isPrepared(options.directory)
        ? await takeUp(options, target)
        : await prepare(options, target, authority)
      markUsed(options.directory)
    }
    return await measure(options, target, prepared)
  } finally {
    await prepared?.origin.stop()
    await target.stop()
  }
}

/** Makes the corpus for a later run. */
export const prepareOnly = async (options: LoadOptions): Promise<MadeCorpus> => {
  const authority = makeAuthority()
  const target = await (options.target === undefined
    ? ownTarget(options, authority)
    : reachTarget(options.target))
  try {
    const { origin, made } = await prepare(options, target, authority)
    await origin.stop()
    return made
  } finally {
    await target.stop()
  }
}

const measure = async (
  options: LoadOptions,
  target: Target,
  prepared: Prepared | undefined,
): Promise<LoadReport> => {
  const { script, seed, roomVersion, pace, tell } = options
  const split = target.processor === undefined ? undefined : splitProcessors()
  const unpin = split === undefined ? () => undefined : pinSelf(split.others)
  try {
    const verifiesBefore = measureVerifyRate()
    const askedBefore = (await prepared?.origin.statistics())?.requests ?? 0
    const metricsBefore = await readMetrics(target.metricsUrl)
    const usageBefore = usageOf(target.pid)
    const started = performance.now()
    const result = await runScript({
      script: scriptPath(script),
      engine: options.engine,
      env: environmentOf(options, target),
      print: () => undefined,
      log: (level, text) => tell(`${level}: ${text}`),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: ({ elapsedMs, durationMs = pace.durationSeconds * 1_000 }) =>
        options.onProgress("seconds of load", Math.round(elapsedMs / 1_000), Math.round(durationMs / 1_000)),
    })
    const wallMs = performance.now() - started
    const usage = usageOf(target.pid)
    const metrics = await readMetrics(target.metricsUrl)
    const asked = ((await prepared?.origin.statistics())?.requests ?? 0) - askedBefore
    const verifiesAfter = measureVerifyRate()
    return {
      ...{ script, flow: prepared?.flow, seed, roomVersion },
      rateWanted: pace.rate,
      durationSeconds: pace.durationSeconds,
      machine: {
        processor: cpus()[0]?.model ?? "unknown",
        processors: cpus().length,
        node: process.versions.node,
      },
      target: {
        name: target.address.serverName,
        url: target.address.url,
        isOwn: options.target === undefined,
        processor: target.processor,
      },
      result,
      verifiesPerSecond: [verifiesBefore, verifiesAfter],
      corpus: prepared?.made,
      usage:
        usage === undefined || usageBefore === undefined
          ? undefined
          : { ...usage, cpuMs: usage.cpuMs - usageBefore.cpuMs, wallMs },
      parts: metrics === undefined || metricsBefore === undefined ? [] : partTimes(metricsBefore, metrics),
      askedOfOrigin: asked,
      check: prepared === undefined ? undefined : await check(options, target, prepared, result),
    }
  } finally {
    unpin()
  }
}

const check = async (
  options: LoadOptions,
  target: Target,
  { relation, flow }: Prepared,
  { iterations }: LoadResult,
): Promise<RoomsCheck> => {
  options.tell(`asking ${target.address.serverName} for its extremities and state`)
  const perIteration = flow === "join-storm" ? 2 : 1
  const outcomes = await outcomesAfter(options.directory, iterations * perIteration)
  return checkRooms(outcomes, relation, target.federation)
}

const environmentOf = (options: LoadOptions, target: Target): Record<string, string> => ({
  TARGET: target.address.url,
  SERVER_NAME: target.address.serverName,
  RATE: String(options.pace.rate),
  DURATION: `${options.pace.durationSeconds}s`,
  ...(options.latencyMsMax === undefined ? {} : { LATENCY_MS_MAX: String(options.latencyMsMax) }),
  ...(options.script === "keys" ? {} : { CORPUS: options.directory }),
  ...(target.address.authority === undefined ? {} : { INSECURE: String(options.target === undefined) }),
})
