/** GET /backfill of twenty events. */
import { corpusFlow } from "./lib/flow.ts"

const flow = corpusFlow("backfill", {
  endpoints: ["backfill"],
  pace: { rate: 100, duration: "30s", latencyMsMax: 250 },
})

export { handleSummary } from "./lib/flow.ts"
export const options = flow.options
export const setup = flow.setup
export default flow.iterate
