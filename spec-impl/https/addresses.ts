/** Names to addresses. */
import { Data, Effect } from "effect"
import { type Dns, NetAddress } from "effect/net"

/** Why a server name leads nowhere. */
export class Unresolved extends Data.TaggedError("Unresolved")<{
  readonly name: string
  /** `server-failure`: whoever knows did not say. `not-available`: an SRV record says that there is no server. */
  readonly reason: "invalid-name" | "not-found" | "server-failure" | "not-available"
}> {
  override get message(): string {
    return `${this.name}: ${this.reason}`
  }
}

/** A lookup takes no longer; then it counts as a server's failure. */
const lookupMsMax = 10_000

const unresolved = ({ hostname, reason }: Dns.DnsError): Unresolved =>
  new Unresolved({
    name: hostname,
    reason: reason === "NotFound" ? "not-found" : reason === "BadName" ? "invalid-name" : "server-failure",
  })

/** A lookup with its time limit, and its errors as `Unresolved`. */
export const looked = <A>(name: string, lookup: Effect.Effect<A, Dns.DnsError>) =>
  lookup.pipe(
    Effect.mapError(unresolved),
    Effect.timeoutOrElse({
      duration: lookupMsMax,
      orElse: () => Effect.fail(new Unresolved({ name, reason: "server-failure" })),
    }),
  )

/** The addresses of a host, through aliases (CNAME, AAAA and A records), in the order of trying; at least one. */
export const addressesOf = (dns: Dns.Dns["Service"], hostname: string) =>
  Effect.map(looked(hostname, dns.lookup(hostname)), (found) => found.map(NetAddress.formatIp))
