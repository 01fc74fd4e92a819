/**
 * The client-server API, as far as a laboratory needs it: one group a chapter of the specification. The routes of a
 * server derive from it.
 */
import { HttpApi } from "effect/http-api"
import { AccountsApi, SessionsApi } from "./accounts/api.ts"
import { EventsApi } from "./events/api.ts"
import { VersionsApi } from "./versions/api.ts"

export class ClientApi extends HttpApi.make("client")
  .add(VersionsApi)
  .add(AccountsApi)
  .add(SessionsApi)
  .add(EventsApi) {}
