/** For tests: a TLS server and a name server on the loopback interface. */
import { createSocket } from "node:dgram"
import { readFileSync } from "node:fs"
import { createServer, type ServerOptions } from "node:https"
import type { AddressInfo } from "node:net"
import type { TLSSocket } from "node:tls"
import { Effect } from "effect"

export const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8")

/** What a request looked like to the server. */
export interface Heard {
  readonly host: string | undefined
  /** The name of the handshake; false where it named none. */
  readonly serverName: string | false | null
  readonly method: string | undefined
  readonly target: string | undefined
  readonly body: string
}

/** Answers each request with what `respond` gives, in the certificate `certificate`.pem, for as long as the scope lives. */
export const serveTls = Effect.fnUntraced(function* (
  certificate: string,
  respond: (heard: Heard) => { readonly status?: number; readonly body: string } | undefined,
) {
  const heard: Heard[] = []
  const options: ServerOptions = { key: fixture("server.key"), cert: fixture(`${certificate}.pem`) }
  const server = createServer(options, (incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
    incoming.on("end", () => {
      const { host } = incoming.headers
      const { servername: serverName } = incoming.socket as TLSSocket & {
        readonly servername: string | false
      }
      const { method, url: target } = incoming
      const one = { host, serverName, method, target, body: Buffer.concat(chunks).toString() }
      heard.push(one)
      const answer = respond(one)
      if (answer === undefined) return outgoing.destroy()
      outgoing.writeHead(answer.status ?? 200, { "content-type": "application/json" }).end(answer.body)
    })
  })
  // Callers that turn away during the handshake are what is tested.
  server.on("tlsClientError", () => undefined)
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      }),
  )
  return { port: (server.address() as AddressInfo).port, heard }
})

const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ])

/** An SRV record, as a name server gives it: or a whole answer's code, 2 for a failing server. */
export type ServiceAnswer = { readonly target: string; readonly port: number } | 2

/** A name server that knows those SRV records, and that there are no others; RFC 1035 §4 as far as they need it. */
export const serveNames = Effect.fnUntraced(function* (services: Readonly<Record<string, ServiceAnswer>>) {
  const socket = createSocket("udp4")
  socket.on("message", (query, { address, port }) => {
    let end = 12
    const labels: string[] = []
    for (let length = query[end]!; length > 0; length = query[end]!) {
      labels.push(query.toString("ascii", end + 1, end + 1 + length))
      end += 1 + length
    }
    const question = query.subarray(12, end + 5)
    const service = question.readUInt16BE(question.length - 4) === 33 ? services[labels.join(".")] : undefined
    const code = service === undefined ? 3 : service === 2 ? 2 : 0
    const record = (): Buffer => {
      if (service === undefined || service === 2) return Buffer.alloc(0)
      const target = nameBytes(service.target)
      const head = Buffer.alloc(18)
      // The name of the question, SRV, IN, a minute, the length; priority, weight, port.
      head.writeUInt16BE(0xc00c, 0)
      head.writeUInt16BE(33, 2)
      head.writeUInt16BE(1, 4)
      head.writeUInt32BE(60, 6)
      head.writeUInt16BE(6 + target.length, 10)
      head.writeUInt16BE(service.port, 16)
      return Buffer.concat([head, target])
    }
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(0x8180 | code, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(code === 0 ? 1 : 0, 6)
    socket.send(Buffer.concat([header, question, record()]), port, address)
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void socket.bind(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => socket.close()),
  )
  return `127.0.0.1:${socket.address().port}`
})
