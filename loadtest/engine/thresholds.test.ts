import { describe, expect, it } from "vitest"
import { Metrics } from "./metrics.ts"
import { evaluateThresholds, parseThresholds } from "./thresholds.ts"

const judge = (metrics: Metrics, name: string, source: string, elapsedMs = 1_000): boolean => {
  const [threshold] = parseThresholds({ [name]: [source] }, metrics)
  evaluateThresholds([threshold!], elapsedMs)
  return threshold!.ok
}

describe("thresholds", () => {
  const metrics = new Metrics()
  parseThresholds({ "http_req_duration{endpoint:send,status:200}": ["p(95)<1"] }, metrics)
  const duration = metrics.get("http_req_duration")
  for (let ms = 1; ms <= 100; ms += 1)
    metrics.add(duration, ms, { endpoint: ms <= 10 ? "send" : "event", status: "200" })
  metrics.add(duration, 5_000, { endpoint: "send", status: "500" })
  for (let i = 0; i < 4; i += 1) metrics.add(metrics.get("http_req_failed"), i === 0 ? 1 : 0, {})
  metrics.add(metrics.get("http_reqs"), 30, {})
  metrics.add(metrics.get("vus"), 7, {})

  it.each([
    ["http_req_duration", "p(95)<97", true],
    ["http_req_duration", "p(95)<95", false],
    ["http_req_duration", "med>=51", true],
    ["http_req_duration", "max==5000", true],
    ["http_req_duration", "min<=1", true],
    ["http_req_duration", "avg>99", true],
    ["http_req_failed", "rate<0.25", false],
    ["http_req_failed", "rate<=0.25", true],
    ["http_reqs", "count==30", true],
    ["http_reqs", "count!=30", false],
    ["http_reqs", "rate>14", true],
    ["vus", "value===7", true],
    // Without samples a counter is at zero, and a threshold on it holds.
    ["dropped_iterations", "count==0", true],
  ])("%s %s: %s", (name, source, ok) => {
    expect(judge(metrics, name, source, 2_000)).toBe(ok)
  })

  it("on a part judge the samples with those tags only", () => {
    const part = "http_req_duration{endpoint:send,status:200}"
    expect(judge(metrics, part, "max<=10")).toBe(true)
    expect(judge(metrics, part, "p(50)<4")).toBe(false)
  })

  it.each([
    ["http_req_duration", "rate<1"],
    ["http_req_duration", "p95<1"],
    ["http_req_duration", "count<1"],
    ["http_req_failed", "p(95)<1"],
    ["no_such_metric", "count==0"],
    ["http_reqs{endpoint}", "count==0"],
  ])("are refused: %s %s", (name, source) => {
    expect(() => parseThresholds({ [name]: [source] }, new Metrics())).toThrow()
  })

  it("end the run on abortOnFail, once delayAbortEval is over", () => {
    const thresholds = parseThresholds(
      { http_reqs: [{ threshold: "count<30", abortOnFail: true, delayAbortEval: "10s" }, "count<10"] },
      metrics,
    )
    expect(evaluateThresholds(thresholds, 9_999)).toBeUndefined()
    expect(evaluateThresholds(thresholds, 10_000)?.source).toBe("count<30")
    expect(thresholds.map(({ ok }) => ok)).toEqual([false, false])
  })
})

it("percentiles are right to three digits, whatever the size", () => {
  const metrics = new Metrics()
  const trend = metrics.define("sizes", "trend", false)
  for (let i = 1; i <= 10_000; i += 1) metrics.add(trend, i * 100, {})
  expect(trend.sink.aggregate("p(99)", 1)! / 990_000).toBeCloseTo(1, 2)
  expect(trend.sink.aggregate("p(99.9)", 1)! / 999_000).toBeCloseTo(1, 2)
  expect(trend.sink.aggregate("max", 1)).toBe(1_000_000)
  expect(trend.sink.aggregate("avg", 1)).toBeCloseTo(500_050, 6)
})
