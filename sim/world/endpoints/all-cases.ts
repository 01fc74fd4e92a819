/** The cases of all chapters, and what is still to come. */
import type { EndpointCases } from "./cases.ts"
import { deviceCases } from "./cases-devices.ts"
import { joinCases, knockCases, leaveCases } from "./cases-handshakes.ts"
import { historyCases } from "./cases-history.ts"
import { inviteCases } from "./cases-invites.ts"
import { queryCases } from "./cases-queries.ts"
import { serverCases, transactionCases } from "./cases-servers.ts"
import { policyCases, thirdPartyCases } from "./cases-third-party.ts"
import type { Route } from "./specified.ts"

export const allCases: readonly EndpointCases[] = [
  ...serverCases,
  ...transactionCases,
  ...historyCases,
  ...joinCases,
  ...knockCases,
  ...leaveCases,
  ...inviteCases,
  ...queryCases,
  ...deviceCases,
  ...thirdPartyCases,
  ...policyCases,
]

/** Endpoints that this server does not have yet. */
export const awaitedRoutes: readonly Route[] = [
  "GET /.well-known/matrix/server",
  "GET /_matrix/federation/v1/media/download/{mediaId}",
  "GET /_matrix/federation/v1/media/thumbnail/{mediaId}",
  "GET /_matrix/media/v3/download/{serverName}/{mediaId}",
  "GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}",
]

/** Errors of endpoints that it has, which it cannot give yet: `route: error`. */
export const awaitedErrors: readonly string[] = [
  "PUT /_matrix/federation/v1/invite/{roomId}/{eventId}: 403 M_INVITE_BLOCKED",
  "PUT /_matrix/federation/v2/invite/{roomId}/{eventId}: 403 M_INVITE_BLOCKED",
]
