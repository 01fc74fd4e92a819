/**
 * The server-server API, one group a chapter of the specification. The routes of a server and the client that
 * calls it both derive from it.
 */
import { HttpApi, type HttpApiGroup } from "effect/http-api"
import { DevicesApi } from "./devices/api.ts"
import { DirectoryApi } from "./directory/api.ts"
import { DiscoveryApi } from "./discovery/api.ts"
import { EncryptionApi } from "./encryption/api.ts"
import { HistoryApi } from "./history/api.ts"
import { KeysApi } from "./keys/api.ts"
import { LegacyMediaApi, MediaApi } from "./media/api.ts"
import { OpenIdApi } from "./openid/api.ts"
import { PolicyApi } from "./policy/api.ts"
import { QueriesApi } from "./queries/api.ts"
import { RoomsApi } from "./rooms/api.ts"
import { SpacesApi } from "./spaces/api.ts"
import { ThirdPartyInvitesApi } from "./third-party-invites/api.ts"
import { TransactionsApi } from "./transactions/api.ts"

export class FederationApi extends HttpApi.make("federation")
  .add(DiscoveryApi)
  .add(KeysApi)
  .add(TransactionsApi)
  .add(RoomsApi)
  .add(HistoryApi)
  .add(QueriesApi)
  .add(DirectoryApi)
  .add(SpacesApi)
  .add(OpenIdApi)
  .add(ThirdPartyInvitesApi)
  .add(PolicyApi)
  .add(DevicesApi)
  .add(EncryptionApi)
  .add(MediaApi)
  .add(LegacyMediaApi) {}

/** The groups of `FederationApi`. */
export type FederationGroups =
  typeof FederationApi extends HttpApi.HttpApi<string, infer Groups> ? Groups : never

/** The handlers of all chapters, as `chapter` makes them. */
export type FederationChapters = HttpApiGroup.ToService<"federation", FederationGroups>
