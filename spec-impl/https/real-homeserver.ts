/** The homeserver of the simulator on the real network: real names, real TLS, real chance. */
import * as NodeDns from "@effect/platform-node/NodeDns"
import { Layer } from "effect"
import type { IpNetwork } from "effect/net"
import { FederationClient } from "../federation/client.ts"
import { IdentityServers } from "../federation/third-party-invites/identity-servers.ts"
import { Chance } from "../homeserver/chance.ts"
import { layerHomeserver } from "../homeserver/homeserver.ts"
import { type Identity, ServerIdentity } from "../homeserver/identity.ts"
import { type HomeserverSettings, Settings } from "../homeserver/settings.ts"
import type { Signatures } from "../homeserver/signatures/signatures.ts"
import type { EventStore, StoreFailure } from "../store/event-store.ts"
import { allowing } from "./address-policy.ts"
import { layerNamedClient } from "./https-client.ts"
import { layerHttpsTransport } from "./https-transport.ts"
import { layerWebClient, layerWebHttpClient } from "./web-get.ts"

export interface RealHomeserverOptions {
  /** The name, and the keys that it was set up with. */
  readonly identity: Identity
  readonly settings: Partial<HomeserverSettings>
  readonly signatures: Layer.Layer<Signatures>
  readonly store: Layer.Layer<EventStore, StoreFailure>
  /** Certificates in PEM of authorities that are trusted beside those of the system. */
  readonly authorities: readonly string[]
  /** Networks that may be connected to beside the public ones. */
  readonly allowedNetworks: readonly IpNetwork.IpNetwork[]
}

/** All services of the homeserver, with the clients by which it reaches others. */
export const layerRealHomeserver = (options: RealHomeserverOptions) =>
  layerHomeserver().pipe(
    Layer.provideMerge(FederationClient.layer.pipe(Layer.provide(layerNamedClient))),
    Layer.provide(IdentityServers.layer.pipe(Layer.provide(layerWebHttpClient))),
    Layer.provide(layerWebClient),
    Layer.provide(
      layerHttpsTransport({
        authorities: options.authorities,
        allows: allowing(options.allowedNetworks),
      }),
    ),
    Layer.provide(NodeDns.layer),
    Layer.provideMerge(ServerIdentity.layer(options.identity)),
    Layer.provideMerge(
      Layer.mergeAll(Chance.layerRandom, options.signatures, Settings.layer(options.settings), options.store),
    ),
  )
