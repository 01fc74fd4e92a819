/** TLS over the real network (server-server API §TLS). */
import type { ClientRequest, IncomingMessage } from "node:http"
import { Agent, request as httpsRequest } from "node:https"
import { isIP } from "node:net"
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls"
import { Effect, Layer } from "effect"
import { WireError, type WireRequest, type WireResponse } from "../federation/wire.ts"
import { type AddressPolicy, allowing } from "./address-policy.ts"
import { type CertificateProblem, connectMsMax, type Endpoint, SecureTransport } from "./secure-transport.ts"

export interface HttpsOptions {
  /** Certificates in PEM of authorities that are trusted beside those of the system. */
  readonly authorities?: readonly string[]
  /** Where connections may go; to public addresses alone where it is not said. */
  readonly allows?: AddressPolicy
}

/** What Node and OpenSSL call what is wrong with a certificate. */
const certificateProblems: Readonly<Record<string, CertificateProblem>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "wrong-name",
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not-yet-valid",
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown-authority",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown-authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown-authority",
}

/** Why there was no connection. */
const unconnected = (error: NodeJS.ErrnoException, certificateName: string): WireError => {
  const { code = error.message } = error
  const problem = certificateProblems[code]
  if (problem !== undefined) {
    return new WireError({ reason: "bad-certificate", detail: `${certificateName}: ${problem}` })
  }
  return new WireError({ reason: code === "ECONNREFUSED" ? "refused" : "unreachable", detail: code })
}

/** Reads an answer to its end; more than so many bytes break it off. */
const readAnswer = (
  incoming: IncomingMessage,
  bytesMax: number,
  done: (answer: Effect.Effect<WireResponse, WireError>) => void,
): void => {
  const chunks: Buffer[] = []
  let bytes = 0
  const broken = (detail: string) => done(Effect.fail(new WireError({ reason: "reset", detail })))
  incoming.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= bytesMax) chunks.push(chunk)
    else {
      incoming.destroy()
      broken(`more than ${bytesMax} bytes`)
    }
  })
  incoming.on("error", (error) => broken(error.message))
  // Not at its end: only now is the connection free for the next request.
  incoming.on("close", () => {
    if (!incoming.complete) return broken("the answer ended before its length")
    const headers = Object.entries(incoming.headers).map(([name, value]) => [name, [value].flat().join(", ")])
    done(
      Effect.succeed({
        status: incoming.statusCode ?? 0,
        headers: Object.fromEntries(headers),
        body: new Uint8Array(Buffer.concat(chunks)),
      }),
    )
  })
}

/**
 * Connections that are kept for the next request to the same address, port and certificate name, and for no other: a
 * certificate that was good for one name says nothing of another.
 */
const makeAgent = (secureContext: SecureContext): Agent =>
  new Agent({
    keepAlive: true,
    secureContext,
    maxSockets: 32,
    maxFreeSockets: 4,
    maxTotalSockets: 1_024,
    timeout: idleMsMax,
    scheduling: "lifo",
  })

/** A connection that nobody used for so long is closed; most servers keep it no longer either. */
const idleMsMax = 30_000

/**
 * Whether a request may go over a connection that the other side may be about to close, since it may be sent again
 * when it was lost with it (RFC 9110 §9.2.2). So may all but POST: transactions have ids.
 */
const isRepeatable = ({ method }: WireRequest): boolean => method !== "POST"

/** What a kept connection says that was closed before anything was answered. */
const isStale = (outgoing: ClientRequest, { code }: NodeJS.ErrnoException): boolean =>
  outgoing.reusedSocket && (code === "ECONNRESET" || code === "EPIPE")

/** Connections are kept for a while, and those of whoever does not wait any more are closed. */
export const layerHttpsTransport = (options: HttpsOptions = {}): Layer.Layer<SecureTransport> =>
  Layer.effect(
    SecureTransport,
    Effect.gen(function* () {
      const allows = options.allows ?? allowing([])
      // Once: reading all authorities takes longer than the rest of a connection.
      const secureContext = createSecureContext({
        ca: [...getCACertificates("default"), ...(options.authorities ?? [])],
        minVersion: "TLSv1.2",
      })
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => makeAgent(secureContext)),
        (made) => Effect.sync(() => made.destroy()),
      )
      return {
        exchange: (endpoint, request, answerBytesMax) =>
          Effect.callback<WireResponse, WireError>((resume) => {
            const { address } = endpoint
            if (!allows(address)) {
              const detail = `connections to ${address} are not allowed`
              return resume(Effect.fail(new WireError({ reason: "unreachable", detail })))
            }
            let outgoing: ClientRequest
            const attempt = (by: Agent | false): void => {
              outgoing = send({ agent: by, secureContext, endpoint, request, answerBytesMax }, resume, () =>
                attempt(false),
              )
            }
            attempt(isRepeatable(request) ? agent : false)
            return Effect.sync(() => outgoing.destroy())
          }),
      }
    }),
  )

interface Sending {
  readonly agent: Agent | false
  readonly secureContext: SecureContext
  readonly endpoint: Endpoint
  readonly request: WireRequest
  readonly answerBytesMax: number
}

/** Sends once. `again` is called instead of `done` where a kept connection turned out to be closed. */
const send = (
  { agent, secureContext, endpoint, request, answerBytesMax }: Sending,
  done: (answer: Effect.Effect<WireResponse, WireError>) => void,
  again: () => void,
): ClientRequest => {
  const { address, port, host, certificateName } = endpoint
  const { method, target, headers, body } = request
  const outgoing = httpsRequest({
    agent,
    ...(agent === false ? { secureContext } : {}),
    // An address, so that no name is looked up once more after it was found to be allowed.
    host: address,
    port,
    // §TLS: no SNI where the certificate is to be an address's.
    servername: isIP(certificateName) === 0 ? certificateName : "",
    method,
    path: target,
    maxHeaderSize: headerBytesMax,
    headers: { ...headers, host, "content-length": body.length },
  })
  let isConnected = false
  let overdue: NodeJS.Timeout | undefined
  // Nothing is written, and so nothing can be sent, before the certificate was found to be valid.
  const write = (): void => {
    clearTimeout(overdue)
    isConnected = true
    outgoing.end(body)
  }
  outgoing.on("socket", (socket) => {
    if (outgoing.reusedSocket) return write()
    overdue = setTimeout(() => outgoing.destroy(new Error("timed-out while connecting")), connectMsMax)
    socket.once("secureConnect", write)
  })
  outgoing.on("response", (incoming) => readAnswer(incoming, answerBytesMax, done))
  outgoing.on("close", () => clearTimeout(overdue))
  outgoing.on("error", (error) => {
    if (isStale(outgoing, error)) return again()
    done(
      Effect.fail(
        isConnected
          ? new WireError({ reason: "reset", detail: error.message })
          : unconnected(error, certificateName),
      ),
    )
  })
  return outgoing
}

/** The headers of one answer. */
const headerBytesMax = 32 * 1_024
