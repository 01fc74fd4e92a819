/**
 * A listener on the real network: whole requests in, whole answers out, as on the simulated one, so that the same
 * handler stands behind both. Nothing that comes in is unbounded, neither in bytes nor in time nor in number.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { Cause, Data, Effect, Exit, type Fiber, type Scope } from "effect"
import { MatrixError } from "../../federation/matrix-error.ts"
import type { WireHandler, WireResponse } from "../../federation/wire.ts"
import { InWork, type Placed } from "./in-work.ts"
import { readBody } from "./incoming-body.ts"
import { type ListenerLimits, tellsToComeAgain } from "./limits.ts"
import { endWith, internalError, refuse, sendUnparsed } from "./outgoing-answer.ts"
import { Slots } from "./slots.ts"
import { TurnEnd } from "./turn-end.ts"

/** Where to listen, and as whom. */
export interface ListenOptions {
  readonly host: string
  /** 0 for one that the system chooses. */
  readonly port: number
  /** In PEM; plain HTTP without it. */
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined
  readonly limits: ListenerLimits
}

/** The address cannot be listened on: `code` as the system has it. */
export class ListenFailure extends Data.TaggedError("ListenFailure")<{
  readonly code: string
  readonly address: string
}> {
  override get message(): string {
    return `cannot listen on ${this.address}: ${this.code}`
  }
}

/** A listener that takes requests. */
export interface Listener {
  /** `address:port`, the port as it turned out. */
  readonly address: string
  /**
   * Takes no more connections and requests, and is done when those in work are answered, or after the time that the
   * limits give them. GETs, which anybody may repeat, have a second: some wait for news.
   */
  readonly drain: Effect.Effect<void>
}

interface Work extends Placed {
  readonly method: string
  readonly fiber: Fiber.Fiber<WireResponse>
  readonly outgoing: ServerResponse
  /** When the answer began to leave; nothing of it has where undefined. */
  answeredMs: number | undefined
  /** Whether the other side was found to say no more, while it had no answer yet. */
  saysNoMore: boolean
  readonly free: () => void
}

const drainReadsMs = 1_000

const makeServer = ({ tls, limits }: ListenOptions): Server => {
  const options = {
    // RFC 9110 §5.3: what stands in several lines is one list. Of several signatures none may be lost.
    joinDuplicateHeaders: true,
    // Asked below, so that the answer is a Matrix error.
    requireHostHeader: false,
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersMsMax,
    requestTimeout: limits.requestMsMax,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headersMsMax),
    noDelay: true,
    // A request without a body is whole with its headers: no stream is read to its end for it.
    optimizeEmptyRequests: true,
  }
  const server: Server & { httpAllowHalfOpen?: boolean } =
    tls === undefined
      ? createServer(options)
      : createTlsServer({
          ...options,
          cert: tls.certificate,
          key: tls.key,
          // Server-server API §TLS asks for no version; RFC 8996 has retired those before 1.2.
          minVersion: "TLSv1.2",
          handshakeTimeout: limits.headersMsMax,
        })
  server.maxHeadersCount = limits.headersMax
  server.maxRequestsPerSocket = limits.requestsOfConnectionMax
  server.maxConnections = limits.connectionsMax
  server.timeout = limits.silenceMsMax
  // Who says no more may still listen: without this an answer that does not come at once is lost.
  server.httpAllowHalfOpen = true
  return server
}

/** Whoever it is that asks: an IPv4 address, or an IPv6 network of the size that one subscriber has. */
const askerOf = ({ remoteAddress = "" }: Socket): string => {
  if (!remoteAddress.includes(":")) return remoteAddress
  const address = remoteAddress.replace(/^::ffff:/, "")
  if (!address.includes(":")) return address
  const [head = "", tail] = address.split("::") as [string, string?]
  const groups = head === "" ? [] : head.split(":")
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === "" ? 0 : tail.split(":").length)
  return [...groups, ...Array<string>(Math.max(0, missing)).fill("0")].slice(0, 4).join(":")
}

/** RFC 9112 §3.2.2: a request may name the whole URL; what was signed is path and query. */
const targetOf = (url: string): string => (url.startsWith("/") ? url : url.replace(/^https?:\/\/[^/?]*/i, ""))

const headersOf = ({ headers }: IncomingMessage): Readonly<Record<string, string>> => {
  // Node has joined all others to strings.
  if (headers["set-cookie"] === undefined) return headers as Readonly<Record<string, string>>
  const joined: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = typeof value === "string" ? value : value.join(", ")
  }
  return joined
}

/** Answers what comes to that address by `handler`, for as long as the scope lives. */
export const listen = Effect.fnUntraced(function* (
  options: ListenOptions,
  handler: WireHandler,
): Effect.fn.Return<Listener, ListenFailure, Scope.Scope> {
  const { limits } = options
  const surroundings = yield* Effect.context<never>()
  const run = Effect.runForkWith(surroundings)
  const server = makeServer(options)
  const slots = new Slots(limits.requestsMax, limits.requestsOfAddressMax)
  const inWork = new InWork<Work>()
  const beginnings = new TurnEnd()
  const budget = { weight: 0 }
  const answering = new Set<Socket>()
  let isDraining = false

  const take = (incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue: boolean): void => {
    const { socket, url = "" } = incoming
    answering.add(socket)
    const free = slots.take(askerOf(socket))
    if (free === undefined) {
      outgoing.on("close", () => answering.delete(socket))
      refuse(incoming, outgoing, tellsToComeAgain())
      return
    }
    if (incoming.headers.host === undefined && incoming.httpVersion === "1.1") {
      // RFC 9112 §3.2.
      outgoing.on("close", () => {
        answering.delete(socket)
        free()
      })
      refuse(
        incoming,
        outgoing,
        new MatrixError({ status: 400, errcode: "M_UNKNOWN", error: "no Host header" }),
      )
      return
    }
    let work: Work | undefined
    const options = { limits, budget, target: targetOf(url), expectsContinue }
    const body = readBody(incoming, outgoing, options, (given) => {
      if (given instanceof MatrixError) return refuse(incoming, outgoing, given)
      beginnings.add(() => {
        if (!outgoing.closed) work = begin(incoming, outgoing, given, free)
      })
    })
    outgoing.on("close", () => {
      answering.delete(socket)
      body.release()
      if (work === undefined) free()
      else leave(work)
    })
  }

  /** What it takes is free again when the work is done and the answer is gone, or nobody wants it any more. */
  const begin = (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    body: Uint8Array,
    free: () => void,
  ): Work => {
    const { method = "", url = "", socket } = incoming
    const headers = headersOf(incoming)
    const { host: destination = "" } = headers
    const source = socket.remoteAddress ?? ""
    const fiber = run(handler({ source, destination, method, target: targetOf(url), headers, body }))
    const work: Work = { method, fiber, outgoing, answeredMs: undefined, saysNoMore: false, free, place: -1 }
    inWork.add(work)
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) run(Effect.logError(exit.cause))
      work.answeredMs = performance.now()
      if (!outgoing.destroyed) sendAnswer(outgoing, Exit.isSuccess(exit) ? exit.value : internalError)
      end(work)
    })
    return work
  }

  /** What cannot be written as HTTP is no answer. */
  const sendAnswer = (outgoing: ServerResponse, response: WireResponse): void => {
    try {
      endWith(outgoing, response, isDraining)
    } catch (error) {
      run(Effect.logError(error))
      outgoing.destroy()
    }
  }

  const end = (work: Work): void => {
    if (!work.outgoing.closed || work.fiber.pollUnsafe() === undefined) return
    inWork.remove(work)
    work.free()
  }

  /** Nobody is there any more. RFC 9110 §9.2.1: a GET asks for nothing to be done, so nothing is left half done. */
  const leave = (work: Work): void => {
    // All others are finished, whether anybody waits or not.
    if (!work.outgoing.writableEnded && work.method === "GET") work.fiber.interruptUnsafe()
    end(work)
  }

  /**
   * Who does not take an answer in time gets no more of it; and who closed the connection, or only says no more, does
   * not wait for news. All are looked at together: a timer each costs too much.
   */
  const endOverdue = (): void => {
    const sinceMs = performance.now() - limits.answerMsMax
    for (const work of inWork) {
      const { outgoing, answeredMs } = work
      const waitsInVain = answeredMs === undefined && work.saysNoMore && work.method === "GET"
      if (waitsInVain || (answeredMs ?? sinceMs) < sinceMs) outgoing.destroy()
      else work.saysNoMore = outgoing.socket?.readableEnded === true
    }
  }

  server.on("request", (incoming, outgoing) => take(incoming, outgoing, false))
  server.on("checkContinue", (incoming, outgoing) => take(incoming, outgoing, true))
  server.on("checkExpectation", (incoming, outgoing) =>
    refuse(
      incoming,
      outgoing,
      new MatrixError({ status: 417, errcode: "M_UNKNOWN", error: "no such expectation" }),
    ),
  )
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    // In the middle of an answer there is no place for another one.
    if (answering.has(socket)) socket.destroy()
    else sendUnparsed(error, socket)
  })
  // Callers that turn away during the handshake, or do not speak TLS at all: Node has closed the connection.
  server.on("tlsClientError", () => undefined)

  yield* Effect.acquireRelease(
    Effect.sync(() => setInterval(endOverdue, Math.min(1_000, limits.answerMsMax)).unref()),
    (looking) => Effect.sync(() => clearInterval(looking)),
  )
  yield* Effect.acquireRelease(bind(server, options), () =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    }),
  )
  // From here on: a connection that could not be accepted, for lack of file descriptors. The next one may.
  server.on("error", () => undefined)

  const drain = Effect.gen(function* () {
    isDraining = true
    server.close()
    server.closeIdleConnections()
    const startedMs = Date.now()
    for (;;) {
      const waitedMs = Date.now() - startedMs
      if (inWork.size + beginnings.size === 0 || waitedMs > limits.drainMsMax) break
      for (const { method, fiber, outgoing } of waitedMs > drainReadsMs ? inWork : []) {
        if (method !== "GET") continue
        fiber.interruptUnsafe()
        outgoing.destroy()
      }
      yield* Effect.sleep(20)
    }
  })
  const { address, port, family } = server.address() as AddressInfo
  return { address: `${family === "IPv6" ? `[${address}]` : address}:${port}`, drain }
})

const bind = (server: Server, { host, port }: ListenOptions): Effect.Effect<void, ListenFailure> =>
  Effect.callback((resume) => {
    server.once("error", ({ code = "" }: NodeJS.ErrnoException) =>
      resume(Effect.fail(new ListenFailure({ code, address: `${host}:${port}` }))),
    )
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.removeAllListeners("error")
      resume(Effect.void)
    })
  })
