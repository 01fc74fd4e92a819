/** GET /state_ids at events all over the rooms. */
import { corpusFlow } from "./lib/flow.ts"

const flow = corpusFlow("state-ids", {
  endpoints: ["state_ids"],
  pace: { rate: 200, duration: "30s", latencyMsMax: 250 },
})

export { handleSummary } from "./lib/flow.ts"
export const options = flow.options
export const setup = flow.setup
export default flow.iterate
