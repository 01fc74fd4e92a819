/** Where a server is, and as what it is spoken to (server-server API §Resolving server names). */
import { Cache, Clock, Context, Duration, Effect, Exit, Layer } from "effect"
import { Dns } from "effect/net"
import { Chance } from "../homeserver/chance.ts"
import { ServerIdentity } from "../homeserver/identity.ts"
import { addressesOf, looked, Unresolved } from "./addresses.ts"
import { makeDelegations } from "./delegations.ts"
import { type Direction, directionOf, federationPort, type Identity, type Step } from "./direction.ts"
import { SecureTransport } from "./secure-transport.ts"
import { orderServices } from "./service-order.ts"

/** How to reach a server. */
export interface Route extends Identity {
  /** The step of §Resolving server names that gave it. */
  readonly step: Step
  /** At least one, in the order of trying. */
  readonly endpoints: readonly { readonly address: string; readonly port: number }[]
}

/** What was looked up serves so long, for resolvers do not tell how long records live. */
const routeMsMax = 60_000
/** Routes that are kept; the one that was used longest ago goes first. */
const routesMax = 10_000

/** Of more targets the last ones are not looked up: who publishes them decides how many there are. */
const targetsMax = 16

/** A route, and how long it serves. */
interface Kept {
  readonly route: Route
  readonly keptMs: number
}

export class ServerResolver extends Context.Service<
  ServerResolver,
  {
    /**
     * The route to a server, found once for all who want it at the time. Fails where the name is none, has no
     * addresses, or cannot be looked up.
     */
    readonly resolve: (serverName: string) => Effect.Effect<Route, Unresolved>
    /** Has the records of a server looked up anew: nobody answered there. What it delegated stays known. */
    readonly forget: (serverName: string) => Effect.Effect<void>
  }
>()("netsplit/ServerResolver") {
  static readonly layer = Layer.effect(
    ServerResolver,
    Effect.gen(function* () {
      const dns = yield* Dns.Dns
      const transport = yield* SecureTransport
      const chance = yield* Chance
      const { serverName: source } = yield* ServerIdentity
      const scope = yield* Effect.scope
      const delegationOf = makeDelegations({ dns, transport, source, scope })

      /** SRV records of one service in the order of trying; none where there are none. */
      const servicesOf = Effect.fnUntraced(function* (name: string) {
        const records = yield* looked(name, dns.resolve(name, "SRV")).pipe(
          Effect.catch((error) => (error.reason === "not-found" ? Effect.succeed([]) : Effect.fail(error))),
        )
        // RFC 2782: a single target of "." says that the service is decidedly not available here.
        if (records.length === 1 && records[0]!.target === ".") {
          return yield* new Unresolved({ name, reason: "not-available" })
        }
        const nowMs = yield* Clock.currentTimeMillis
        return orderServices(records, (priority, chosen) => {
          const [a = 0, b = 0, c = 0] = chance.bytes(3, "srv", name, `${nowMs}`, `${priority}`, `${chosen}`)
          return (a * 2 ** 16 + b * 2 ** 8 + c) / 2 ** 24
        }).slice(0, targetsMax)
      })

      /** RFC 2782: the target of an SRV record must not be an alias, so one that is has no addresses. */
      const endpointsOf = Effect.fnUntraced(function* ({ target, port }: Dns.Srv) {
        const alias = Effect.option(looked(target, dns.resolve(target, "CNAME")))
        const [found, { _tag }] = yield* Effect.all([addressesOf(dns, target), alias], { concurrency: 2 })
        return _tag === "Some" ? [] : found.map((address) => ({ address, port }))
      })

      const byServices = Effect.fnUntraced(function* (
        direction: Extract<Direction, { readonly kind: "services" }>,
      ) {
        const { host, certificateName, hostname } = direction
        for (const { step, name } of direction.services) {
          const services = yield* servicesOf(name)
          if (services.length === 0) continue
          const found = yield* Effect.forEach(services, (service) => Effect.result(endpointsOf(service)))
          const endpoints = found.flatMap((one) => (one._tag === "Success" ? one.success : []))
          if (endpoints.length > 0) return { step, host, certificateName, endpoints }
          const failures = found.flatMap((one) => (one._tag === "Failure" ? one.failure : []))
          const unanswered = failures.find(({ reason }) => reason === "server-failure")
          return yield* unanswered ?? new Unresolved({ name, reason: "not-found" })
        }
        return yield* byHost(direction.otherwise, direction, hostname, federationPort)
      })

      const byHost = (step: Step, { host, certificateName }: Identity, hostname: string, port: number) =>
        Effect.map(addressesOf(dns, hostname), (addresses): Route => {
          return { step, host, certificateName, endpoints: addresses.map((address) => ({ address, port })) }
        })

      const follow = (direction: Direction): Effect.Effect<Route, Unresolved> => {
        const { host, certificateName } = direction
        switch (direction.kind) {
          case "address": {
            const { step, address, port } = direction
            return Effect.succeed({ step, host, certificateName, endpoints: [{ address, port }] })
          }
          case "host":
            return byHost(direction.step, direction, direction.hostname, direction.port)
          case "services":
            return byServices(direction)
        }
      }

      const find = Effect.fnUntraced(function* (serverName: string): Effect.fn.Return<Kept, Unresolved> {
        const own = directionOf(serverName, false)
        if (own === undefined) return yield* new Unresolved({ name: serverName, reason: "invalid-name" })
        if (own.kind !== "services") return { route: yield* follow(own), keptMs: routeMsMax }
        const { delegatedTo, dueTs } = yield* delegationOf(own.hostname)
        const delegated = delegatedTo === undefined ? undefined : directionOf(delegatedTo, true)
        const route = yield* follow(delegated ?? own)
        const leftMs = Math.max(0, dueTs - (yield* Clock.currentTimeMillis))
        return { route, keptMs: Math.min(leftMs, routeMsMax) }
      })

      const routes = yield* Cache.makeWith(find, {
        capacity: routesMax,
        timeToLive: (exit) => (Exit.isSuccess(exit) ? exit.value.keptMs : Duration.zero),
      })
      return {
        resolve: (serverName) => Effect.map(Cache.get(routes, serverName), ({ route }) => route),
        forget: (serverName) => Cache.invalidate(routes, serverName),
      }
    }),
  )
}
