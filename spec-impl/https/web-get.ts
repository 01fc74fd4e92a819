/** Web servers that are no homeservers: found by their addresses alone, on the ports of the web. */
import { Effect, Layer } from "effect"
import { Dns } from "effect/net"
import { parseServerName } from "../core/identifiers.ts"
import { WebClient } from "../federation/web-client.ts"
import { WireError, type WireResponse } from "../federation/wire.ts"
import { ServerIdentity } from "../homeserver/identity.ts"
import { addressesOf, Unresolved } from "./addresses.ts"
import { SecureTransport } from "./secure-transport.ts"

export interface WebParts {
  readonly dns: Dns.Dns["Service"]
  readonly transport: SecureTransport["Service"]
  /** The server that asks. */
  readonly source: string
}

/** A GET of any web server over TLS, at the first of its addresses that takes a connection. */
export const webGet = Effect.fnUntraced(function* (
  { dns, transport, source }: WebParts,
  url: URL,
  answerBytesMax: number,
  headers: Readonly<Record<string, string>> = {},
): Effect.fn.Return<WireResponse, WireError | Unresolved> {
  const named = parseServerName(url.host)
  if (named === undefined) return yield* new Unresolved({ name: url.host, reason: "invalid-name" })
  const { hostname, port, kind } = named
  const addresses = kind === "dns" ? yield* addressesOf(dns, hostname) : [hostname]
  const exchanges = addresses.map((address) =>
    transport.exchange(
      { address, port: port ?? 443, host: url.host, certificateName: hostname },
      {
        source,
        destination: hostname,
        method: "GET",
        target: `${url.pathname}${url.search}`,
        headers,
        body: new Uint8Array(0),
      },
      answerBytesMax,
    ),
  )
  return yield* Effect.firstSuccessOf(exchanges)
})

/** The `WebClient` of a homeserver on those names and that transport. */
export const layerWebClient = Layer.effect(
  WebClient,
  Effect.gen(function* () {
    const dns = yield* Dns.Dns
    const transport = yield* SecureTransport
    const { serverName: source } = yield* ServerIdentity
    return WebClient.of({
      get: (url, answerBytesMax) =>
        webGet({ dns, transport, source }, url, answerBytesMax).pipe(
          Effect.catchTag("Unresolved", ({ message }) =>
            Effect.fail(new WireError({ reason: "unresolved", detail: message })),
          ),
        ),
    })
  }),
)
