import { connect as connectTcp, isIP, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { Client, type Dispatcher } from "undici"
import { getOrMake } from "./get-or-make.ts"
import type { HttpRequest } from "./sandbox/host.ts"

/** How TLS trusts: `insecureSkipTLSVerify` of k6, or an authority besides those of the system. */
export interface TlsTrust {
  readonly skipVerify: boolean
  readonly authority?: string | Buffer
}

/** What became of a request, with k6's timings in milliseconds and its error codes. */
export interface HttpOutcome {
  status: number
  headers: string
  body: Buffer
  error: string
  errorCode: number
  blockedMs: number
  connectingMs: number
  tlsMs: number
  sendingMs: number
  waitingMs: number
  receivingMs: number
  bytesSent: number
  bytesReceived: number
}

/** What the script must wait for before its first byte is sent is no part of the duration, as in k6. */
interface Opening {
  socket: Socket | undefined
  connectingMs: number
  tlsMs: number
}

const noBytes = Buffer.alloc(0)

/** One kept connection: HTTP/1.1, a request at a time. */
class Connection {
  readonly client: Client
  readonly opening: Opening = { socket: undefined, connectingMs: 0, tlsMs: 0 }
  isBusy = false
  bytesWritten = 0
  bytesRead = 0

  constructor(origin: string, trust: TlsTrust) {
    this.client = new Client(origin, {
      pipelining: 1,
      allowH2: false,
      // The deadline of a request is the caller's (`HttpClient.expire`): one sweep, no timer for each.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (options, callback) => {
        const started = performance.now()
        const { hostname, protocol } = options
        const port = Number(options.port) || (protocol === "https:" ? 443 : 80)
        const ready = (socket: Socket): void => {
          socket.removeListener("error", failed)
          this.bytesWritten = 0
          this.bytesRead = 0
          this.opening.socket = socket
          callback(null, socket)
        }
        const failed = (error: Error): void => callback(error, null)
        const onTcp = (): void => {
          this.opening.connectingMs = performance.now() - started
        }
        if (protocol === "https:") {
          const socket = connectTls({
            host: hostname,
            port,
            ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
            rejectUnauthorized: !trust.skipVerify,
            ...(trust.authority === undefined ? {} : { ca: trust.authority }),
            ALPNProtocols: ["http/1.1"],
          })
          socket.once("connect", onTcp).once("error", failed)
          socket.once("secureConnect", () => {
            this.opening.tlsMs = performance.now() - started - this.opening.connectingMs
            ready(socket.setNoDelay(true))
          })
        } else {
          const socket = connectTcp({ host: hostname, port })
          socket.once("error", failed)
          socket.once("connect", () => {
            onTcp()
            ready(socket.setNoDelay(true))
          })
        }
      },
    })
  }
}

interface InFlight {
  readonly deadlineMs: number
  readonly expire: () => void
}

/**
 * The connections of one VU, kept from iteration to iteration as k6 keeps them. A request takes one that is idle, or
 * opens another.
 */
export class HttpClient {
  readonly #byOrigin = new Map<string, Connection[]>()
  readonly #inFlight = new Set<InFlight>()
  readonly #trust: TlsTrust

  constructor(trust: TlsTrust) {
    this.#trust = trust
  }

  /** Sends a request. `done` is called once, whatever becomes of it, and never at once. */
  send(request: HttpRequest, done: (outcome: HttpOutcome) => void): void {
    let url: URL
    try {
      url = new URL(request.url)
    } catch {
      setImmediate(() => done(failure("invalid URL", 1_020)))
      return
    }
    const connection = this.#take(url.origin)
    const exchange = new Exchange(connection, request, (outcome) => {
      connection.isBusy = false
      this.#inFlight.delete(inFlight)
      done(outcome)
    })
    const inFlight: InFlight = {
      deadlineMs: exchange.startedMs + request.timeoutMs,
      expire: () => exchange.fail(new TimedOut()),
    }
    this.#inFlight.add(inFlight)
    exchange.dispatch(url)
  }

  #take(origin: string): Connection {
    const connections = getOrMake(this.#byOrigin, origin, () => [])
    let idle = connections.find(({ isBusy }) => !isBusy)
    if (idle === undefined) {
      idle = new Connection(origin, this.#trust)
      connections.push(idle)
    }
    idle.isBusy = true
    return idle
  }

  /** Ends the requests whose time is over. */
  expire(nowMs: number): void {
    for (const { deadlineMs, expire } of this.#inFlight) if (deadlineMs <= nowMs) expire()
  }

  /** Closes all connections; requests under way are given up. */
  destroy(): void {
    for (const connections of this.#byOrigin.values()) {
      for (const { client } of connections) client.destroy().catch(() => {})
    }
    this.#byOrigin.clear()
  }
}

class TimedOut extends Error {
  constructor() {
    super("request timeout")
  }
}

/** One request on its connection, as undici tells of it. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly startedMs = performance.now()
  readonly #connection: Connection
  readonly #request: HttpRequest
  readonly #done: (outcome: HttpOutcome) => void
  readonly #chunks: Buffer[] = []
  #controller: Dispatcher.DispatchController | undefined
  #sentMs = 0
  #requestSentMs = 0
  #answeredMs = 0
  #status = 0
  #headers = ""
  #isDone = false

  constructor(connection: Connection, request: HttpRequest, done: (outcome: HttpOutcome) => void) {
    this.#connection = connection
    this.#request = request
    this.#done = done
  }

  dispatch(url: URL): void {
    const { method, body } = this.#request
    const headers: string[] = ["user-agent", "netsplit-load"]
    for (const [name, value] of Object.entries(this.#request.headers)) {
      if (name.toLowerCase() === "user-agent") headers[1] = value
      // undici writes the length itself.
      else if (name.toLowerCase() !== "content-length") headers.push(name, value)
    }
    this.#connection.client.dispatch(
      {
        path: url.pathname + url.search,
        method: method as Dispatcher.HttpMethod,
        headers,
        body: body === undefined ? null : typeof body === "string" ? body : Buffer.from(body),
      },
      this,
    )
  }

  /** Gives the request up. */
  fail(error: Error): void {
    this.#controller?.abort(error)
    this.onResponseError(this.#controller, error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#sentMs = performance.now()
    if (this.#isDone) controller.abort(new TimedOut())
  }

  onRequestSent(): void {
    this.#requestSentMs = performance.now()
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Record<string, unknown>): void {
    // A provisional answer (1xx) is none yet.
    if (status < 200) return
    this.#answeredMs = performance.now()
    this.#status = status
    for (const name in headers) {
      const value = headers[name]
      this.#headers += `${name}\n${Array.isArray(value) ? value.join(", ") : String(value)}\n`
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#request.keepBody !== "none") this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    this.#end("", 0)
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#status = 0
    this.#end(error.message, errorCode(error))
  }

  #end(error: string, code: number): void {
    if (this.#isDone) return
    this.#isDone = true
    const now = performance.now()
    const sent = this.#sentMs === 0 ? now : this.#sentMs
    const answered = this.#answeredMs === 0 ? now : this.#answeredMs
    const requestSent = Math.min(Math.max(this.#requestSentMs, sent), answered)
    const connection = this.#connection
    const { connectingMs, tlsMs, socket } = connection.opening
    connection.opening.connectingMs = 0
    connection.opening.tlsMs = 0
    const bytesSent = (socket?.bytesWritten ?? 0) - connection.bytesWritten
    const bytesReceived = (socket?.bytesRead ?? 0) - connection.bytesRead
    connection.bytesWritten += bytesSent
    connection.bytesRead += bytesReceived
    const chunks = this.#chunks
    this.#done({
      status: this.#status,
      headers: this.#headers,
      body: chunks.length === 1 ? chunks[0]! : chunks.length === 0 ? noBytes : Buffer.concat(chunks),
      error,
      errorCode: code,
      blockedMs: Math.max(0, sent - this.startedMs - connectingMs - tlsMs),
      connectingMs,
      tlsMs,
      sendingMs: requestSent - sent,
      waitingMs: answered - requestSent,
      receivingMs: now - answered,
      bytesSent,
      bytesReceived,
    })
  }
}

const failure = (error: string, errorCode: number): HttpOutcome => ({
  status: 0,
  headers: "",
  body: noBytes,
  error,
  errorCode,
  blockedMs: 0,
  connectingMs: 0,
  tlsMs: 0,
  sendingMs: 0,
  waitingMs: 0,
  receivingMs: 0,
  bytesSent: 0,
  bytesReceived: 0,
})

/** The numbers of k6's page "Error codes", as far as Node tells the cases apart. */
const errorCode = (error: Error): number => {
  if (error instanceof TimedOut) return 1_050
  const { code = "" } = error as { code?: string }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return 1_101
  if (code === "ECONNREFUSED") return 1_212
  if (code === "ETIMEDOUT" || code === "UND_ERR_CONNECT_TIMEOUT") return 1_211
  if (code === "ECONNRESET" || code === "UND_ERR_SOCKET") return 1_220
  if (code.startsWith("CERT_") || code.includes("SELF_SIGNED") || code.includes("UNABLE_TO_")) return 1_310
  if (code.startsWith("ERR_TLS") || code.startsWith("ERR_SSL")) return 1_300
  return 1_000
}
