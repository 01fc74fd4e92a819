/** The real client: real TLS and real DNS answers, on the loopback interface. */
import * as NodeDns from "@effect/platform-node/NodeDns"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { Dns, IpNetwork, NetAddress } from "effect/net"
import { keyFromByte, layerIdentity } from "../federation/testing/servers.ts"
import { Chance } from "../homeserver/chance.ts"
import { allowing } from "./address-policy.ts"
import { layerHttpsClient, layerNamedClient } from "./https-client.ts"
import { type HttpsOptions, layerHttpsTransport } from "./https-transport.ts"
import { SecureTransport } from "./secure-transport.ts"
import { fixture, type ServiceAnswer, serveNames, serveTls } from "./testing/loopback.ts"

const loopback = [IpNetwork.fromStringUnsafe("127.0.0.0/8"), IpNetwork.fromStringUnsafe("::1/128")]
const trusting: HttpsOptions = { authorities: [fixture("authority.pem")], allows: allowing(loopback) }

const endpointOf = (port: number, certificateName: string) => ({
  address: "127.0.0.1",
  port,
  host: `${certificateName}:7`,
  certificateName,
})
const request = {
  source: "one.test",
  destination: "two.test",
  method: "PUT",
  target: "/a%20b?c",
  headers: { "x-own": "1" },
  body: new TextEncoder().encode("{}"),
}

/** Sends `request` to the loopback interface, and says what became of it. */
const exchange = (
  port: number,
  certificateName: string,
  options: HttpsOptions = trusting,
  bytesMax = 1_000,
) =>
  SecureTransport.pipe(
    Effect.flatMap((transport) => transport.exchange(endpointOf(port, certificateName), request, bytesMax)),
    Effect.map(({ status, body }) => `${status} ${new TextDecoder().decode(body)}`),
    Effect.catch(({ reason, detail }) => Effect.succeed(`${reason} (${detail})`)),
    Effect.provide(layerHttpsTransport(options)),
  )

describe("TLS", () => {
  it.live("names the expected certificate, and sends the Host header and the bytes that it is told", () =>
    Effect.gen(function* () {
      const { port, heard } = yield* serveTls("valid", () => ({ body: `{"ok":true}` }))
      expect(yield* exchange(port, "two.test")).toBe(`200 {"ok":true}`)
      expect(yield* exchange(port, "127.0.0.1")).toBe(`200 {"ok":true}`)
      const same = { method: "PUT", target: "/a%20b?c", body: "{}" }
      expect(heard).toEqual([
        { ...same, host: "two.test:7", serverName: "two.test" },
        { ...same, host: "127.0.0.1:7", serverName: false },
      ])
    }),
  )

  const problems: readonly (readonly [string, string, HttpsOptions])[] = [
    ["valid", "three.test: wrong-name", trusting],
    ["expired", "two.test: expired", trusting],
    ["not-yet-valid", "two.test: not-yet-valid", trusting],
    ["self-signed", "two.test: unknown-authority", trusting],
    ["valid", "two.test: unknown-authority", { allows: allowing(loopback) }],
  ]
  for (const [certificate, problem, options] of problems) {
    it.live(`sends nothing to who shows a certificate that is ${certificate}, ${problem}`, () =>
      Effect.gen(function* () {
        const { port, heard } = yield* serveTls(certificate, () => ({ body: "{}" }))
        const [name = ""] = problem.split(":")
        expect(yield* exchange(port, name, options)).toBe(`bad-certificate (${problem})`)
        expect(heard).toEqual([])
      }),
    )
  }

  it.live("tells refused connections, broken ones and answers that are too long apart", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(serveTls("valid", () => ({ body: "{}" })))
      expect(yield* exchange(port, "two.test")).toBe("refused (ECONNREFUSED)")
      const broken = yield* serveTls("valid", () => undefined)
      expect(yield* exchange(broken.port, "two.test")).toBe("reset (socket hang up)")
      const long = yield* serveTls("valid", () => ({ body: "x".repeat(1_001) }))
      expect(yield* exchange(long.port, "two.test")).toBe("reset (more than 1000 bytes)")
    }),
  )

  it.live("is not even tried towards addresses that are not for the public, unless they are allowed", () =>
    Effect.gen(function* () {
      const { port, heard } = yield* serveTls("valid", () => ({ body: "{}" }))
      const authorities = trusting.authorities!
      expect(yield* exchange(port, "two.test", { authorities })).toBe(
        "unreachable (connections to 127.0.0.1 are not allowed)",
      )
      expect(heard).toEqual([])
    }),
  )
})

describe("addresses", () => {
  const isPublic = allowing([])

  it("that are not for the public, in whatever form", () => {
    const refused = [
      "127.0.0.1",
      "10.1.2.3",
      "192.168.0.1",
      "172.31.0.1",
      "169.254.169.254",
      "0.0.0.0",
      "::1",
      "::",
    ]
    const mapped = [
      "fe80::1",
      "fd00::1",
      "::ffff:127.0.0.1",
      "::ffff:a00:1",
      "64:ff9b::7f00:1",
      "fe80::1%lo",
      "lo",
    ]
    expect([...refused, ...mapped].filter(isPublic)).toEqual([])
    expect(["1.1.1.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::101:101"].filter(isPublic).length).toBe(4)
  })

  it("are allowed by network", () => {
    const allows = allowing([IpNetwork.fromStringUnsafe("10.1.0.0/16")])
    expect(["10.1.2.3", "::ffff:10.1.2.3", "10.2.0.1", "127.0.0.1"].map(allows)).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})

const identity = Layer.merge(Chance.layerRandom, layerIdentity("one.test", keyFromByte("ed25519:a", 1)))

const get = (url: string) =>
  HttpClient.HttpClient.pipe(
    Effect.flatMap((client) =>
      client.execute(HttpClientRequest.get("matrix://").pipe(HttpClientRequest.setUrl(url))),
    ),
    Effect.flatMap(({ text }) => text),
    Effect.catch(({ reason }) =>
      Effect.succeed(reason._tag === "TransportError" ? String(reason.description) : reason._tag),
    ),
  )

describe("the client", () => {
  it.live("finds a server by the system's names and an explicit port", () =>
    Effect.gen(function* () {
      const { port, heard } = yield* serveTls("valid", () => ({ body: "hello" }))
      const answer = yield* get(`matrix://localhost:${port}/_matrix/federation/v1/version`).pipe(
        Effect.provide(layerHttpsClient(trusting)),
        Effect.provide(identity),
      )
      expect(answer).toBe("hello")
      expect(heard).toMatchObject([
        { host: `localhost:${port}`, serverName: "localhost", target: "/_matrix/federation/v1/version" },
      ])
    }),
  )

  /** Hosts of tests are on the loopback interface; SRV records come from a real name server there. */
  const names = Effect.fnUntraced(function* (services: Readonly<Record<string, ServiceAnswer>>) {
    const nameServers = yield* serveNames(services)
    const dns = yield* NodeDns.make({ nameServers: [nameServers], tries: 1 })
    const address = NetAddress.ipFromStringUnsafe("127.0.0.1")
    return Layer.succeed(Dns.Dns, Dns.make({ lookup: () => Effect.succeed([address]), resolve: dns.resolve }))
  })

  /** Port 443 cannot be had in a test, and is another one here. */
  const transport = (port443: number) =>
    Layer.effect(
      SecureTransport,
      Effect.map(SecureTransport, ({ exchange }) => ({
        exchange: (endpoint, ...rest) =>
          exchange(endpoint.port === 443 ? { ...endpoint, port: port443 } : endpoint, ...rest),
      })),
    ).pipe(Layer.provide(layerHttpsTransport(trusting)))

  it.live("follows a well-known file, and an SRV record, to who has the certificate of the delegate", () =>
    Effect.gen(function* () {
      const home = yield* serveTls("valid", () => ({ body: "home" }))
      const web = yield* serveTls("valid", () => ({ body: `{"m.server":"dh.test"}` }))
      const dns = yield* names({ "_matrix-fed._tcp.dh.test": { target: "box.test", port: home.port } })
      const client = layerNamedClient.pipe(Layer.provide([dns, transport(web.port)]), Layer.provide(identity))
      expect(yield* Effect.provide(get("matrix://two.test/x"), client)).toBe("home")
      expect(web.heard).toMatchObject([{ host: "two.test", target: "/.well-known/matrix/server" }])
      expect(home.heard).toMatchObject([{ host: "dh.test", serverName: "dh.test", target: "/x" }])
    }),
  )

  it.live("goes on to the deprecated SRV record, and stops at a name server that fails", () =>
    Effect.gen(function* () {
      const home = yield* serveTls("valid", () => ({ body: "home" }))
      const web = yield* serveTls("valid", () => ({ status: 404, body: "{}" }))
      const dns = yield* names({
        "_matrix._tcp.two.test": { target: "box.test", port: home.port },
        "_matrix._tcp.dh.test": 2,
      })
      const client = layerNamedClient.pipe(Layer.provide([dns, transport(web.port)]), Layer.provide(identity))
      expect(yield* Effect.provide(get("matrix://two.test/x"), client)).toBe("home")
      expect(home.heard).toMatchObject([{ host: "two.test", serverName: "two.test" }])
      expect(yield* Effect.provide(get("matrix://dh.test/x"), client)).toBe("unresolved")
    }),
  )
})
