/** Names that lead nowhere or astray, and certificates that prove nothing. Lies are told to those alone who are named. */
import { Effect, Schema, type Scope } from "effect"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import type { WireRequest, WireResponse } from "#spec-impl/federation/wire.ts"
import { directionOf } from "#spec-impl/https/direction.ts"
import { type Certificate, certificateJson, readCertificate } from "../../network/certificates.ts"
import type { Treatment } from "../../network/disturbances.ts"
import { nameServer } from "../../network/names.ts"
import { withBody } from "../../network/rules.ts"
import { drawPair, drawServer } from "../draws.ts"
import { defineFault, type FaultWorld } from "../fault.ts"
import { Names, optional, wanted, withDefault } from "../fields.ts"

interface Lie {
  readonly fault: string
  readonly id?: string
  readonly seenBy?: readonly string[]
}

/** Does that to the requests of who is to see the lie. */
const lie = (
  world: FaultWorld,
  { fault, id, seenBy }: Lie,
  treat: (request: WireRequest, virtualMs: number) => Treatment | undefined,
): Effect.Effect<void, never, Scope.Scope> => {
  if (world.names === undefined)
    return Effect.die(new Error(`${fault} wants servers that are found by names`))
  return world.network.disturb({
    name: id ?? fault,
    treat: ({ facts: { request } }, virtualMs) =>
      seenBy === undefined || seenBy.includes(request.source) ? treat(request, virtualMs) : undefined,
  })
}

const seenByField = optional(Names, "all", "the servers that it is told to")
const hostsField = wanted(Names, "servers, whose names and all names below them it is about")

/** The name under which the records of a server stand: its own, without a port. */
const hostOf = (serverName: string): string => {
  const direction = directionOf(serverName, false)
  return direction === undefined || direction.kind === "address" ? serverName : direction.hostname
}

/** What is asked of the name server, if it is about one of those hosts or a name below. */
const asked = ({ destination, target }: WireRequest, servers: readonly string[]) => {
  if (destination !== nameServer) return undefined
  const [, type = "", name = ""] = target.split("/")
  const hosts = servers.map((server) => hostOf(server))
  return hosts.some((host) => name === host || name.endsWith(`.${host}`)) ? { type, name } : undefined
}

const answered = (status: string, answers: readonly JsonValue[] = []): Treatment => ({
  reply: {
    status: 200,
    headers: { "content-type": "application/json" },
    body: canonicalJsonBytes({ status, answers: [...answers] }),
  },
})

export const dnsFailure = defineFault({
  name: "dns-failure",
  family: "network",
  standsFor: "those who should know a name do not answer: lookups fail",
  fields: { servers: hostsField, seenBy: seenByField },
  wantsNames: true,
  draw: (draws, servers) => ({ fault: "dns-failure", servers: [drawServer(draws, servers)] }),
  apply: (world, fault) =>
    lie(world, fault, (request) =>
      asked(request, fault.servers) === undefined ? undefined : answered("SERVFAIL"),
    ),
})

export const dnsStale = defineFault({
  name: "dns-stale",
  family: "network",
  standsFor: "a resolver that goes on giving the address which a server had before it moved",
  fields: {
    servers: hostsField,
    seenBy: seenByField,
    address: withDefault(Schema.String, "192.0.2.1", "the old address, where nobody listens any more"),
  },
  wantsNames: true,
  draw: (draws, servers) => ({ fault: "dns-stale", servers: [drawServer(draws, servers)] }),
  apply: (world, fault) =>
    lie(world, fault, (request) =>
      asked(request, fault.servers)?.type === "lookup" ? answered("NOERROR", [fault.address]) : undefined,
    ),
})

export const dnsWrong = defineFault({
  name: "dns-wrong",
  family: "network",
  standsFor: "a record that was mistyped or poisoned: the name of one server leads to another",
  fields: {
    servers: hostsField,
    leadsTo: wanted(Schema.String, "the server at whose addresses they are said to be"),
    seenBy: seenByField,
  },
  wantsNames: true,
  draw: (draws, servers) => {
    const [server, leadsTo] = drawPair(draws, servers)
    return { fault: "dns-wrong", servers: [server], leadsTo }
  },
  apply: (world, fault) =>
    lie(world, fault, (request) => {
      if (asked(request, fault.servers)?.type !== "lookup") return undefined
      return answered("NOERROR", world.names?.addressesOf(hostOf(fault.leadsTo)) ?? [])
    }),
})

/** What a listener shows in a handshake, changed. */
const otherCertificate = (
  response: WireResponse,
  change: (certificate: Certificate) => Certificate,
): WireResponse => {
  const certificate = readCertificate(readJson(response.body))
  return certificate === undefined
    ? response
    : withBody(response, canonicalJsonBytes(certificateJson(change(certificate))))
}

/** Shows another certificate in place of those of some servers. */
const showing = (
  world: FaultWorld,
  fault: Lie & { readonly servers: readonly string[] },
  change: (certificate: Certificate, virtualMs: number) => Certificate,
) =>
  lie(world, fault, ({ method, destination }, virtualMs) =>
    method === "CONNECT" && fault.servers.includes(destination)
      ? {
          alterReply: (response) =>
            otherCertificate(response, (certificate) => change(certificate, virtualMs)),
        }
      : undefined,
  )

const certificateFields = { servers: wanted(Names, "the servers that show it"), seenBy: seenByField }

export const certificateExpired = defineFault({
  name: "certificate-expired",
  family: "network",
  standsFor: "a certificate that nobody has renewed: others refuse to speak to the server",
  fields: certificateFields,
  wantsNames: true,
  draw: (draws, servers) => ({ fault: "certificate-expired", servers: [drawServer(draws, servers)] }),
  apply: (world, fault) =>
    showing(world, fault, (certificate, virtualMs) => ({
      ...certificate,
      notAfterMs: virtualMs - 86_400_000,
    })),
})

export const certificateWrong = defineFault({
  name: "certificate-wrong",
  family: "network",
  standsFor:
    "a certificate for another name, as a proxy shows that was set up wrong, or one that nobody vouches for",
  fields: {
    ...certificateFields,
    problem: withDefault(
      Schema.Literals(["wrong-name", "unknown-authority"]),
      "wrong-name",
      "what is wrong with it",
    ),
  },
  wantsNames: true,
  draw: (draws, servers) => ({
    fault: "certificate-wrong",
    servers: [drawServer(draws, servers)],
    problem: draws.pick(["wrong-name", "unknown-authority"] as const, "problem"),
  }),
  apply: (world, fault) =>
    showing(world, fault, (certificate) =>
      fault.problem === "wrong-name"
        ? { ...certificate, names: ["localhost.invalid"] }
        : { ...certificate, issuer: "unknown" },
    ),
})
