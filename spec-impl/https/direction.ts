/**
 * What a server name alone says of where its server is (server-server API §Resolving server names), before
 * anything is looked up.
 */
import { parseServerName } from "../core/identifiers.ts"

/** Where a server listens that names no port. */
export const federationPort = 8448

/** A step of §Resolving server names, as the page numbers them. */
export type Step = "1" | "2" | "3.1" | "3.2" | "3.3" | "3.4" | "3.5" | "4" | "5" | "6"

/** What is asked for at a server, and what it must show, whatever its address is. */
export interface Identity {
  /** The `Host` header of requests. */
  readonly host: string
  /** The host name, or the IP address, that the server's certificate must be valid for. */
  readonly certificateName: string
}

/** How to go on from a name. */
export type Direction = Identity &
  (
    | { readonly kind: "address"; readonly step: Step; readonly address: string; readonly port: number }
    | { readonly kind: "host"; readonly step: Step; readonly hostname: string; readonly port: number }
    | {
        readonly kind: "services"
        readonly hostname: string
        /** The SRV records to look up, in turn, each with its step. */
        readonly services: readonly { readonly step: Step; readonly name: string }[]
        /** The step at which none of them exists. */
        readonly otherwise: Step
      }
  )

/**
 * The direction of a server name, or of a name that a server delegated to. Undefined where `name` is no server
 * name, or its port none.
 */
export const directionOf = (name: string, isDelegated: boolean): Direction | undefined => {
  const parsed = parseServerName(name)
  if (parsed === undefined) return undefined
  const { hostname, port, kind } = parsed
  if (port !== null && (port < 1 || port > 65_535)) return undefined
  const identity = { host: name, certificateName: hostname }
  if (kind !== "dns") {
    const step = isDelegated ? "3.1" : "1"
    return { ...identity, kind: "address", step, address: hostname, port: port ?? federationPort }
  }
  if (port !== null) return { ...identity, kind: "host", step: isDelegated ? "3.2" : "2", hostname, port }
  const [registered, deprecated, otherwise] = isDelegated
    ? (["3.3", "3.4", "3.5"] as const)
    : (["4", "5", "6"] as const)
  const services = [
    { step: registered, name: `_matrix-fed._tcp.${hostname}` },
    { step: deprecated, name: `_matrix._tcp.${hostname}` },
  ]
  return { ...identity, kind: "services", hostname, services, otherwise }
}
