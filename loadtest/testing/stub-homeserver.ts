import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface StubRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

export interface StubOptions {
  readonly serverName: string
  /** Answers instead of the stub where it gives something. */
  readonly answer?: (request: StubRequest) => { readonly status: number; readonly body: unknown } | undefined
  readonly delayMs?: number
}

/** Answers as a homeserver would that finds nothing wrong, and keeps what it was asked. */
export const startStub = async ({ serverName, answer, delayMs = 0 }: StubOptions) => {
  const requests: StubRequest[] = []
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
    incoming.on("end", () => {
      const { method = "", url = "", headers } = incoming
      const request: StubRequest = { method, path: url, headers, body: Buffer.concat(chunks).toString() }
      requests.push(request)
      const { status, body } = answer?.(request) ?? { status: 200, body: usualAnswer(serverName, request) }
      setTimeout(() => respond(response, status, body), delayMs)
    })
  })
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const respond = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

const usualAnswer = (serverName: string, { path, body }: StubRequest): unknown => {
  if (path === "/_matrix/key/v2/server") return { server_name: serverName }
  if (path === "/_matrix/federation/v1/version") return { server: { name: "stub", version: "1" } }
  if (path.startsWith("/_matrix/federation/v1/send/")) {
    const { pdus } = JSON.parse(body) as { pdus: readonly unknown[] }
    return { pdus: Object.fromEntries(pdus.map((_, i) => [`$${i}`, {}])) }
  }
  const join = /\/make_join\/([^/]+)\/([^/?]+)/.exec(path)
  if (join !== null) {
    const [room_id, sender] = join.slice(1).map(decodeURIComponent)
    return { room_version: "11", event: { type: "m.room.member", room_id, sender, state_key: sender } }
  }
  return { origin: serverName, pdus: [], pdu_ids: [], auth_chain: [], auth_chain_ids: [], state: [] }
}
