/** Servers find each other by names, certificates and `.well-known` files (server-server API §Resolving server names). */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { WireResponse } from "#spec-impl/federation/wire.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { certificateJson, certificateOf } from "../network/certificates.ts"
import type { Names, Records } from "../network/names.ts"
import { drop, reply } from "../network/rules.ts"
import { type Played, type PlayOptions, play } from "./testing/play.ts"
import { sendRaw } from "./testing/raw-request.ts"
import { bootServer } from "./world.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const file = (text: string, status = 200, headers: WireResponse["headers"] = {}): WireResponse => ({
  status,
  headers,
  body: bytes(text),
})
const delegating = (to: string): WireResponse => file(JSON.stringify({ "m.server": to }))

const at = (...addresses: readonly string[]): Records => ({ kind: "addresses", addresses })
const service = (target: string, port: number): Records => ({ kind: "services", targets: [{ target, port }] })

/** Puts a web server at port 443 of s2's host, which answers everything so. */
const web = (names: Names, respond: (target: string) => WireResponse) =>
  names
    .web("web", ({ target }) => respond(target))
    .pipe(
      Effect.andThen(names.listen("10.0.0.2", 443, { node: "web", certificates: [certificateOf(["s2"])] })),
    )

/** Moves s2 there, with a certificate for that name. */
const move = (names: Names, address: string, port: number, name: string, node = "s2") =>
  names
    .close("10.0.0.2", 8448)
    .pipe(Effect.andThen(names.listen(address, port, { node, certificates: [certificateOf([name])] })))

/** Asks `destination` for its version, and says what became of it. */
const ask = ({ servers }: Played, destination = "s2", from = "s1") =>
  servers
    .get(from)!
    .client.call(destination, (api) => api.discovery.version({}))
    .pipe(
      Effect.as("answered"),
      Effect.catch((error) => Effect.succeed(error.message)),
    )

/** The requests that crossed the network, as `METHOD target → node (host)`. */
const requestsOf = ({ kernel }: Played): readonly string[] =>
  kernel.trace.records.flatMap(({ kind, fields }) => {
    if (kind !== "request") return []
    const [, source, destination, method, target, headers = ""] = fields
    const [, host] = /^host: (.*)\r$/m.exec(String(headers)) ?? []
    return source === "s1"
      ? [`${method} ${target} → ${destination}${host === undefined ? "" : ` (${host})`}`]
      : []
  })

const versionTarget = "/_matrix/federation/v1/version"
/** To which node the question for a version went, and with which Host header. */
const arrivalsOf = (played: Played): readonly string[] =>
  requestsOf(played).filter((request) => request.startsWith(`GET ${versionTarget}`))

const playNamed = <A, E>(
  serverNames: readonly string[],
  story: (played: Played) => Effect.Effect<A, E>,
  options: PlayOptions = {},
) => play({ serverNames, ...options }, story)

const failing: Records = { kind: "failing" }

describe("each step of resolving a name", () => {
  interface Step {
    readonly step: string
    readonly serverName?: string
    readonly setting: (names: Names) => Effect.Effect<void>
    /** The address, the name on the certificate, and the Host header. */
    readonly endpoint: string
    readonly name: string
    readonly host: string
  }

  const deprecated = "_matrix._tcp"
  const registered = "_matrix-fed._tcp"
  const steps: readonly Step[] = [
    {
      step: "1: an IPv4 address",
      serverName: "10.0.0.2",
      setting: () => Effect.void,
      endpoint: "10.0.0.2:8448",
      name: "10.0.0.2",
      host: "10.0.0.2",
    },
    {
      step: "1: an IPv6 address with a port",
      serverName: "[2001:db8::2]:80",
      setting: () => Effect.void,
      endpoint: "[2001:db8::2]:80",
      name: "2001:db8::2",
      host: "[2001:db8::2]:80",
    },
    {
      step: "2: an explicit port, for which neither well-known nor SRV count",
      serverName: "s2:8000",
      setting: (names) =>
        Effect.all([
          web(names, () => delegating("elsewhere")),
          names.publish(`${registered}.s2`, service("elsewhere", 1)),
          names.publish("s2", { kind: "alias", target: "box" }),
          names.publish("box", at("10.0.0.2")),
        ]),
      endpoint: "10.0.0.2:8000",
      name: "s2",
      host: "s2:8000",
    },
    {
      step: "3.1: delegated to an address",
      setting: (names) => web(names, () => delegating("10.9.9.9")),
      endpoint: "10.9.9.9:8448",
      name: "10.9.9.9",
      host: "10.9.9.9",
    },
    {
      step: "3.1: delegated to an address with a port",
      setting: (names) => web(names, () => delegating("[2001:db8::9]:81")),
      endpoint: "[2001:db8::9]:81",
      name: "2001:db8::9",
      host: "[2001:db8::9]:81",
    },
    {
      step: "3.2: delegated to a port",
      setting: (names) =>
        Effect.all([
          web(names, () => delegating("dh:4433")),
          names.publish("dh", at("10.9.9.9")),
          names.publish(`${registered}.dh`, service("elsewhere", 1)),
        ]),
      endpoint: "10.9.9.9:4433",
      name: "dh",
      host: "dh:4433",
    },
    {
      step: "3.3: delegated, then SRV; the well-known file of the delegate does not count",
      setting: (names) =>
        Effect.all([
          web(names, () => delegating("dh")),
          names.publish("dh", at("10.0.0.2")),
          names.publish(`${registered}.dh`, service("box", 5000)),
          names.publish(`${deprecated}.dh`, service("elsewhere", 1)),
          names.publish("box", at("10.9.9.9")),
        ]),
      endpoint: "10.9.9.9:5000",
      name: "dh",
      host: "dh",
    },
    {
      step: "3.4: delegated, then the deprecated SRV",
      setting: (names) =>
        Effect.all([
          web(names, () => delegating("dh")),
          names.publish(`${deprecated}.dh`, service("box", 5001)),
          names.publish("box", at("10.9.9.9")),
        ]),
      endpoint: "10.9.9.9:5001",
      name: "dh",
      host: "dh",
    },
    {
      step: "3.5: delegated, and no SRV",
      setting: (names) =>
        Effect.all([web(names, () => delegating("dh")), names.publish("dh", at("10.9.9.9"))]),
      endpoint: "10.9.9.9:8448",
      name: "dh",
      host: "dh",
    },
    {
      step: "4: SRV",
      setting: (names) =>
        Effect.all([
          names.publish(`${registered}.s2`, service("box", 5002)),
          names.publish(`${deprecated}.s2`, service("elsewhere", 1)),
          names.publish("box", at("10.9.9.9")),
        ]),
      endpoint: "10.9.9.9:5002",
      name: "s2",
      host: "s2",
    },
    {
      step: "5: the deprecated SRV",
      setting: (names) =>
        Effect.all([
          names.publish(`${deprecated}.s2`, service("box", 5003)),
          names.publish("box", at("10.9.9.9")),
        ]),
      endpoint: "10.9.9.9:5003",
      name: "s2",
      host: "s2",
    },
    {
      step: "6: nothing but an alias",
      setting: (names) =>
        Effect.all([
          names.publish("s2", { kind: "alias", target: "box" }),
          names.publish("box", at("10.9.9.9")),
        ]),
      endpoint: "10.9.9.9:8448",
      name: "s2",
      host: "s2",
    },
  ]

  const listenAt = (names: Names, endpoint: string, node: string, name: string) => {
    const colon = endpoint.lastIndexOf(":")
    const address = endpoint.slice(0, colon).replace(/^\[|\]$/g, "")
    return move(names, address, Number(endpoint.slice(colon + 1)), name, node)
  }

  for (const { step, serverName = "s2", setting, endpoint, name, host } of steps) {
    it(step, async () => {
      for (const transport of ["http", "direct"] as const) {
        await playNamed(
          ["s1", serverName],
          (played) =>
            Effect.gen(function* () {
              const { names } = played.stage
              yield* setting(names)
              yield* listenAt(names, endpoint, serverName, name)
              expect(yield* ask(played, serverName)).toBe("answered")
              expect(arrivalsOf(played)).toEqual([`GET ${versionTarget} → ${serverName} (${host})`])
              expect(requestsOf(played).at(-2)).toBe(`CONNECT ${endpoint} → ${serverName}`)

              // The same, but for the name on the certificate: nothing of the request is sent.
              yield* listenAt(names, endpoint, serverName, name === "s2" ? "dh" : "s2")
              expect(yield* ask(played, serverName)).toBe(
                `${serverName}: bad-certificate (${name}: wrong-name)`,
              )
              expect(arrivalsOf(played).length).toBe(1)
            }),
          { transport },
        )
      }
    })
  }
})

describe("the steps in their order", () => {
  it("each is taken where those before it are gone, and none after it", async () => {
    await playNamed(["s1", "s2"], (played) =>
      Effect.gen(function* () {
        const { names } = played.stage
        let wellKnown = file(`{"m.server":"dh"}`, 200, { "cache-control": "no-store" })
        yield* web(names, () => wellKnown)
        const certificates = [certificateOf(["dh", "s2"])]
        const services = ["_matrix-fed._tcp.dh", "_matrix._tcp.dh", "_matrix-fed._tcp.s2", "_matrix._tcp.s2"]
        for (const [at, name] of services.entries()) {
          yield* names.publish(name, service("box", 5001 + at))
          yield* names.listen("10.9.9.9", 5001 + at, { node: "s2", certificates })
        }
        for (const name of ["box", "dh"]) yield* names.publish(name, at("10.9.9.9"))
        yield* names.listen("10.9.9.9", 8448, { node: "s2", certificates })

        const route = Effect.gen(function* () {
          yield* Effect.sleep(120_000)
          const answer = yield* ask(played)
          if (answer !== "answered") return answer
          const [connect, get] = requestsOf(played).slice(-2)
          const [, endpoint] = connect!.split(" ")
          const [, host] = /\((.*)\)$/.exec(get!)!
          return `${endpoint} as ${host}`
        })
        expect(yield* route).toBe("10.9.9.9:5001 as dh")
        yield* names.withdraw("_matrix-fed._tcp.dh")
        expect(yield* route).toBe("10.9.9.9:5002 as dh")
        yield* names.withdraw("_matrix._tcp.dh")
        expect(yield* route).toBe("10.9.9.9:8448 as dh")
        wellKnown = file("{}", 404)
        expect(yield* route).toBe("10.9.9.9:5003 as s2")
        yield* names.withdraw("_matrix-fed._tcp.s2")
        expect(yield* route).toBe("10.9.9.9:5004 as s2")
        yield* names.withdraw("_matrix._tcp.s2")
        expect(yield* route).toBe("10.0.0.2:8448 as s2")
        yield* names.withdraw("s2")
        expect(yield* route).toBe("s2: unresolved (s2: not-found)")
      }),
    )
  })
})

describe("a well-known file", () => {
  const longer = `{"m.server":"dh","x":"${"x".repeat(60_000)}"}`
  const broken: Readonly<Record<string, (target: string) => WireResponse>> = {
    "that is not there": () => file("", 404),
    "of a server in trouble": () => file(`{"m.server":"dh"}`, 503),
    "that is no JSON": () => file("<html>"),
    "that is no object": () => file(`["m.server"]`),
    "without the key": () => file("{}"),
    "with no text": () => file(`{"m.server":7}`),
    "with no server name": () => file(`{"m.server":"dh:port"}`),
    "with a port that is none": () => file(`{"m.server":"dh:70000"}`),
    "that is too long": () => file(longer),
    "that redirects to itself": () => file("", 302, { location: "/.well-known/matrix/server" }),
    "that redirects without end": (target) => file("", 307, { location: `${target}x` }),
    "that redirects to where there is no TLS": () => file("", 301, { location: "http://s2/elsewhere" }),
    "that redirects to nowhere": () => file("", 301),
  }
  for (const [what, respond] of Object.entries(broken)) {
    it(`${what} does not stop discovery`, async () => {
      await playNamed(["s1", "s2"], (played) =>
        Effect.gen(function* () {
          yield* web(played.stage.names, respond)
          expect(yield* ask(played)).toBe("answered")
          expect(arrivalsOf(played)).toEqual([`GET ${versionTarget} → s2 (s2)`])
        }),
      )
    })
  }

  it("on a server with a bad certificate, or behind a cut, is none", async () => {
    await playNamed(["s1", "s2"], (played) =>
      Effect.gen(function* () {
        const { names } = played.stage
        yield* web(names, () => delegating("dh"))
        yield* names.listen("10.0.0.2", 443, { node: "web", certificates: [certificateOf(["s3"])] })
        expect(yield* ask(played)).toBe("answered")
        yield* names.listen("10.0.0.2", 443, { node: "web", certificates: [certificateOf(["s2"])] })
        yield* Effect.sleep(61_000)
        yield* played.network.cut("s1", "web")
        expect(yield* ask(played)).toBe("answered")
        expect(arrivalsOf(played)).toEqual(Array(2).fill(`GET ${versionTarget} → s2 (s2)`))
      }),
    )
  })

  it("is found behind redirects, whatever its content type", async () => {
    await playNamed(["s1", "s2"], (played) =>
      Effect.gen(function* () {
        const { names } = played.stage
        const moved = file("", 308, { location: "https://files:444/matrix?v=1" })
        yield* web(names, (target) =>
          target === "/matrix?v=1" ? file(`{"m.server":"dh"}`, 200, { "content-type": "text/html" }) : moved,
        )
        yield* names.publish("files", at("10.0.0.8"))
        yield* names.listen("10.0.0.8", 444, { node: "web", certificates: [certificateOf(["files"])] })
        yield* names.publish("dh", at("10.9.9.9"))
        yield* move(names, "10.9.9.9", 8448, "dh")
        expect(yield* ask(played)).toBe("answered")
        expect(requestsOf(played)).toContain("GET /matrix?v=1 → web (files:444)")
        expect(arrivalsOf(played)).toEqual([`GET ${versionTarget} → s2 (dh)`])
      }),
    )
  })

  it("is served by a homeserver that delegates, without authentication; by others it is not found", async () => {
    const settingsOf = (server: string) => (server === "s2" ? { delegatedTo: "dh:4433" } : {})
    for (const transport of ["http", "direct"] as const) {
      await playNamed(
        ["s1", "s2"],
        (played) =>
          Effect.gen(function* () {
            const { names } = played.stage
            const get = (to: string) =>
              sendRaw(played, {
                from: "s1",
                to,
                method: "GET",
                target: "/.well-known/matrix/server",
                unsigned: true,
              })
            expect(yield* get("s2")).toMatchObject({ status: 200, body: { "m.server": "dh:4433" } })
            expect(yield* get("s1")).toMatchObject({ status: 404, errcode: "M_NOT_FOUND" })

            yield* names.listen("10.0.0.2", 443, { node: "s2", certificates: [certificateOf(["s2"])] })
            yield* names.publish("dh", at("10.9.9.9"))
            yield* names.listen("10.9.9.9", 4433, { node: "s2", certificates: [certificateOf(["dh"])] })
            expect(yield* ask(played)).toBe("answered")
            expect(arrivalsOf(played)).toEqual([`GET ${versionTarget} → s2 (dh:4433)`])
          }),
        { settingsOf, transport },
      )
    }
  })
})

describe("what stands in the way", () => {
  it("names that lead nowhere, and name servers that do not answer, are told apart", async () => {
    await playNamed(["s1", "s2"], (played) =>
      Effect.gen(function* () {
        const { names } = played.stage
        expect(yield* ask(played, "s9")).toBe("s9: unresolved (s9: not-found)")
        yield* names.publish("_matrix._tcp.s9", failing)
        expect(yield* ask(played, "s9")).toBe("s9: unresolved (_matrix._tcp.s9: server-failure)")
        yield* names.publish("_matrix._tcp.s6", service("s5", 1))
        expect(yield* ask(played, "s6")).toBe("s6: unresolved (_matrix._tcp.s6: not-found)")
        yield* names.publish("s5", failing)
        expect(yield* ask(played, "s6")).toBe("s6: unresolved (s5: server-failure)")
        yield* names.publish("s8", { kind: "alias", target: "s8" })
        expect(yield* ask(played, "s8")).toBe("s8: unresolved (s8: server-failure)")
        expect(yield* ask(played, "0x7f.1")).toContain("0x7f.1: invalid-name")
        expect(yield* ask(played, "s7.1")).toContain("s7.1: invalid-name")
        expect(yield* ask(played, "s7:70000")).toBe("s7:70000: unresolved (s7:70000: invalid-name)")
        yield* played.network.cut("s1", "dns")
        expect(yield* ask(played)).toBe("s2: unresolved (_matrix-fed._tcp.s2: server-failure)")
        yield* played.network.heal
        expect(yield* ask(played)).toBe("answered")
        const reasons = played.kernel.trace.records.flatMap(({ kind, fields }) =>
          kind === "not-reached" ? [fields.slice(0, 3).join(" ")] : [],
        )
        expect(reasons).toContain("s1 s2 unresolved")
      }),
    )
  })

  it("a service that is decidedly not available is not looked for elsewhere", async () => {
    await playNamed(["s1", "s2"], (played) =>
      Effect.gen(function* () {
        yield* played.stage.names.publish("_matrix-fed._tcp.s2", service(".", 0))
        expect(yield* ask(played)).toBe("s2: unresolved (_matrix-fed._tcp.s2: not-available)")
      }),
    )
  })

  it("the target of an SRV record that is an alias is none; the next one is taken", async () => {
    await playNamed(["s1", "s2"], (played) =>
      Effect.gen(function* () {
        const { names } = played.stage
        yield* names.publish("www", { kind: "alias", target: "s2" })
        yield* names.publish("_matrix-fed._tcp.s2", service("www", 8448))
        expect(yield* ask(played)).toBe("s2: unresolved (_matrix-fed._tcp.s2: not-found)")
        const targets = [
          { target: "www", port: 8448 },
          { target: "s2", port: 8448, priority: 9 },
        ]
        yield* names.publish("_matrix-fed._tcp.s2", { kind: "services", targets })
        expect(yield* ask(played)).toBe("answered")
      }),
    )
  })

  it("targets that cannot be reached, or show a bad certificate, are passed over before anything is sent", async () => {
    await playNamed(["s1", "s2", "s3"], (played) =>
      Effect.gen(function* () {
        const { names } = played.stage
        const targets = ["closed", "cut", "bad", "good"].map((target, priority) => ({
          target,
          port: 8448,
          priority,
        }))
        yield* names.publish("_matrix-fed._tcp.s2", { kind: "services", targets })
        yield* names.publish("closed", at("10.1.0.1"))
        yield* names.publish("cut", at("10.1.0.2"))
        yield* names.publish("bad", at("10.1.0.3", "10.1.0.4"))
        yield* names.publish("good", at("10.0.0.2"))
        const listen = (address: string, name: string) =>
          names.listen(address, 8448, { node: "s3", certificates: [certificateOf([name])] })
        yield* listen("10.1.0.2", "s2")
        yield* listen("10.1.0.3", "s3")
        yield* listen("10.1.0.4", "s4")
        yield* played.stage.rule("silent", { method: "CONNECT", path: "10.1.0.2:8448" }, drop)
        expect(yield* ask(played)).toBe("answered")
        expect(arrivalsOf(played)).toEqual([`GET ${versionTarget} → s2 (s2)`])
      }),
    )
  })

  it("certificates: of an unknown authority, not valid yet, expired while the story goes on", async () => {
    await playNamed(["s1", "s2"], (played) =>
      Effect.gen(function* () {
        const { names } = played.stage
        const nowMs = played.kernel.nowMs
        const show = (otherwise: Parameters<typeof certificateOf>[1]) =>
          names.listen("10.0.0.2", 8448, { node: "s2", certificates: [certificateOf(["s2"], otherwise)] })
        yield* show({ issuer: "unknown" })
        expect(yield* ask(played)).toBe("s2: bad-certificate (s2: unknown-authority)")
        yield* show({ notBeforeMs: nowMs + 3_600_000 })
        expect(yield* ask(played)).toBe("s2: bad-certificate (s2: not-yet-valid)")
        yield* show({ notAfterMs: nowMs + 3_600_000 })
        expect(yield* ask(played)).toBe("answered")
        yield* Effect.sleep(3_600_000)
        expect(yield* ask(played)).toBe("s2: bad-certificate (s2: expired)")
        const problems = played.kernel.trace.records.flatMap(({ kind, fields }) =>
          kind === "bad-certificate" ? [fields.join(" ")] : [],
        )
        expect(problems.at(-1)).toBe("s1 s2 s2 expired")
      }),
    )
  })

  it("a name that leads to another server: signed requests are refused there, and a lie is for whom it is told", async () => {
    for (const transport of ["http", "direct"] as const) {
      await playNamed(
        ["s1", "s2", "s3"],
        (played) =>
          Effect.gen(function* () {
            const { names } = played.stage
            const certificates = [certificateOf(["s2"]), certificateOf(["s3"])]
            yield* names.listen("10.0.0.3", 8448, { node: "s3", certificates })
            const stale = { status: "NOERROR", answers: ["10.0.0.3"] }
            yield* played.stage.rule(
              "stale",
              { source: "s1", destination: "dns", path: "/lookup/s2" },
              reply(200, stale),
            )
            const query = (from: string) =>
              played.servers
                .get(from)!
                .client.call("s2", (api) =>
                  api.queries.profile({ query: { user_id: "@nobody:s2" } as never }),
                )
                .pipe(Effect.flip)
            expect(yield* query("s1")).toMatchObject({ status: 401, errcode: "M_UNAUTHORIZED" })
            expect(yield* query("s3")).toMatchObject({ status: 404, errcode: "M_NOT_FOUND" })

            const forged = certificateJson(certificateOf(["s2"], { issuer: "unknown" }))
            yield* played.stage.rule("forged", { source: "s3", method: "CONNECT" }, reply(200, forged))
            expect(yield* query("s3")).toMatchObject({ reason: "bad-certificate" })
            expect(yield* query("s1")).toMatchObject({ status: 401 })
          }),
        { transport },
      )
    }
  })

  it("a server that is down, until it is up again where its name leads", async () => {
    await playNamed(["s1", "s2"], (played) =>
      Effect.gen(function* () {
        const { kernel, network } = played
        const { names } = played.stage
        const signatures = synchronously(nativeSignatures("libsodium"))
        const boot = bootServer("s3", { kernel, network, names, signatures, settings: {} })
        yield* names.house("s3", "10.0.0.3")
        expect(yield* ask(played, "s3")).toBe("s3: refused")
        for (let times = 0; times < 2; times++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* boot
              expect(yield* ask(played, "s3")).toBe("answered")
            }),
          )
          expect(yield* ask(played, "s3")).toBe("s3: refused")
        }
      }),
    )
  })

  it("a virtual host that serves other names", async () => {
    await playNamed(["s1", "s2"], (played) =>
      Effect.gen(function* () {
        const { names } = played.stage
        const certificates = [certificateOf(["*.s2"]), certificateOf(["s2"])]
        const listen = (...hosts: readonly string[]) =>
          names.listen("10.0.0.2", 8448, { node: "s2", certificates, hosts })
        yield* listen("s3")
        expect(yield* ask(played)).toContain("421 M_UNRECOGNIZED")
        yield* listen("s3", "s2")
        expect(yield* ask(played)).toBe("answered")
      }),
    )
  })
})

describe("who asks", () => {
  it("is who signs, whatever connection it comes by (§Client TLS Certificates)", async () => {
    await playNamed(["s1", "s2", "s3"], (played) =>
      Effect.gen(function* () {
        const request = {
          from: "s3",
          to: "s2",
          method: "GET",
          target: "/_matrix/federation/v1/query/profile?user_id=%40nobody%3As2",
          origin: "s1",
          key: played.servers.get("s1")!.identity.signingKey,
        }
        expect(yield* sendRaw(played, request)).toMatchObject({ status: 404, errcode: "M_NOT_FOUND" })
        const unsigned = { ...request, unsigned: true }
        expect(yield* sendRaw(played, unsigned)).toMatchObject({ status: 401, errcode: "M_UNAUTHORIZED" })
      }),
    )
  })
})
