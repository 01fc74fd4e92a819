/**
 * Raises the rate of any corpus in a straight line until a threshold breaks: RATE is what it would end at. The gauge
 * `offered_rate` keeps the rate at which it broke. That a run ends with exit code 99 is its purpose.
 */
import exec from "k6/execution"
import { Gauge } from "k6/metrics"
import type { Options } from "k6/options"
import { common, takeCorpus } from "./lib/flow.ts"
import { send } from "./lib/request.ts"
import { paceOf, secondsOf, vusFor } from "./lib/settings.ts"

const pace = paceOf({ rate: 2_000, duration: "2m", latencyMsMax: 500 })
const vus = vusFor(pace)
const offeredRate = new Gauge("offered_rate")
const { takeLines, setup: checkCorpus } = takeCorpus(undefined, (pace.rate * secondsOf(pace.duration)) / 2)

export { handleSummary } from "./lib/flow.ts"
export const options: Options = {
  ...common,
  scenarios: {
    ramp: {
      executor: "ramping-arrival-rate",
      startRate: 0,
      stages: [{ duration: pace.duration, target: pace.rate }],
      preAllocatedVUs: vus,
      maxVUs: vus,
      gracefulStop: "10s",
    },
  },
  thresholds: {
    http_req_duration: [{ threshold: `p(95)<${pace.latencyMsMax}`, abortOnFail: true, delayAbortEval: "5s" }],
    http_req_failed: [{ threshold: "rate<0.01", abortOnFail: true, delayAbortEval: "5s" }],
    dropped_iterations: [{ threshold: "count==0", abortOnFail: true }],
    pdu_errors: ["count==0"],
  },
}
export const setup = checkCorpus

export default async (): Promise<void> => {
  offeredRate.add(exec.scenario.progress * pace.rate)
  const { requests, host } = await takeLines()
  for (const request of requests) await send(request, host)
}
