/** How the origin reaches the target: at the address that the run names, whatever the target is called. */

import { request as requestHttp } from "node:http"
import { Agent, request as requestHttps } from "node:https"
import { Effect, Layer } from "effect"
import { HttpClient } from "effect/http"
import { FederationClient } from "#spec-impl/federation/client.ts"
import { IdentityServers } from "#spec-impl/federation/third-party-invites/identity-servers.ts"
import { WebClient } from "#spec-impl/federation/web-client.ts"
import { WireError, type WireRequest, type WireResponse, wireHttpClient } from "#spec-impl/federation/wire.ts"

/** Where the target listens, and by which authorities its certificate is judged; undefined: by none. */
export interface TargetAddress {
  readonly serverName: string
  readonly url: string
  readonly authority: string | undefined
}

const answerBytesMax = 64 * 1_048_576
const answerMsMax = 60_000

/** Sends a request there as it stands. */
export const sendTo = (
  address: TargetAddress,
): ((request: WireRequest) => Effect.Effect<WireResponse, WireError>) => {
  const isPlain = address.url.startsWith("http:")
  const agent = new Agent({
    keepAlive: true,
    ...(address.authority === undefined ? { rejectUnauthorized: false } : { ca: address.authority }),
  })
  return ({ destination, method, target, headers, body }) =>
    destination !== address.serverName
      ? Effect.fail(
          new WireError({ reason: "unresolved", detail: `the origin knows ${address.serverName} only` }),
        )
      : Effect.callback((resume) => {
          const fail = (detail: string) => resume(Effect.fail(new WireError({ reason: "refused", detail })))
          const url = new URL(target, address.url)
          const options = {
            method,
            headers: { ...headers, host: destination, "content-length": body.length },
            timeout: answerMsMax,
          }
          const outgoing = isPlain
            ? requestHttp(url, options)
            : requestHttps(url, { ...options, agent, servername: "" })
          outgoing.on("error", (error) => fail(error.message))
          outgoing.on("timeout", () => outgoing.destroy(new Error("no answer")))
          outgoing.on("response", (incoming) => {
            const chunks: Buffer[] = []
            let length = 0
            incoming.on("data", (chunk: Buffer) => {
              length += chunk.length
              if (length > answerBytesMax) outgoing.destroy(new Error("the answer is too large"))
              else chunks.push(chunk)
            })
            incoming.on("end", () => {
              const { "content-type": type = "application/json" } = incoming.headers
              const status = incoming.statusCode ?? 0
              resume(
                Effect.succeed({ status, headers: { "content-type": type }, body: Buffer.concat(chunks) }),
              )
            })
          })
          outgoing.end(body)
        })
}

const nobody = Effect.fail(
  new WireError({ reason: "refused", detail: "the origin of a load asks nobody else" }),
)

/** The clients of a homeserver that knows one other. */
export const layerTargetClients = (serverName: string, target: TargetAddress) =>
  Layer.mergeAll(
    FederationClient.layer.pipe(
      Layer.provide(Layer.succeed(HttpClient.HttpClient, wireHttpClient(serverName, sendTo(target)))),
    ),
    IdentityServers.layer.pipe(
      Layer.provide(
        Layer.succeed(
          HttpClient.HttpClient,
          wireHttpClient(serverName, () => nobody),
        ),
      ),
    ),
    Layer.succeed(WebClient, { get: () => nobody }),
  )
