import { describe, expect, it } from "vitest"
import type { Clock } from "./clock.ts"
import { type ExecutorVu, runScenario } from "./executors.ts"
import { parseScenarios, type Scenario } from "./scenarios.ts"

/** A clock that a test moves. */
class TestClock implements Clock {
  #now = 0
  #next = 0
  readonly #waiting = new Map<number, { readonly atMs: number; readonly call: () => void }>()

  nowMs = (): number => this.#now

  after = (delayMs: number, call: () => void): (() => void) => {
    const id = this.#next++
    this.#waiting.set(id, { atMs: this.#now + Math.max(0, delayMs), call })
    return () => this.#waiting.delete(id)
  }

  /** Runs all that is due until then, in order, and lets promises go on in between. */
  async advanceTo(timeMs: number): Promise<void> {
    for (;;) {
      const [first] = [...this.#waiting].sort(([a, x], [b, y]) => x.atMs - y.atMs || a - b)
      if (first === undefined || first[1].atMs > timeMs) break
      this.#waiting.delete(first[0])
      this.#now = Math.max(this.#now, first[1].atMs)
      first[1].call()
      for (let turn = 0; turn < 4; turn += 1) await Promise.resolve()
    }
    this.#now = timeMs
  }
}

const start = (scenario: object, iterationMs: (number: number) => number) => {
  const clock = new TestClock()
  const [parsed] = parseScenarios({ scenarios: { only: scenario } }) as [Scenario]
  const stop = new AbortController()
  const seen = { starts: [] as number[], dropped: 0, interrupted: 0, added: 0, finishedMs: -1, done: 0 }
  const makeVu = (): ExecutorVu => ({
    run: (done) => {
      seen.starts.push(clock.nowMs())
      clock.after(iterationMs(seen.starts.length - 1), () => {
        seen.done += 1
        done()
      })
    },
    interrupt: () => {
      seen.interrupted += 1
    },
  })
  const count = "stages" in parsed ? parsed.preAllocatedVus : parsed.vus
  runScenario(parsed, Array.from({ length: count }, makeVu), {
    clock,
    signal: stop.signal,
    addVu: async () => {
      seen.added += 1
      return makeVu()
    },
    onDropped: () => {
      seen.dropped += 1
    },
    onStart: () => {},
  }).then(() => {
    seen.finishedMs = clock.nowMs()
  })
  return { clock, seen, stop }
}

const tenASecond = { executor: "constant-arrival-rate", rate: 10, duration: "1s", preAllocatedVUs: 1 }

describe("constant-arrival-rate", () => {
  it("starts each iteration when it is due, whatever the one before does", async () => {
    const { clock, seen } = start({ ...tenASecond, preAllocatedVUs: 10 }, () => 950)
    await clock.advanceTo(5_000)
    expect(seen.starts).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900])
    expect(seen).toMatchObject({ dropped: 0, finishedMs: 1_850 })
  })

  it("lasts for its duration, though all iterations be done", async () => {
    const { clock, seen } = start(tenASecond, () => 1)
    await clock.advanceTo(5_000)
    expect(seen).toMatchObject({ done: 10, dropped: 0, finishedMs: 1_000 })
  })

  it("drops what finds no VU", async () => {
    const { clock, seen } = start(tenASecond, () => 250)
    await clock.advanceTo(5_000)
    expect(seen.starts).toEqual([0, 300, 600, 900])
    expect(seen).toMatchObject({ dropped: 6, added: 0 })
  })

  it("makes VUs up to maxVUs, and drops while it does", async () => {
    const { clock, seen } = start({ ...tenASecond, maxVUs: 3 }, () => 10_000)
    await clock.advanceTo(1_000)
    expect(seen.starts).toEqual([0, 200, 400])
    expect(seen).toMatchObject({ added: 2, dropped: 7 })
  })

  it("waits for gracefulStop, and interrupts what is not done by then", async () => {
    const scenario = { ...tenASecond, preAllocatedVUs: 10, gracefulStop: "500ms" }
    const { clock, seen } = start(scenario, (number) => (number === 9 ? 100_000 : 100))
    await clock.advanceTo(200_000)
    expect(seen).toMatchObject({ done: 10, interrupted: 1, finishedMs: 1_500 })
  })

  it("ends at once when it is stopped", async () => {
    const { clock, seen, stop } = start({ ...tenASecond, preAllocatedVUs: 10 }, () => 1_000)
    await clock.advanceTo(250)
    stop.abort()
    await Promise.resolve()
    expect(seen).toMatchObject({ interrupted: 3, finishedMs: 250 })
    await clock.advanceTo(2_000)
    expect(seen.starts).toHaveLength(3)
  })
})

it("ramping-arrival-rate counts by timeUnit", async () => {
  const stages = [
    { duration: "10s", target: 60 },
    { duration: "10s", target: 60 },
  ]
  const scenario = {
    executor: "ramping-arrival-rate",
    timeUnit: "1m",
    startRate: 0,
    stages,
    preAllocatedVUs: 1,
  }
  const { clock, seen } = start(scenario, () => 1)
  await clock.advanceTo(30_000)
  // Half of ten in the ramp, ten after it.
  expect(seen.starts).toHaveLength(15)
  expect(seen.starts.slice(-3)).toEqual([17_000, 18_000, 19_000].map((time) => expect.closeTo(time, 6)))
})

describe("the closed models", () => {
  it("shared-iterations gives the next to who is free", async () => {
    const scenario = { executor: "shared-iterations", vus: 2, iterations: 5 }
    const { clock, seen } = start(scenario, (number) => (number === 0 ? 1_000 : 100))
    await clock.advanceTo(10_000)
    expect(seen.starts).toEqual([0, 0, 100, 200, 300])
    expect(seen.finishedMs).toBe(1_000)
  })

  it("per-vu-iterations gives each the same number", async () => {
    const { clock, seen } = start({ executor: "per-vu-iterations", vus: 3, iterations: 2 }, () => 100)
    await clock.advanceTo(10_000)
    expect(seen.starts).toEqual([0, 0, 0, 100, 100, 100])
    expect(seen.finishedMs).toBe(200)
  })

  it("constant-vus goes on for its duration", async () => {
    const { clock, seen } = start({ executor: "constant-vus", vus: 2, duration: "1s" }, () => 300)
    await clock.advanceTo(10_000)
    expect(seen.starts).toHaveLength(8)
    expect(seen.finishedMs).toBe(1_200)
  })

  it("maxDuration ends them", async () => {
    const scenario = {
      executor: "shared-iterations",
      iterations: 100,
      maxDuration: "250ms",
      gracefulStop: "0s",
    }
    const { clock, seen } = start(scenario, () => 100)
    await clock.advanceTo(10_000)
    expect(seen).toMatchObject({ done: 3, interrupted: 1, finishedMs: 250 })
  })
})

describe("what options are refused", () => {
  it.each([
    [{ executor: "externally-controlled" }, "no executor externally-controlled"],
    [{ executor: "constant-arrival-rate", rate: 1, preAllocatedVUs: 1 }, "needs a duration"],
    [{ executor: "constant-arrival-rate", duration: "1s", preAllocatedVUs: 1 }, "rate must be a number"],
    [{ ...tenASecond, preAllocatedVUs: 2, maxVUs: 1 }, "maxVUs is under preAllocatedVUs"],
    [{ executor: "ramping-arrival-rate", preAllocatedVUs: 1, stages: [] }, "needs stages"],
    [{ ...tenASecond, duration: "soon" }, "not a duration: soon"],
  ])("%o", (scenario, message) => {
    expect(() => parseScenarios({ scenarios: { only: scenario } })).toThrow(message)
  })
})
