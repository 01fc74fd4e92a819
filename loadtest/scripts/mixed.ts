/** All that a server asks of another, in the proportions that the corpus has. */
import { corpusFlow } from "./lib/flow.ts"

const flow = corpusFlow("mixed", {
  endpoints: ["send", "event", "state_ids", "backfill"],
  pace: { rate: 200, duration: "30s", latencyMsMax: 500 },
})

export { handleSummary } from "./lib/flow.ts"
export const options = flow.options
export const setup = flow.setup
export default flow.iterate
