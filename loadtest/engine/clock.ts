/** Time for the executors: the machine's, or a test's own. */
export interface Clock {
  readonly nowMs: () => number
  /** Calls after so long, and never at once; the result takes it back. */
  readonly after: (delayMs: number, call: () => void) => () => void
}

export const machineClock: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, call) => {
    if (delayMs <= 0) {
      const immediate = setImmediate(call)
      return () => clearImmediate(immediate)
    }
    const timer = setTimeout(call, delayMs)
    return () => clearTimeout(timer)
  },
}
