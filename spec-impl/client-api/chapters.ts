/** The chapters of the client-server API: their handlers, and the services that are theirs alone. */
import { Layer } from "effect"
import { AccountData } from "./account-data/account-data.ts"
import { AccountDataReceive } from "./account-data/receive.ts"
import { Accounts } from "./accounts/accounts.ts"
import { InteractiveAuth } from "./accounts/interactive-auth.ts"
import { OwnPassword } from "./accounts/own-password.ts"
import { AccountsReceive, SessionsReceive } from "./accounts/receive.ts"
import { CapabilitiesReceive } from "./capabilities/receive.ts"
import { CreationReceive } from "./creation/receive.ts"
import { DevicesReceive } from "./devices/receive.ts"
import { DirectoryReceive, OwnDirectoryReceive } from "./directory/receive.ts"
import { EncryptionReceive } from "./encryption/receive.ts"
import { EphemeralReceive } from "./ephemeral/receive.ts"
import { ForgottenRooms } from "./events/access.ts"
import { Gaps } from "./events/gaps.ts"
import { EventsReceive } from "./events/receive.ts"
import { TransactionIds } from "./events/transaction-ids.ts"
import { MediaReceive } from "./media/receive.ts"
import { MembershipsReceive } from "./memberships/receive.ts"
import { OpenIdReceive } from "./openid/receive.ts"
import { OwnProfileReceive, ProfilesReceive } from "./profiles/receive.ts"
import { PushRules } from "./push-rules/push-rules.ts"
import { PushRulesReceive } from "./push-rules/receive.ts"
import { RoomQueriesReceive } from "./room-queries/receive.ts"
import { SendingReceive } from "./sending/receive.ts"
import { Filters } from "./sync/filters.ts"
import { SyncReceive } from "./sync/receive.ts"
import { Sync } from "./sync/sync.ts"
import { VersionsReceive } from "./versions/receive.ts"

/** The services that clients alone need; a homeserver keeps them while it is up, for all its listeners. */
export const layerClientServices = Layer.mergeAll(
  OwnPassword.layer,
  InteractiveAuth.layer,
  Gaps.layer,
  Filters.layer,
  Sync.layer,
).pipe(
  Layer.provideMerge(PushRules.layer),
  Layer.provideMerge(
    Layer.mergeAll(Accounts.layer, AccountData.layer, TransactionIds.layer, ForgottenRooms.layer),
  ),
)

/** The handlers of all chapters. */
export const layerClientChapters = Layer.mergeAll(
  VersionsReceive,
  AccountsReceive,
  SessionsReceive,
  EventsReceive,
  SendingReceive,
  MembershipsReceive,
  CreationReceive,
  SyncReceive,
  EphemeralReceive,
  AccountDataReceive,
  PushRulesReceive,
  ProfilesReceive,
  OwnProfileReceive,
  DirectoryReceive,
  OwnDirectoryReceive,
  OpenIdReceive,
  DevicesReceive,
  EncryptionReceive,
  MediaReceive,
  CapabilitiesReceive,
  RoomQueriesReceive,
)
