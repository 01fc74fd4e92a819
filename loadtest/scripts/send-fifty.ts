/** Fifty PDUs a transaction, the most that one may carry: how a server that was away catches up. */
import { corpusFlow } from "./lib/flow.ts"

const flow = corpusFlow("send-fifty", {
  endpoints: ["send"],
  pace: { rate: 20, duration: "30s", latencyMsMax: 1_000 },
})

export { handleSummary } from "./lib/flow.ts"
export const options = flow.options
export const setup = flow.setup
export default flow.iterate
