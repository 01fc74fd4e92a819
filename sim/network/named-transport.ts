/** TLS over the simulated network: a handshake, the look at a certificate, and only then the request. */
import { Clock, Effect, Layer } from "effect"
import { Dns } from "effect/net"
import { DirectRequest, DirectResponse } from "#spec-impl/federation/direct/message.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import { WireError, type WireRequest } from "#spec-impl/federation/wire.ts"
import { makeNamedSend } from "#spec-impl/https/named-send.ts"
import { connectMsMax, type Endpoint, SecureTransport } from "#spec-impl/https/secure-transport.ts"
import { ServerResolver } from "#spec-impl/https/server-resolver.ts"
import type { Kernel } from "../kernel/kernel.ts"
import { certificateProblem, readCertificate } from "./certificates.ts"
import { simulatedDns } from "./name-lookup.ts"
import { authority, type Names } from "./names.ts"
import type { Network } from "./network.ts"

/** What a server sends by. */
export interface NamedParts {
  readonly kernel: Kernel
  readonly network: Network["Service"]
  readonly names: Names
}

const nothing = new Uint8Array(0)

/** `request` on its way to that node; typed calls stay such. */
const sentTo = (request: WireRequest, destination: string, host: string): WireRequest => {
  const headers = { ...request.headers, host }
  return request instanceof DirectRequest
    ? request.sentTo(destination, headers)
    : { ...request, destination, headers }
}

const makeTransport = ({ kernel, network, names }: NamedParts): SecureTransport["Service"] => {
  /** A handshake that fails, however it does, has sent nothing of the request. */
  const shake = (source: string, node: string, { address, port, certificateName }: Endpoint) =>
    network
      .send({
        source,
        destination: node,
        method: "CONNECT",
        target: authority(address, port),
        headers: certificateName === address ? {} : { "server-name": certificateName },
        body: nothing,
      })
      .pipe(
        Effect.mapError(({ reason }) =>
          reason === "refused"
            ? new WireError({ reason })
            : new WireError({ reason: "unreachable", detail: `${reason} while connecting` }),
        ),
        Effect.timeoutOrElse({
          duration: connectMsMax,
          orElse: () => new WireError({ reason: "unreachable", detail: "timed-out while connecting" }),
        }),
      )

  return {
    exchange: Effect.fnUntraced(function* (endpoint, request, answerBytesMax) {
      const { address, port, host, certificateName } = endpoint
      const { source } = request
      const node = names.nodeAt(address, port)
      const shown = yield* shake(source, node, endpoint)
      if (shown.status !== 200) return yield* new WireError({ reason: "refused" })
      const certificate = readCertificate(readJson(shown.body))
      const nowMs = yield* Clock.currentTimeMillis
      const problem =
        certificate === undefined
          ? "unknown-authority"
          : certificateProblem(certificate, certificateName, nowMs)
      if (problem !== undefined) {
        kernel.trace.record("bad-certificate", source, node, certificateName, problem)
        return yield* new WireError({ reason: "bad-certificate", detail: `${certificateName}: ${problem}` })
      }
      const answer = yield* network.send(sentTo(request, node, host))
      // Typed answers have no bytes, and are no longer than those of the other transport.
      if (!(answer instanceof DirectResponse) && answer.body.length > answerBytesMax) {
        return yield* new WireError({ reason: "reset", detail: `more than ${answerBytesMax} bytes` })
      }
      return answer
    }),
  }
}

/**
 * Makes what sends the requests of `source` to servers found by their names. Needs the identity and the chance of
 * that server.
 */
export const makeSimulatedSend = Effect.fnUntraced(function* (source: string, parts: NamedParts) {
  const surroundings = Layer.mergeAll(
    Layer.succeed(Dns.Dns, simulatedDns(source, parts.network)),
    Layer.succeed(SecureTransport, makeTransport(parts)),
  )
  const services = yield* Layer.build(ServerResolver.layer.pipe(Layer.provideMerge(surroundings)))
  const send = yield* Effect.provideContext(makeNamedSend, services)
  return (request: WireRequest, answerMsMax?: number) => {
    const sent = Effect.tapError(send(request), ({ reason, detail = "" }) =>
      Effect.sync(() =>
        parts.kernel.trace.record("not-reached", source, request.destination, reason, detail),
      ),
    )
    return answerMsMax === undefined
      ? sent
      : Effect.timeoutOrElse(sent, {
          duration: answerMsMax,
          orElse: () => new WireError({ reason: "timed-out" }),
        })
  }
})
