/** GET /event, one event after the other. */
import { corpusFlow } from "./lib/flow.ts"

const flow = corpusFlow("event", {
  endpoints: ["event"],
  pace: { rate: 400, duration: "30s", latencyMsMax: 100 },
})

export { handleSummary } from "./lib/flow.ts"
export const options = flow.options
export const setup = flow.setup
export default flow.iterate
