/** One PDU a transaction: what a quiet room costs, message by message. */
import { corpusFlow } from "./lib/flow.ts"

const flow = corpusFlow("send-one", {
  endpoints: ["send"],
  pace: { rate: 200, duration: "30s", latencyMsMax: 250 },
})

export { handleSummary } from "./lib/flow.ts"
export const options = flow.options
export const setup = flow.setup
export default flow.iterate
