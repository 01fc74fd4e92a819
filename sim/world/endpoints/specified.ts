/**
 * The endpoints of the server-server API as its v1.19 has them, and those it has removed, as data: what
 * `endpoints.test.ts` asks of each. Codes that the text does not name but servers agree on stand here too.
 */

export interface SpecifiedEndpoint {
  /** Its number in the list of the specification's endpoints; `old` where it was removed. */
  readonly number: string
  readonly route: string
  /** Whether it wants `Authorization: X-Matrix`. */
  readonly signed: boolean
  /** What `m.room.server_acl` protects: the whole request, or each event in it. */
  readonly acl?: "request" | "each event"
  /** `status code` of each error that it must be able to give. */
  readonly errors: readonly string[]
}

const v1 = "/_matrix/federation/v1"
const v2 = "/_matrix/federation/v2"

const open = <const R extends string>(number: string, route: R, ...errors: readonly string[]) => ({
  number,
  route,
  signed: false,
  errors,
})
const signed = <const R extends string>(number: string, route: R, ...errors: readonly string[]) => ({
  number,
  route,
  signed: true,
  errors,
})
const guarded = <const R extends string>(number: string, route: R, ...errors: readonly string[]) => ({
  number,
  route,
  signed: true,
  acl: "request" as const,
  errors,
})

const notFound = "404 M_NOT_FOUND"
const forbidden = "403 M_FORBIDDEN"
const invalid = "400 M_INVALID_PARAM"
const incompatible = "400 M_INCOMPATIBLE_ROOM_VERSION"
const notAuthorised = "400 M_UNABLE_TO_AUTHORISE_JOIN"
const notGranted = "400 M_UNABLE_TO_GRANT_JOIN"
const badJson = "400 M_BAD_JSON"
const tooOften = "429 M_LIMIT_EXCEEDED"
/** The store did not keep what was to be acknowledged. */
const notKept = "500 M_UNKNOWN"
const unrecognised = "404 M_UNRECOGNIZED"

export const specifiedEndpoints = [
  open("#1", "GET /.well-known/matrix/server", notFound),
  open("#2", `GET ${v1}/version`),
  open("#3", "GET /_matrix/key/v2/server"),
  open("#4", "GET /_matrix/key/v2/query/{serverName}"),
  open("#5", "POST /_matrix/key/v2/query"),
  { ...signed("#6", `PUT ${v1}/send/{txnId}`, badJson), acl: "each event" as const },
  guarded("#7", `GET ${v1}/event_auth/{roomId}/{eventId}`, notFound),
  guarded("#8", `GET ${v1}/backfill/{roomId}`),
  guarded("#9", `POST ${v1}/get_missing_events/{roomId}`),
  guarded("#10", `GET ${v1}/state/{roomId}`, forbidden, notFound),
  guarded("#11", `GET ${v1}/state_ids/{roomId}`, forbidden, notFound),
  signed("#12", `GET ${v1}/event/{eventId}`, notFound, forbidden),
  signed("#13", `GET ${v1}/timestamp_to_event/{roomId}`, notFound),
  guarded(
    "#14",
    `GET ${v1}/make_join/{roomId}/{userId}`,
    incompatible,
    notAuthorised,
    notGranted,
    forbidden,
    notFound,
  ),
  guarded(
    "#15",
    `PUT ${v2}/send_join/{roomId}/{eventId}`,
    invalid,
    notAuthorised,
    notGranted,
    forbidden,
    badJson,
  ),
  guarded("#16", `GET ${v1}/make_knock/{roomId}/{userId}`, incompatible, forbidden, notFound),
  guarded("#17", `PUT ${v1}/send_knock/{roomId}/{eventId}`, invalid, forbidden, notFound, badJson),
  guarded(
    "#18",
    `PUT ${v1}/invite/{roomId}/{eventId}`,
    incompatible,
    invalid,
    forbidden,
    "403 M_INVITE_BLOCKED",
  ),
  guarded(
    "#19",
    `PUT ${v2}/invite/{roomId}/{eventId}`,
    incompatible,
    invalid,
    forbidden,
    "403 M_INVITE_BLOCKED",
    badJson,
  ),
  guarded("#20", `GET ${v1}/make_leave/{roomId}/{userId}`, forbidden),
  guarded("#21", `PUT ${v2}/send_leave/{roomId}/{eventId}`, invalid, badJson),
  signed("#22", `PUT ${v1}/exchange_third_party_invite/{roomId}`, badJson, forbidden, notFound),
  open("#23", `PUT ${v1}/3pid/onbind`, badJson, invalid),
  signed("#24", `GET ${v1}/publicRooms`),
  signed("#25", `POST ${v1}/publicRooms`),
  signed("#26", `GET ${v1}/hierarchy/{roomId}`, notFound),
  signed("#27", `GET ${v1}/query/{queryType}`, unrecognised),
  signed("#28", `GET ${v1}/query/directory`, notFound),
  signed("#29", `GET ${v1}/query/profile`, forbidden, notFound),
  open("#30", `GET ${v1}/openid/userinfo`, "401 M_UNKNOWN_TOKEN"),
  signed("#31", `GET ${v1}/user/devices/{userId}`, notFound),
  signed("#32", `POST ${v1}/user/keys/claim`, badJson, notKept),
  signed("#33", `POST ${v1}/user/keys/query`, badJson),
  signed("#34", `GET ${v1}/media/download/{mediaId}`, tooOften, "502 M_TOO_LARGE", "504 M_NOT_YET_UPLOADED"),
  signed(
    "#35",
    `GET ${v1}/media/thumbnail/{mediaId}`,
    "400 M_UNKNOWN",
    "413 M_TOO_LARGE",
    tooOften,
    "502 M_TOO_LARGE",
    "504 M_NOT_YET_UPLOADED",
  ),
  guarded(
    "#36",
    "POST /_matrix/policy/v1/sign",
    badJson,
    "400 M_NOT_JSON",
    "400 M_FORBIDDEN",
    notFound,
    unrecognised,
    tooOften,
  ),
  // Of the client-server API (§Policy servers), on the same port.
  open("cs", "GET /.well-known/matrix/policy_server", notFound),
  // Removed from the specification, and answered behind a switch: unknown where that is off.
  guarded("old", `PUT ${v1}/send_join/{roomId}/{eventId}`, invalid, unrecognised),
  guarded("old", `PUT ${v1}/send_leave/{roomId}/{eventId}`, invalid, unrecognised),
  open("old", "GET /_matrix/key/v2/server/{keyId}", unrecognised),
  open("old", "GET /_matrix/key/v2/query/{serverName}/{keyId}", unrecognised),
  open("old", "GET /_matrix/media/v3/download/{serverName}/{mediaId}", unrecognised),
  open("old", "GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}", unrecognised),
] as const satisfies readonly SpecifiedEndpoint[]

/** Method and path of a specified endpoint. */
export type Route = (typeof specifiedEndpoints)[number]["route"]

/** The kinds of EDU of the specification. */
export const specifiedEdus = [
  "m.typing",
  "m.presence",
  "m.receipt",
  "m.device_list_update",
  "m.signing_key_update",
  "m.direct_to_device",
] as const
