/** The name system as one server sees it: effect's `Dns`, over the network. */
import { Effect } from "effect"
import { Dns, Host, NetAddress } from "effect/net"
import { isJsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import { nameServer } from "./names.ts"
import type { Network } from "./network.ts"

const nothing = new Uint8Array(0)

/** Lookups of `source`. Records of other types than SRV and CNAME nobody asks for. */
export const simulatedDns = (source: string, network: Network["Service"]): Dns.Dns["Service"] => {
  const ask = Effect.fnUntraced(function* (method: "lookup" | "resolve", hostname: string, type: string) {
    const failed = (reason: Dns.DnsErrorReason) => new Dns.DnsError({ reason, method, hostname })
    const answer = yield* network
      .send({
        source,
        destination: nameServer,
        method: "GET",
        target: `/${type}/${hostname}`,
        headers: {},
        body: nothing,
      })
      .pipe(Effect.mapError(({ reason }) => failed(reason === "timed-out" ? "Timeout" : "ServerFailure")))
    const json = readJson(answer.body)
    if (!isJsonObject(json) || !Array.isArray(json.answers)) return yield* failed("InvalidResponse")
    if (json.status === "NOERROR") return { answers: json.answers as readonly JsonValue[], failed }
    return yield* failed(json.status === "NXDOMAIN" ? "NotFound" : "ServerFailure")
  })

  const read = <A>(method: "lookup" | "resolve", name: string, type: string, one: (answer: JsonValue) => A) =>
    Effect.flatMap(ask(method, name, type), ({ answers, failed }) =>
      Effect.try({ try: () => answers.map(one), catch: () => failed("InvalidResponse") }),
    )

  return Dns.make({
    lookup: (host) =>
      read("lookup", host, "lookup", (answer) => NetAddress.ipFromStringUnsafe(String(answer))),
    resolve: (name, type) =>
      read<Dns.DnsRecord>("resolve", name, type, (answer) =>
        isJsonObject(answer)
          ? Dns.makeRecordUnsafe("SRV", {
              target: Host.domainNameFromStringUnsafe(String(answer.target)),
              port: Number(answer.port),
              priority: Number(answer.priority),
              weight: Number(answer.weight),
            })
          : Dns.makeRecordUnsafe("CNAME", { target: Host.domainNameFromStringUnsafe(String(answer)) }),
      ),
  })
}
