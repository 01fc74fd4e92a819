/** Forked rooms: each transaction gives the room a further branch, and forces a state resolution. */
import { corpusFlow } from "./lib/flow.ts"

const flow = corpusFlow("send-conflict", {
  endpoints: ["send"],
  pace: { rate: 50, duration: "30s", latencyMsMax: 500 },
})

export { handleSummary } from "./lib/flow.ts"
export const options = flow.options
export const setup = flow.setup
export default flow.iterate
