/** Web servers that are no homeservers: found by their addresses alone, on the ports of the web. */
import { Effect, Layer } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { Dns } from "effect/net"
import { parseServerName } from "../core/identifiers.ts"
import { WebClient } from "../federation/web-client.ts"
import { WireError, type WireRequest, type WireResponse, wireHttpClient } from "../federation/wire.ts"
import { ServerIdentity } from "../homeserver/identity.ts"
import { addressesOf, Unresolved } from "./addresses.ts"
import { exchangeAtFirst } from "./exchange-at-first.ts"
import { SecureTransport } from "./secure-transport.ts"

export interface WebParts {
  readonly dns: Dns.Dns["Service"]
  readonly transport: SecureTransport["Service"]
  /** The server that asks. */
  readonly source: string
}

/** Asks any web server over TLS, at the first of its addresses that takes a connection. `host` may have a port. */
const webSend = Effect.fnUntraced(function* (
  { dns, transport, source }: WebParts,
  host: string,
  request: Pick<WireRequest, "method" | "target" | "headers" | "body">,
  answerBytesMax: number,
): Effect.fn.Return<WireResponse, WireError | Unresolved> {
  const named = parseServerName(host)
  if (named === undefined) return yield* new Unresolved({ name: host, reason: "invalid-name" })
  const { hostname, port, kind } = named
  const addresses = kind === "dns" ? yield* addressesOf(dns, hostname) : [hostname]
  return yield* exchangeAtFirst(
    transport,
    addresses.map((address) => ({ address, port: port ?? 443, host, certificateName: hostname })),
    { ...request, source, destination: hostname },
    answerBytesMax,
    // A GET may be repeated (RFC 9110 §9.2.1).
    request.method === "GET" ? () => true : undefined,
  )
})

/** A GET of a URL. */
export const webGet = (
  parts: WebParts,
  { host, pathname, search }: URL,
  answerBytesMax: number,
  headers: Readonly<Record<string, string>> = {},
) =>
  webSend(
    parts,
    host,
    { method: "GET", target: `${pathname}${search}`, headers, body: new Uint8Array(0) },
    answerBytesMax,
  )

const asWireError = <A>(asked: Effect.Effect<A, WireError | Unresolved>): Effect.Effect<A, WireError> =>
  Effect.catchTag(asked, "Unresolved", ({ message }) =>
    Effect.fail(new WireError({ reason: "unresolved", detail: message })),
  )

const webParts = Effect.gen(function* () {
  const dns = yield* Dns.Dns
  const transport = yield* SecureTransport
  const { serverName: source } = yield* ServerIdentity
  return { dns, transport, source }
})

/** The `WebClient` of a homeserver on those names and that transport. */
export const layerWebClient = Layer.effect(
  WebClient,
  Effect.map(webParts, (parts) => ({
    get: (url, answerBytesMax) => asWireError(webGet(parts, url, answerBytesMax)),
  })),
)

/** What identity servers answer is short. */
const webAnswerBytesMax = 1_048_576

/** An `HttpClient` for `https` URLs that strangers may have named, on the same names and transport. */
export const layerWebHttpClient = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(webParts, (parts) =>
    HttpClient.mapRequest(
      wireHttpClient(parts.source, (request) =>
        asWireError(webSend(parts, request.destination, request, webAnswerBytesMax)),
      ),
      (request) => HttpClientRequest.setUrl(request, request.url.replace(/^https:/, "matrix:")),
    ),
  ),
)
