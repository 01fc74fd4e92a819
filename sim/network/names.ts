/**
 * A simulated Internet of names: who has which records, who listens where, and with which certificate. Lookups and
 * handshakes cross the network as requests of their own, a `GET` to the node `dns` and a `CONNECT` to the node that
 * listens, so that cuts, latency and rules do to them what they do to any other; a rule that answers in place of
 * `dns` or of a listener is a lie for whom it names.
 */
import { Effect, Scope } from "effect"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import type { WireHandler, WireRequest, WireResponse } from "#spec-impl/federation/wire.ts"
import { directionOf, federationPort } from "#spec-impl/https/direction.ts"
import type { Kernel } from "../kernel/kernel.ts"
import { type Certificate, certificateJson, certificateOf, covers } from "./certificates.ts"
import type { Network } from "./network.ts"

/** The node that answers lookups. */
export const nameServer = "dns"

/** Where an SRV record leads. */
export interface ServiceTarget {
  readonly target: string
  readonly port: number
  readonly priority?: number
  readonly weight?: number
}

/** What is known of a name. */
export type Records =
  | { readonly kind: "addresses"; readonly addresses: readonly string[] }
  | { readonly kind: "alias"; readonly target: string }
  | { readonly kind: "services"; readonly targets: readonly ServiceTarget[] }
  /** Those who should know it do not answer: lookups fail. */
  | { readonly kind: "failing" }

/** What listens at an address and port. */
export interface Listener {
  /** The node of the network that it is. */
  readonly node: string
  /** The first that covers the name of a handshake is shown, else the first of all. At least one. */
  readonly certificates: readonly Certificate[]
  /** The `Host` headers that it serves; others are answered with 421. All, where it says nothing. */
  readonly hosts?: readonly string[]
}

const aliasesMax = 8

export class Names {
  readonly #kernel: Kernel
  readonly #network: Network["Service"]
  readonly #scope: Scope.Scope
  readonly #records = new Map<string, Records>()
  readonly #listeners = new Map<string, Listener>()

  private constructor(kernel: Kernel, network: Network["Service"], scope: Scope.Scope) {
    this.#kernel = kernel
    this.#network = network
    this.#scope = scope
  }

  /** Names of nothing yet, looked up at a node of that network for as long as the scope lives. */
  static readonly make = Effect.fnUntraced(function* (kernel: Kernel, network: Network["Service"]) {
    const names = new Names(kernel, network, yield* Effect.scope)
    yield* network.attach(nameServer, (request) => Effect.sync(() => names.#answerLookup(request)))
    return names
  })

  /** Says what is known of a name from now on, in place of what was. */
  readonly publish = (name: string, records: Records): Effect.Effect<void> =>
    this.#traced(() => this.#records.set(name.toLowerCase(), records), "publish", name, records)

  /** Nothing is known of the name any more. */
  readonly withdraw = (name: string): Effect.Effect<void> =>
    this.#traced(() => this.#records.delete(name.toLowerCase()), "withdraw", name)

  /** Has a node listen there from now on, in place of what did. */
  readonly listen = (address: string, port: number, listener: Listener): Effect.Effect<void> =>
    this.#traced(
      () => this.#listeners.set(authority(address, port), listener),
      "listen",
      authority(address, port),
      listener,
    )

  /** Nobody listens there any more. */
  readonly close = (address: string, port: number): Effect.Effect<void> =>
    this.#traced(() => this.#listeners.delete(authority(address, port)), "close", authority(address, port))

  /** Puts a plain web server on the network, for as long as these names live. It listens nowhere yet. */
  readonly web = (node: string, respond: (request: WireRequest) => WireResponse): Effect.Effect<void> =>
    this.#network
      .attach(
        node,
        this.front(node, (request) => Effect.sync(() => respond(request))),
      )
      .pipe(Scope.provide(this.#scope))

  /** Makes a homeserver found by its name alone: its host has that address, and a certificate for it. */
  readonly house = Effect.fnUntraced(function* (this: Names, serverName: string, address: string) {
    const direction = directionOf(serverName, false)
    if (direction === undefined) return yield* Effect.die(`${serverName} is no server name`)
    const { certificateName } = direction
    const port = direction.kind === "services" ? federationPort : direction.port
    if (direction.kind !== "address") {
      yield* this.publish(direction.hostname, { kind: "addresses", addresses: [address] })
    }
    yield* this.listen(direction.kind === "address" ? certificateName : address, port, {
      node: serverName,
      certificates: [certificateOf([certificateName])],
    })
  }).bind(this)

  /** The addresses that are published for a name; none where there are others or no records. */
  readonly addressesOf = (name: string): readonly string[] => {
    const records = this.#records.get(name.toLowerCase())
    return records?.kind === "addresses" ? records.addresses : []
  }

  /** The node that listens there; a name of no node where nobody does, so that connections are refused. */
  readonly nodeAt = (address: string, port: number): string =>
    this.#listeners.get(authority(address, port))?.node ?? authority(address, port)

  /** Answers handshakes in front of `handler`, and lets through only requests for hosts that the node serves. */
  readonly front =
    (node: string, handler: WireHandler): WireHandler =>
    (request) => {
      if (request.method === "CONNECT") return Effect.sync(() => this.#shake(node, request))
      const own = [...this.#listeners.values()].filter((listener) => listener.node === node)
      const { host = "" } = request.headers
      return own.length === 0 || own.some(({ hosts }) => hosts === undefined || hosts.includes(host))
        ? handler(request)
        : Effect.succeed(answer(421, { errcode: "M_UNRECOGNIZED", error: `${host} is not served here` }))
    }

  #shake(node: string, request: WireRequest): WireResponse {
    const listener = this.#listeners.get(request.target)
    if (listener?.node !== node) return answer(503, {})
    const name = request.headers["server-name"]
    const { certificates } = listener
    const shown = certificates.find((certificate) => name !== undefined && covers(certificate, name))
    return answer(200, certificateJson(shown ?? certificates[0]!))
  }

  #answerLookup({ target }: WireRequest): WireResponse {
    const [, type = "", name = ""] = target.split("/")
    let at = name
    const found = (): Records | undefined => this.#records.get(at)
    for (let aliases = 0; type === "lookup"; aliases++) {
      const records = found()
      if (records?.kind !== "alias") break
      if (aliases === aliasesMax) return lookup("SERVFAIL")
      at = records.target.toLowerCase()
    }
    const records = found()
    if (records === undefined) return lookup("NXDOMAIN")
    if (records.kind === "failing") return lookup("SERVFAIL")
    if (records.kind === "addresses")
      return lookup("NOERROR", type === "lookup" ? [...records.addresses] : [])
    if (records.kind === "alias") return lookup("NOERROR", type === "CNAME" ? [records.target] : [])
    return lookup(
      "NOERROR",
      type === "SRV"
        ? records.targets.map((target) => ({ priority: 0, weight: 0, ...target }) as JsonObject)
        : [],
    )
  }

  #traced(change: () => unknown, kind: string, about: string, said?: object): Effect.Effect<void> {
    return Effect.sync(() => {
      change()
      this.#kernel.trace.record("names", kind, about, ...(said === undefined ? [] : [JSON.stringify(said)]))
    })
  }
}

/** An address and a port, as URLs and `CONNECT` write them. */
export const authority = (address: string, port: number): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`

const answer = (status: number, json: JsonValue): WireResponse => ({
  status,
  headers: { "content-type": "application/json" },
  body: canonicalJsonBytes(json),
})

const lookup = (status: "NOERROR" | "NXDOMAIN" | "SERVFAIL", answers: JsonValue[] = []): WireResponse =>
  answer(200, { status, answers })
