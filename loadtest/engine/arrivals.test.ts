import { describe, expect, it } from "vitest"
import { arrivalTimesMs } from "./arrivals.ts"

const constant = (perMs: number, durationMs: number) => ({ durationMs, fromPerMs: perMs, toPerMs: perMs })
const times = (...stages: Parameters<typeof arrivalTimesMs>[0][number][]) => [...arrivalTimesMs(stages)]

describe("arrival times", () => {
  it("are spaced evenly at a constant rate, from the beginning on", () => {
    expect(times(constant(0.01, 1_000))).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900])
  })

  it("are as many as rate × duration, without an error that adds up", () => {
    expect(times(constant(4, 60_000))).toHaveLength(240_000)
    expect(times(constant(1 / 3_000, 3_600_000))).toHaveLength(1_200)
    expect(times(constant(0.7, 10_000)).at(-1)).toBeCloseTo(6_999 / 0.7, 6)
  })

  it("follow the area under a ramp", () => {
    // From 0 to 20 a second in 10 s: t²/1,000 iterations after t seconds, so number n at √n seconds.
    const ramp = times({ durationMs: 10_000, fromPerMs: 0, toPerMs: 0.02 })
    expect(ramp).toHaveLength(100)
    for (const [n, time] of ramp.entries()) expect(time).toBeCloseTo(Math.sqrt(n) * 1_000, 6)
  })

  it("go down as they go up", () => {
    const down = times({ durationMs: 10_000, fromPerMs: 0.02, toPerMs: 0 })
    expect(down).toHaveLength(100)
    for (const [n, time] of down.entries()) expect(time).toBeCloseTo(10_000 - Math.sqrt(100 - n) * 1_000, 6)
  })

  it("carry what a stage left over into the next", () => {
    // Half an iteration a stage: one of the two stages together.
    expect(times(constant(0.0005, 1_000), constant(0.0005, 1_000), constant(0.0005, 1_000))).toEqual([
      0, 2_000,
    ])
    expect(times(constant(0, 1_000), constant(0.002, 1_000))).toEqual([1_000, 1_500])
  })

  it("are none at a rate of zero", () => {
    expect(times(constant(0, 10_000))).toEqual([])
    expect(times()).toEqual([])
  })
})
