/** Homeservers in this process, outside of the simulator: real time, no sockets; what crosses between them is bytes. */
import { Context, Effect, Layer } from "effect"
import { HttpClient } from "effect/http"
import { FederationClient } from "#spec-impl/federation/client.ts"
import { federationHandler } from "#spec-impl/federation/server.ts"
import { IdentityServers } from "#spec-impl/federation/third-party-invites/identity-servers.ts"
import { WebClient } from "#spec-impl/federation/web-client.ts"
import { WireError, type WireHandler, wireHttpClient } from "#spec-impl/federation/wire.ts"
import { Chance } from "#spec-impl/homeserver/chance.ts"
import { layerChapters, layerHomeserver } from "#spec-impl/homeserver/homeserver.ts"
import { ServerIdentity } from "#spec-impl/homeserver/identity.ts"
import { Incoming } from "#spec-impl/homeserver/incoming.ts"
import { LocalUsers } from "#spec-impl/homeserver/local-users.ts"
import { Rooms } from "#spec-impl/homeserver/rooms.ts"
import { type HomeserverSettings, Settings } from "#spec-impl/homeserver/settings.ts"
import { Signatures } from "#spec-impl/homeserver/signatures/signatures.ts"
import { makeSigningKey } from "#spec-impl/homeserver/signatures/signing-key.ts"
import { EventStore } from "#spec-impl/store/event-store.ts"
import { MemoryDisk, memoryStore } from "#spec-impl/store/memory.ts"

export interface Neighbour {
  readonly name: string
  readonly handler: WireHandler
  readonly users: LocalUsers["Service"]
  readonly rooms: Rooms["Service"]
  readonly incoming: Incoming["Service"]
  readonly identity: ServerIdentity["Service"]
}

/** What the servers of one street share. */
export interface Street {
  readonly layerSignatures: Layer.Layer<Signatures>
  readonly layerStore?: Layer.Layer<EventStore>
  readonly settings?: Partial<HomeserverSettings>
}

/** Starts a server that finds all others of `street` by their names. */
export const startNeighbour = Effect.fnUntraced(function* (
  name: string,
  street: Map<string, Neighbour>,
  { layerSignatures, layerStore, settings = {} }: Street,
) {
  const send = Effect.fnUntraced(function* (request: Parameters<WireHandler>[0]) {
    const neighbour = street.get(request.destination)
    if (neighbour === undefined) return yield* new WireError({ reason: "unreachable" })
    return yield* neighbour.handler(request)
  })
  const layerClient = Layer.succeed(HttpClient.HttpClient, wireHttpClient(name, send))
  const layerIdentity = Layer.unwrap(
    Effect.map(Signatures, (signatures) =>
      ServerIdentity.layer({
        serverName: name,
        signingKey: makeSigningKey(signatures, "ed25519:1", crypto.getRandomValues(new Uint8Array(32))),
        oldKeys: [],
      }),
    ),
  )
  const surroundings = Layer.mergeAll(
    Chance.layerRandom,
    layerSignatures,
    Settings.layer(settings),
    layerStore ?? Layer.sync(EventStore, () => memoryStore(new MemoryDisk())),
  )
  const services = yield* Layer.build(
    layerHomeserver().pipe(
      Layer.provideMerge(FederationClient.layer.pipe(Layer.provide(layerClient))),
      Layer.provide(IdentityServers.layer.pipe(Layer.provide(layerClient))),
      Layer.provide(
        Layer.succeed(WebClient, { get: () => Effect.fail(new WireError({ reason: "unreachable" })) }),
      ),
      Layer.provideMerge(layerIdentity),
      Layer.provideMerge(surroundings),
    ),
  )
  const handler = yield* Effect.provide(federationHandler(layerChapters), services)
  const neighbour: Neighbour = {
    name,
    handler,
    users: Context.get(services, LocalUsers),
    rooms: Context.get(services, Rooms),
    incoming: Context.get(services, Incoming),
    identity: Context.get(services, ServerIdentity),
  }
  street.set(name, neighbour)
  return neighbour
})
