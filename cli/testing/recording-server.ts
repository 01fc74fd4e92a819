/** For tests: a homeserver in this process, on real HTTPS, that keeps all that other servers send it. */
import { readFileSync } from "node:fs"
import { Context, Effect, Layer } from "effect"
import { IpNetwork } from "effect/net"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { federationHandler } from "#spec-impl/federation/server.ts"
import { nativeSignatures } from "#spec-impl/federation/testing/servers.ts"
import type { WireRequest } from "#spec-impl/federation/wire.ts"
import { layerChapters } from "#spec-impl/homeserver/homeserver.ts"
import { LocalUsers } from "#spec-impl/homeserver/local-users.ts"
import { Signatures } from "#spec-impl/homeserver/signatures/signatures.ts"
import { makeSigningKey } from "#spec-impl/homeserver/signatures/signing-key.ts"
import { layerRealHomeserver } from "#spec-impl/https/real-homeserver.ts"
import { federationLimits } from "#spec-impl/https/serve/limits.ts"
import { listen } from "#spec-impl/https/serve/listener.ts"
import { layerMemory, MemoryDisk } from "#spec-impl/store/memory.ts"
import { fixturePath } from "./serve-process.ts"

export interface HeardEvent {
  readonly roomVersion: string
  readonly eventId: string
  readonly pdu: JsonObject
}

export interface RecordingServer {
  readonly users: LocalUsers["Service"]
  /** Every request that came, in the order of coming. */
  readonly requests: readonly WireRequest[]
  /** Every event that it holds, with its id and the version of its room, as it came. */
  readonly events: () => readonly HeardEvent[]
}

const pem = (name: string): string => readFileSync(fixturePath(name), "utf8")

/** Runs `localhost:port` for as long as the scope lives. */
export const startRecordingServer = Effect.fnUntraced(function* (port: number) {
  const disk = new MemoryDisk()
  const requests: WireRequest[] = []
  const services = yield* Layer.build(
    layerRealHomeserver({
      identity: {
        serverName: `localhost:${port}`,
        signingKey: makeSigningKey(nativeSignatures, "ed25519:third", new Uint8Array(32).fill(3)),
        oldKeys: [],
      },
      settings: {},
      signatures: Layer.succeed(Signatures, nativeSignatures),
      store: layerMemory(disk),
      authorities: [pem("authority.pem")],
      allowedNetworks: ["127.0.0.0/8", "::1/128"].map(IpNetwork.fromStringUnsafe),
    }),
  )
  const handler = yield* Effect.provide(federationHandler(layerChapters), services)
  const tls = { certificate: pem("valid.pem"), key: pem("server.key") }
  yield* listen({ host: "127.0.0.1", port, tls, limits: federationLimits }, (request) => {
    requests.push(request)
    return handler(request)
  })
  return {
    users: Context.get(services, LocalUsers),
    requests,
    events: () =>
      [...disk.rooms.values()].flatMap(({ roomVersion, events }) =>
        [...events.values()].map(({ eventId, pdu }) => ({ roomVersion, eventId, pdu })),
      ),
  } satisfies RecordingServer
})
