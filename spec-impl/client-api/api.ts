/**
 * The client-server API, as far as a laboratory needs it: one group a chapter of the specification. The routes of a
 * server derive from it.
 */
import { HttpApi } from "effect/http-api"
import { AccountDataApi } from "./account-data/api.ts"
import { AccountsApi, SessionsApi } from "./accounts/api.ts"
import { CapabilitiesApi } from "./capabilities/api.ts"
import { CreationApi } from "./creation/api.ts"
import { DevicesApi } from "./devices/api.ts"
import { DirectoryApi, OwnDirectoryApi } from "./directory/api.ts"
import { EncryptionApi } from "./encryption/api.ts"
import { EphemeralApi } from "./ephemeral/api.ts"
import { EventsApi } from "./events/api.ts"
import { MediaApi } from "./media/api.ts"
import { MembershipsApi } from "./memberships/api.ts"
import { OpenIdApi } from "./openid/api.ts"
import { OwnProfileApi, ProfilesApi } from "./profiles/api.ts"
import { PushRulesApi } from "./push-rules/api.ts"
import { RoomQueriesApi } from "./room-queries/api.ts"
import { SendingApi } from "./sending/api.ts"
import { SyncApi } from "./sync/api.ts"
import { VersionsApi } from "./versions/api.ts"

export class ClientApi extends HttpApi.make("client")
  .add(VersionsApi)
  .add(AccountsApi)
  .add(SessionsApi)
  .add(EventsApi)
  .add(SendingApi)
  .add(MembershipsApi)
  .add(CreationApi)
  .add(SyncApi)
  .add(EphemeralApi)
  .add(AccountDataApi)
  .add(PushRulesApi)
  .add(ProfilesApi)
  .add(OwnProfileApi)
  .add(DirectoryApi)
  .add(OwnDirectoryApi)
  .add(OpenIdApi)
  .add(DevicesApi)
  .add(EncryptionApi)
  .add(MediaApi)
  .add(CapabilitiesApi)
  .add(RoomQueriesApi) {}
