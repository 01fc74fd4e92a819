/** GET /key/v2/server: the cheapest thing a server does, so the ceiling for all others. It needs no corpus. */
import { check } from "k6"
import http from "k6/http"
import { constantRate } from "./lib/flow.ts"
import { checkTarget } from "./lib/preflight.ts"
import { paceOf, serverName, target } from "./lib/settings.ts"

const tags = { endpoint: "keys", name: "keys" }

export { handleSummary } from "./lib/flow.ts"
export const options = constantRate({
  endpoints: ["keys"],
  pace: paceOf({ rate: 1_000, duration: "30s", latencyMsMax: 50 }),
})
export const setup = (): Promise<void> => checkTarget(serverName)

export default async (): Promise<void> => {
  const { status } = await http.asyncRequest("GET", `${target}/_matrix/key/v2/server`, null, {
    tags,
    responseType: "none",
  })
  check(status, { "keys answers 200": (given) => given === 200 }, tags)
}
