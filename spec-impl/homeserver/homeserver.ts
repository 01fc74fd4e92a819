/** A whole homeserver: the same code in the simulator and behind HTTPS. */
import { Layer } from "effect"
import { layerClientServices } from "../client-api/chapters.ts"
import { CrossSigning } from "../federation/devices/cross-signing.ts"
import { LocalDevices } from "../federation/devices/local-devices.ts"
import { DevicesReceive } from "../federation/devices/receive.ts"
import { RemoteDevices } from "../federation/devices/remote-devices.ts"
import { PublishedRooms } from "../federation/directory/published-rooms.ts"
import { DirectoryReceive } from "../federation/directory/receive.ts"
import { DiscoveryReceive } from "../federation/discovery/receive.ts"
import { DeviceKeyQueries } from "../federation/encryption/device-key-queries.ts"
import { OneTimeKeys } from "../federation/encryption/one-time-keys.ts"
import { EncryptionReceive } from "../federation/encryption/receive.ts"
import { HistoryReceive } from "../federation/history/receive.ts"
import { TimestampSearch } from "../federation/history/timestamp-search.ts"
import { KeysReceive } from "../federation/keys/receive.ts"
import { LocalMedia } from "../federation/media/local-media.ts"
import { Media } from "../federation/media/media.ts"
import { MediaCache } from "../federation/media/media-cache.ts"
import { LegacyMediaReceive, MediaReceive } from "../federation/media/receive.ts"
import { RemoteMedia } from "../federation/media/remote-media.ts"
import { OpenIdReceive } from "../federation/openid/receive.ts"
import { OpenIdTokens } from "../federation/openid/tokens.ts"
import { PolicyReceive } from "../federation/policy/receive.ts"
import { Presence } from "../federation/presence/presence.ts"
import { Aliases } from "../federation/queries/aliases.ts"
import { Profiles } from "../federation/queries/profiles.ts"
import { QueriesReceive } from "../federation/queries/receive.ts"
import { Receipts } from "../federation/receipts/receipts.ts"
import { RoomsReceive } from "../federation/rooms/receive.ts"
import { SpacesReceive } from "../federation/spaces/receive.ts"
import { Spaces } from "../federation/spaces/spaces.ts"
import { ThirdPartyInvitesReceive } from "../federation/third-party-invites/receive.ts"
import { ThirdPartyInvites } from "../federation/third-party-invites/third-party-invites.ts"
import { ToDevice } from "../federation/to-device/to-device.ts"
import { TransactionsReceive } from "../federation/transactions/receive.ts"
import { Typing } from "../federation/typing/typing.ts"
import { Changes } from "./changes.ts"
import { Destinations } from "./destinations.ts"
import { Edus } from "./edus.ts"
import { Incoming } from "./incoming.ts"
import { InvitePermission } from "./invite-permission.ts"
import { JoinsInFlight } from "./joins-in-flight.ts"
import { KeyRing } from "./key-ring.ts"
import { LocalUsers } from "./local-users.ts"
import { Outside } from "./outside.ts"
import { Resyncs } from "./resyncs.ts"
import { type RoomListener, Rooms } from "./rooms.ts"

/** What users and other servers are answered by, which no other part of a homeserver needs. */
const layerForOthers = Layer.mergeAll(
  Incoming.layer,
  Profiles.layer,
  PublishedRooms.layer,
  Spaces.layer,
  OpenIdTokens.layer,
  Media.layer.pipe(Layer.provideMerge(Layer.mergeAll(LocalMedia.layer, RemoteMedia.layer, MediaCache.layer))),
  TimestampSearch.layer,
  Typing.layer,
  Presence.layer,
  Receipts.layer,
  ThirdPartyInvites.layer,
  OneTimeKeys.layer,
  ToDevice.layer,
  DeviceKeyQueries.layer,
)

/**
 * The services of a homeserver. What is left to give: its identity, settings, store, signatures, chance, and
 * clients that reach other servers, identity servers, and other places. `listener` hears of each event as it is applied.
 */
export const layerHomeserver = (listener?: RoomListener) =>
  layerClientServices.pipe(
    Layer.provideMerge(layerForOthers),
    Layer.provideMerge(CrossSigning.layer),
    Layer.provideMerge(Layer.mergeAll(LocalDevices.layer, RemoteDevices.layer)),
    Layer.provideMerge(LocalUsers.layer),
    Layer.provideMerge(Layer.mergeAll(JoinsInFlight.layer, Resyncs.layer, Aliases.layer)),
    Layer.provideMerge(Destinations.layer),
    Layer.provideMerge(
      Layer.mergeAll(Rooms.layer(listener), KeyRing.layer, Outside.layer, InvitePermission.layer, Edus.layer),
    ),
    Layer.provideMerge(Changes.layer),
  )

/** The services that `layerHomeserver` makes. */
export type HomeserverServices = Layer.Success<ReturnType<typeof layerHomeserver>>

/** The handlers of all chapters. */
export const layerChapters = Layer.mergeAll(
  DiscoveryReceive,
  KeysReceive,
  TransactionsReceive,
  RoomsReceive,
  HistoryReceive,
  QueriesReceive,
  DirectoryReceive,
  SpacesReceive,
  OpenIdReceive,
  ThirdPartyInvitesReceive,
  PolicyReceive,
  DevicesReceive,
  EncryptionReceive,
  MediaReceive,
  LegacyMediaReceive,
)
