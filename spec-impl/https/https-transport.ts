/** TLS over the real network (server-server API §TLS). */
import type { IncomingMessage } from "node:http"
import { request as httpsRequest } from "node:https"
import { isIP } from "node:net"
import { getCACertificates } from "node:tls"
import { Effect, Layer } from "effect"
import { WireError, type WireResponse } from "../federation/wire.ts"
import { type AddressPolicy, allowing } from "./address-policy.ts"
import { type CertificateProblem, connectMsMax, SecureTransport } from "./secure-transport.ts"

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
  incoming.on("end", () => {
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

/** One connection for each request, that ends with its answer, or with whoever waits for it. */
export const layerHttpsTransport = (options: HttpsOptions = {}): Layer.Layer<SecureTransport> =>
  Layer.sync(SecureTransport, () => {
    const allows = options.allows ?? allowing([])
    const ca = [...getCACertificates("default"), ...(options.authorities ?? [])]
    return {
      exchange: (
        { address, port, host, certificateName },
        { method, target, headers, body },
        answerBytesMax,
      ) =>
        Effect.callback<WireResponse, WireError>((resume) => {
          if (!allows(address)) {
            const detail = `connections to ${address} are not allowed`
            return resume(Effect.fail(new WireError({ reason: "unreachable", detail })))
          }
          let isConnected = false
          const outgoing = httpsRequest({
            agent: false,
            ca,
            host: address,
            port,
            // §TLS: no SNI where the certificate is to be an address's.
            servername: isIP(certificateName) === 0 ? certificateName : "",
            method,
            path: target,
            headers: { ...headers, host, "content-length": body.length },
          })
          const overdue = setTimeout(
            () => outgoing.destroy(new Error("timed-out while connecting")),
            connectMsMax,
          )
          // Nothing is written, and so nothing can be sent, before the certificate was found to be valid.
          outgoing.on("socket", (socket) =>
            socket.once("secureConnect", () => {
              clearTimeout(overdue)
              isConnected = true
              outgoing.end(body)
            }),
          )
          outgoing.on("response", (incoming) => readAnswer(incoming, answerBytesMax, resume))
          outgoing.on("error", (error) => {
            clearTimeout(overdue)
            const { message } = error
            resume(
              Effect.fail(
                isConnected
                  ? new WireError({ reason: "reset", detail: message })
                  : unconnected(error, certificateName),
              ),
            )
          })
          return Effect.sync(() => {
            clearTimeout(overdue)
            outgoing.destroy()
          })
        }),
    }
  })
