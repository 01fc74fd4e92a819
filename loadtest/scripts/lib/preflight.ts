import exec from "k6/execution"
import http from "k6/http"
import { target } from "./settings.ts"

const tags = { endpoint: "preflight", name: "preflight" }

/**
 * Makes sure who is on the port, and says what it runs, before any load goes there. Load on the wrong server is worse
 * than none, and requests signed for another name would all be refused (server-server-api, Request Authentication).
 */
export const checkTarget = async (serverName: string | undefined): Promise<void> => {
  const keys = await http.asyncRequest("GET", `${target}/_matrix/key/v2/server`, null, {
    tags,
    timeout: "10s",
  })
  if (keys.status !== 200)
    exec.test.abort(`nobody at ${target} tells keys: ${keys.error || `status ${keys.status}`}`)
  const name = (keys.json() as { server_name?: string }).server_name
  if (serverName !== undefined && name !== serverName) {
    exec.test.abort(`${target} is ${name}, and the requests are for ${serverName}`)
  }
  const version = await http.asyncRequest("GET", `${target}/_matrix/federation/v1/version`, null, {
    tags,
    timeout: "10s",
  })
  const told =
    version.status === 200 ? (version.json() as { server?: { name?: string; version?: string } }) : {}
  console.log(`${target} is ${name}, running ${told.server?.name ?? "?"} ${told.server?.version ?? "?"}`)
}
