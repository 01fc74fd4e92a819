/** The chapters of the client-server API: their handlers, and the services that are theirs alone. */
import { Layer } from "effect"
import { Accounts } from "./accounts/accounts.ts"
import { InteractiveAuth } from "./accounts/interactive-auth.ts"
import { AccountsReceive, SessionsReceive } from "./accounts/receive.ts"
import { ForgottenRooms } from "./events/access.ts"
import { Gaps } from "./events/gaps.ts"
import { EventsReceive } from "./events/receive.ts"
import { TransactionIds } from "./events/transaction-ids.ts"
import { VersionsReceive } from "./versions/receive.ts"

/** The services that clients alone need; a homeserver keeps them while it is up, for all its listeners. */
export const layerClientServices = Layer.mergeAll(
  Accounts.layer,
  InteractiveAuth.layer,
  ForgottenRooms.layer,
  TransactionIds.layer,
  Gaps.layer,
)

/** The handlers of all chapters. */
export const layerClientChapters = Layer.mergeAll(
  VersionsReceive,
  AccountsReceive,
  SessionsReceive,
  EventsReceive,
)
