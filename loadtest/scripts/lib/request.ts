import { check } from "k6"
import http from "k6/http"
import { Counter } from "k6/metrics"
import type { PreparedRequest } from "./corpus.ts"
import { target } from "./settings.ts"

/** PDUs that the target took, and PDUs to which its answer to `/send` has an `error`. */
const pdusAccepted = new Counter("pdus_accepted")
const pduErrors = new Counter("pdu_errors")

interface Answer {
  readonly status: number
  readonly body: string | null
}

/**
 * Sends a request of the corpus, and judges the answer. `asyncRequest` and not `request`: k6 runs both, and the node
 * engine, which has one thread for all VUs, cannot block one of them.
 */
export const send = async (request: PreparedRequest, host: string): Promise<Answer> => {
  const { method, path, authorization, endpoint, body } = request
  const headers: Record<string, string> = { Authorization: authorization, Host: host }
  if (body !== null) headers["Content-Type"] = "application/json"
  const tags = { endpoint, name: endpoint }
  // Only two answers are read: others may be large, and the generator has better things to do.
  const responseType = endpoint === "send" || endpoint === "make_join" ? "text" : "none"
  const { status, body: text } = await http.asyncRequest(method, target + path, body, {
    headers,
    tags,
    responseType,
  })
  check(status, { [`${endpoint} answers 200`]: (given) => given === 200 }, tags)
  if (endpoint === "send" && status === 200) countPdus(text as string)
  return { status, body: text as string | null }
}

/** An `error` of a PDU is a failure, whatever the status (server-server-api, PUT /send: PDU Processing Result). */
const countPdus = (text: string): void => {
  const { pdus } = JSON.parse(text) as { pdus: Readonly<Record<string, { readonly error?: string }>> }
  let [accepted, failed] = [0, 0]
  for (const [eventId, { error }] of Object.entries(pdus)) {
    if (error === undefined) accepted += 1
    else {
      failed += 1
      console.error(`${eventId}: ${error}`)
    }
  }
  pdusAccepted.add(accepted)
  pduErrors.add(failed)
}
