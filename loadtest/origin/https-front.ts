/** The origin's listener on the real network. Who reaches it is the target, so it need not fend for itself. */
import { createServer, type Server } from "node:https"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"
import type { WireHandler } from "#spec-impl/federation/wire.ts"
import type { TlsIdentity } from "./certificates.ts"

/** Where the origin listens; port 0: any. */
export interface Listening {
  readonly host: string
  readonly port: number
  readonly tls: TlsIdentity
}

const bodyBytesMax = 16 * 1_048_576

/** Listens; gives the port, and what stops it. `handler` is asked for at each request: there is none at first. */
export const openFront = async (
  { host, port, tls }: Listening,
  handler: () => WireHandler | undefined,
): Promise<{ readonly port: number; readonly close: () => void }> => {
  const server: Server = createServer({ cert: tls.certificate, key: tls.key }, (incoming, outgoing) => {
    const chunks: Buffer[] = []
    let length = 0
    incoming.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length > bodyBytesMax) incoming.destroy()
      else chunks.push(chunk)
    })
    incoming.on("end", () => {
      const handle = handler()
      if (handle === undefined) return outgoing.writeHead(503).end()
      const { method = "", url: target = "" } = incoming
      const headers = Object.fromEntries(
        Object.entries(incoming.headersDistinct).map(([name, values = []]) => [name, values.join(", ")]),
      )
      const { host: destination = "" } = headers
      const request = { source: "", destination, method, target, headers, body: Buffer.concat(chunks) }
      const answer = Effect.map(handle(request), ({ status, headers: given, body }) => {
        outgoing.writeHead(status, { ...given, "content-length": body.length }).end(body)
      })
      return void Effect.runPromise(answer).catch((error: unknown) => {
        console.error(`the origin could not answer ${method} ${target}: ${error}`)
        outgoing.writeHead(500).end()
      })
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen({ host, port }, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
