import exec from "k6/execution"
import type { Options, Threshold } from "k6/options"
import { openCorpus, type PreparedRequest } from "./corpus.ts"
import { formatSummary } from "./format-summary.ts"
import { checkTarget } from "./preflight.ts"
import { send } from "./request.ts"
import { type Pace, paceOf, secondsOf, skipsTlsVerification, summaryPath, vusFor } from "./settings.ts"
import type { SummaryData } from "./summary-data.ts"

/** What a script exports to k6. */
export interface Flow {
  readonly options: Options
  readonly setup: () => Promise<void>
  readonly iterate: () => Promise<void>
}

/** What a flow is: the endpoints that it asks, and the pace where the run names none. */
export interface FlowPlan {
  readonly endpoints: readonly string[]
  readonly pace: Pace
}

/** A PDU that was refused, an answer that is none, an iteration without a VU: each fails the run. */
const failures: Readonly<Record<string, Threshold[]>> = {
  checks: ["rate==1"],
  http_req_failed: ["rate==0"],
  // An open model that cannot start its iterations measures nothing.
  dropped_iterations: [{ threshold: "count==0", abortOnFail: true }],
}

/** The options of an open model at a constant rate. */
export const constantRate = ({ endpoints, pace }: FlowPlan): Options => {
  const vus = vusFor(pace)
  const scenario = {
    executor: "constant-arrival-rate",
    rate: pace.rate,
    duration: pace.duration,
    preAllocatedVUs: vus,
    maxVUs: vus,
    gracefulStop: "10s",
  } as const
  const latency = endpoints.map((endpoint): readonly [string, Threshold[]] => [
    `http_req_duration{endpoint:${endpoint}}`,
    [`p(95)<${pace.latencyMsMax}`],
  ])
  return {
    ...common,
    scenarios: { [endpoints[0]!]: scenario },
    thresholds: { ...failures, ...Object.fromEntries(latency) },
  }
}

/** What all flows have in common, whatever their model. */
export const common: Options = {
  insecureSkipTLSVerify: skipsTlsVerification,
  summaryTrendStats: ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)"],
}

/** What an iteration does with its requests: one after the other unless a flow says else. */
type Iterate = (requests: readonly PreparedRequest[], host: string) => Promise<void>

const sendAll: Iterate = async (requests, host) => {
  for (const request of requests) await send(request, host)
}

/** A flow whose requests come from the corpus of its name: iteration i takes line i (or lines 2i and 2i + 1). */
export const corpusFlow = (name: string, plan: FlowPlan, iterate: Iterate = sendAll): Flow => {
  const pace = paceOf(plan.pace)
  const { takeLines, setup } = takeCorpus(name, pace.rate * secondsOf(pace.duration))
  const options = constantRate({ ...plan, pace })
  const sends = plan.endpoints.includes("send")
  return {
    options: sends
      ? { ...options, thresholds: { ...options.thresholds, pdu_errors: ["count==0"] } }
      : options,
    setup,
    iterate: async () => {
      const { requests, host } = await takeLines()
      await iterate(requests, host)
    },
  }
}

interface CorpusOfFlow {
  /** The requests of this iteration, which no other iteration of the test gets, on whatever machine. */
  readonly takeLines: () => Promise<{ readonly requests: readonly PreparedRequest[]; readonly host: string }>
  readonly setup: () => Promise<void>
}

/** Opens the corpus, which must be of the flow named (any, where undefined) and have as many lines as are needed. */
export const takeCorpus = (name: string | undefined, iterations: number): CorpusOfFlow => {
  const corpus = openCorpus()
  const { flow, requests, requests_per_iteration: perIteration, target: host } = corpus.manifest
  return {
    setup: async () => {
      if (name !== undefined && flow !== name) exec.test.abort(`the corpus is for ${flow}, not ${name}`)
      const needed = Math.ceil(iterations) * perIteration
      if (requests < needed)
        exec.test.abort(`the corpus has ${requests} requests, and the run takes ${needed}`)
      await checkTarget(host)
    },
    takeLines: async () => {
      const first = exec.scenario.iterationInTest * perIteration
      const taken: PreparedRequest[] = []
      for (let line = first; line < first + perIteration; line += 1) {
        const request = await corpus.read(line)
        if (request === undefined) exec.test.abort(`the corpus is used up after ${line} requests`)
        else taken.push(request)
      }
      return { requests: taken, host }
    },
  }
}

/** The summary as text, and as JSON where SUMMARY_PATH says. */
export const handleSummary = (data: SummaryData): Record<string, string> => ({
  stdout: formatSummary(data),
  ...(summaryPath === undefined ? {} : { [summaryPath]: JSON.stringify(data) }),
})
