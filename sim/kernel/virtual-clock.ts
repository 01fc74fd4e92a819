import { type Clock, Duration, Effect } from "effect"

const nanosPerMilli = 1_000_000n

/** What a clock needs of the kernel. */
export interface TimeSource {
  readonly nowMs: () => number
  /** Calls `wake` at that instant, unless the function that is given is called before. */
  readonly at: (virtualMs: number, wake: () => void) => () => void
}

/** What is wrong with a server's clock, for a while. */
export interface ClockError {
  /** By how much the clock is ahead at that instant of virtual time. */
  readonly offsetMs: (virtualMs: number) => number
  /** How fast time passes for it: it wakes so much earlier from whatever it sleeps. */
  readonly rate: number
}

/** Effect's Clock over virtual time; `offsetMs` is by how much this server's own clock is ahead, `rate` how fast it is. */
export const makeVirtualClock = (
  time: TimeSource,
  offsetMs: () => number,
  rate: () => number = () => 1,
): Clock.Clock => {
  const wallMs = (): number => time.nowMs() + offsetMs()
  const nanos = (ms: number): bigint => BigInt(Math.floor(ms)) * nanosPerMilli
  return {
    currentTimeMillisUnsafe: wallMs,
    currentTimeMillis: Effect.sync(wallMs),
    currentTimeNanosUnsafe: () => nanos(wallMs()),
    currentTimeNanos: Effect.sync(() => nanos(wallMs())),
    monotonicTimeNanosUnsafe: () => nanos(time.nowMs()),
    monotonicTimeNanos: Effect.sync(() => nanos(time.nowMs())),
    sleep: (duration) => {
      const ms = Duration.toMillis(duration)
      if (ms <= 0) return Effect.yieldNow
      if (!Number.isFinite(ms)) return Effect.never
      return Effect.callback<void>((resume) => {
        const cancel = time.at(time.nowMs() + byRate(ms, rate()), () => resume(Effect.void))
        return Effect.sync(cancel)
      })
    },
  }
}

/** In whole milliseconds, unless the clock is right: then to the fraction. */
export const byRate = (ms: number, rate: number): number => (rate === 1 ? ms : Math.ceil(ms / rate))
