/** The user's checklist, chapters 3, 3.1 and 4.3, and how servers are found beyond it. */
import type { Part } from "./row.ts"

const https = "spec-impl/https"
const named = "sim/world/discovery.test.ts"
const resolver = `${https}/server-resolver.test.ts > a well-known file`

export const discoveryPart: Part = {
  title: "Server discovery",
  rows: [
    {
      id: "3",
      title: "Server discovery",
      section: "§Server discovery: by names, certificates and delegation, over a partition, until it heals",
      handler: `${https}/named-send.ts`,
      test: "scenarios/scenarios.test.ts > every scenario, in every room version > discovery-goes-wrong ends as expected",
      removal: {
        file: `${https}/server-resolver.ts`,
        from: "if (endpoints.length > 0) return",
        to: "if (endpoints.length > 9) return",
      },
    },
    {
      id: "3.1",
      title: "Resolving server names",
      section: "§Resolving server names: an explicit port wants neither well-known nor SRV",
      handler: `${https}/direction.ts`,
      test: `${named} > each step of resolving a name > 2: an explicit port, for which neither well-known nor SRV count`,
      removal: {
        file: `${https}/server-resolver.ts`,
        from: `if (own.kind !== "services") return`,
        to: `if (own.kind === "address") return`,
      },
    },
    {
      id: "3.1.1",
      title: "GET /.well-known/matrix/server",
      section: "§Resolving server names",
      route: "GET /.well-known/matrix/server",
      handler: "spec-impl/federation/discovery/receive.ts",
      test: `${named} > a well-known file > is served by a homeserver that delegates, without authentication; by others it is not found`,
    },
    {
      id: "policy server's key",
      title: "GET /.well-known/matrix/policy_server",
      section: "client-server API §Policy servers",
      route: "GET /.well-known/matrix/policy_server",
      handler: "spec-impl/federation/discovery/receive.ts",
      test: "sim/world/policy-servers.test.ts > the key of a policy server > is told to whoever asks, and is the one that its signatures are by",
    },
    {
      id: "4.3",
      title: "Client TLS Certificates",
      section:
        "§Client TLS Certificates: requests are authenticated by what they carry, not by their connection",
      handler: "spec-impl/federation/authenticate.ts",
      test: `${named} > who asks > is who signs, whatever connection it comes by (§Client TLS Certificates)`,
      removal: {
        file: "spec-impl/federation/authenticate.ts",
        from: "!isServerName(origin)",
        to: "request.source !== origin",
      },
    },
    {
      id: "TLS certificates",
      title: "Nothing is sent to who does not prove to be that server",
      section: "§TLS, §Response Authentication",
      handler: `${https}/https-transport.ts`,
      test: `${https}/https-client.test.ts > TLS > sends nothing to who shows a certificate that is expired, two.test: expired`,
      removal: {
        file: "spec-impl/https/https-transport.ts",
        from: 'servername: isIP(certificateName) === 0 ? certificateName : "",',
        to: 'servername: isIP(certificateName) === 0 ? certificateName : "",\n    rejectUnauthorized: false,',
      },
    },
    {
      id: "TLS names",
      title: "SNI of the expected certificate, none for addresses",
      section: "§TLS",
      handler: `${https}/https-transport.ts`,
      test: `${https}/https-client.test.ts > TLS > names the expected certificate, and sends the Host header and the bytes that it is told`,
      removal: {
        file: `${https}/https-transport.ts`,
        from: `servername: isIP(certificateName) === 0 ? certificateName : "",`,
        to: `servername: "",`,
      },
    },
    {
      id: "_matrix-fed SRV",
      title: "SRV records of the registered service",
      section: "§Resolving server names, steps 3.3 and 4 (v1.8)",
      handler: `${https}/direction.ts`,
      test: `${named} > each step of resolving a name > 3.3: delegated, then SRV; the well-known file of the delegate does not count`,
      removal: { file: `${https}/direction.ts`, from: "`_matrix-fed._tcp.", to: "`_matrix-none._tcp." },
    },
    {
      id: "_matrix SRV",
      title: "SRV records of the deprecated service",
      section: "§Resolving server names, steps 3.4 and 5",
      handler: `${https}/direction.ts`,
      test: `${named} > each step of resolving a name > 5: the deprecated SRV`,
      removal: { file: `${https}/direction.ts`, from: "`_matrix._tcp.", to: "`_matrix-none._tcp." },
    },
    {
      id: "delegated names",
      title: "A delegated name is not delegated on",
      section: "§Resolving server names, step 3",
      handler: `${https}/server-resolver.ts`,
      test: `${named} > each step of resolving a name > 3.2: delegated to a port`,
      removal: {
        file: `${https}/server-resolver.ts`,
        from: "directionOf(delegatedTo, true)",
        to: "directionOf(delegatedTo.slice(0, 2), true)",
      },
    },
    {
      id: "well-known redirects",
      title: "Redirects of a well-known file are followed, without loops",
      section: "§Resolving server names, step 3",
      handler: `${https}/well-known.ts`,
      test: `${named} > a well-known file > is found behind redirects, whatever its content type`,
      removal: {
        file: `${https}/well-known.ts`,
        from: "if (![301, 302, 303, 307, 308].includes(status)) return undefined",
        to: "if (status !== 0) return undefined",
      },
    },
    {
      id: "well-known errors",
      title: "A well-known file that is not valid does not stop discovery",
      section: "§Resolving server names, step 3",
      handler: `${https}/well-known.ts`,
      test: `${named} > a well-known file > of a server in trouble does not stop discovery`,
      removal: { file: `${https}/well-known.ts`, from: "if (status !== 200 || body", to: "if (body" },
    },
    {
      id: "well-known caching",
      title: "A well-known file is kept as long as it says, or a day, at most two",
      section: "§Resolving server names, step 3",
      handler: `${https}/delegations.ts`,
      test: `${resolver} > is fetched once for all who want it, and serves as long as it says`,
      removal: {
        file: `${https}/delegations.ts`,
        from: "holder.dueTs = nowMs + lifeMs(answer.headers, nowMs)",
        to: "holder.dueTs = nowMs",
      },
    },
    {
      id: "well-known back-off",
      title: "Errors are kept longer each time, at most an hour",
      section: "§Resolving server names, step 3",
      handler: `${https}/delegations.ts`,
      test: `${resolver} > that is an error is asked for again after a minute, two, four, and never more than an hour`,
      removal: { file: `${https}/delegations.ts`, from: "holder.failures += 1", to: "holder.failures = 1" },
    },
    {
      id: "SRV order",
      title: "SRV targets by priority and weight",
      section: "RFC 2782",
      handler: `${https}/service-order.ts`,
      test: `${https}/service-order.test.ts > SRV records > of one priority come first in the share of their weights`,
      removal: { file: `${https}/service-order.ts`, from: "running += weight", to: "running += 1" },
    },
    {
      id: "SRV fail-over",
      title: "The next target has its turn before anything was sent",
      section: "RFC 2782, §TLS",
      handler: `${https}/named-send.ts`,
      test: `${named} > what stands in the way > targets that cannot be reached, or show a bad certificate, are passed over before anything is sent`,
      removal: {
        file: "spec-impl/https/exchange-at-first.ts",
        from: "if (!mayGoOn(failure)) break",
        to: "break",
      },
    },
    {
      id: "address policy",
      title: "No connections to addresses that are not for the public",
      section: "beyond the specification: names are chosen by strangers",
      handler: `${https}/address-policy.ts`,
      test: `${https}/https-client.test.ts > TLS > is not even tried towards addresses that are not for the public, unless they are allowed`,
      removal: {
        file: `${https}/https-transport.ts`,
        from: "if (!allows(address)) {",
        to: "if (address === ``) {",
      },
    },
  ],
}
