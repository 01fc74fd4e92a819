/** The client of a real homeserver: servers found by real names, over real TLS. */
import * as NodeDns from "@effect/platform-node/NodeDns"
import { Effect, Layer } from "effect"
import { HttpClient } from "effect/http"
import { wireHttpClient } from "../federation/wire.ts"
import { ServerIdentity } from "../homeserver/identity.ts"
import { type HttpsOptions, layerHttpsTransport } from "./https-transport.ts"
import { makeNamedSend } from "./named-send.ts"
import { ServerResolver } from "./server-resolver.ts"

/**
 * The HTTP client that `FederationClient` calls by: it takes URLs `matrix://<server name>/…`. Needs a `Dns`, a
 * `SecureTransport`, and the identity and the chance of the server.
 */
export const layerNamedClient = Layer.effect(
  HttpClient.HttpClient,
  Effect.gen(function* () {
    const { serverName } = yield* ServerIdentity
    return wireHttpClient(serverName, yield* makeNamedSend)
  }),
).pipe(Layer.provide(ServerResolver.layer))

/** The same on the names of the system, and Node's TLS. */
export const layerHttpsClient = (options: HttpsOptions = {}) =>
  layerNamedClient.pipe(Layer.provide([NodeDns.layer, layerHttpsTransport(options)]))
