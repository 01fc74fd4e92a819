import type { Dispatcher } from "undici"
import { Connection, type TlsTrust } from "./connection.ts"
import { getOrMake } from "./get-or-make.ts"
import type { HttpRequest } from "./sandbox/host.ts"

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

const noBytes = Buffer.alloc(0)

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
  #isDestroyed = false

  constructor(trust: TlsTrust) {
    this.#trust = trust
  }

  /** Sends a request. `done` is called once, whatever becomes of it, but not after `destroy`. */
  send(request: HttpRequest, done: (outcome: HttpOutcome) => void): void {
    const [, origin, rest = ""] = /^(https?:\/\/[^/?#]+)([^#]*)/i.exec(request.url) ?? []
    if (origin === undefined || !URL.canParse(origin)) {
      setImmediate(() => done(failure("invalid URL", 1_020)))
      return
    }
    const connection = this.#take(origin)
    const exchange = new Exchange(connection, request, (outcome) => {
      if (this.#isDestroyed) return
      connection.isBusy = false
      this.#inFlight.delete(inFlight)
      done(outcome)
    })
    const inFlight: InFlight = {
      deadlineMs: exchange.startedMs + request.timeoutMs,
      expire: () => exchange.fail(new TimedOut()),
    }
    this.#inFlight.add(inFlight)
    // The path goes out as it was given: it may be signed.
    exchange.dispatch(rest.startsWith("/") ? rest : `/${rest}`)
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
    this.#isDestroyed = true
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

  dispatch(path: string): void {
    const { method, body } = this.#request
    const headers: string[] = ["user-agent", "netsplit-load"]
    for (const [name, value] of Object.entries(this.#request.headers)) {
      if (name.toLowerCase() === "user-agent") headers[1] = value
      // undici writes the length itself.
      else if (name.toLowerCase() !== "content-length") headers.push(name, value)
    }
    this.#connection.client.dispatch(
      {
        path,
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
