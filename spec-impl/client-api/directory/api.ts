/** Client-server API §Room aliases and §Published room directory. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { PublicRooms, RoomFilter } from "../../federation/directory/api.ts"
import { jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, optionalBody, requestBody } from "../client-endpoint.ts"

const { String, Boolean, Int } = Schema
const optional = Schema.optionalKey
const empty = jsonBody(Schema.Struct({}))
const client = "/_matrix/client/v3"
const alias = `${client}/directory/room/:roomAlias` as const
const listed = `${client}/directory/list/room/:roomId` as const

/** What of rooms' names, and of the directory, is told to whoever asks. */
export class DirectoryApi extends HttpApiGroup.make("directory")
  .add(
    HttpApiEndpoint.get("alias", alias, {
      params: { roomAlias: String },
      success: jsonBody(Schema.Struct({ room_id: String, servers: Schema.Array(String) })),
    }),
    HttpApiEndpoint.get("visibility", listed, {
      params: { roomId: String },
      success: jsonBody(Schema.Struct({ visibility: String })),
    }),
    HttpApiEndpoint.get("publicRooms", `${client}/publicRooms`, {
      query: { limit: optional(Int), since: optional(String), server: optional(String) },
      success: jsonBody(PublicRooms),
    }),
  )
  .middleware(ClientEndpoint) {}

/** What users do with them. */
export class OwnDirectoryApi extends HttpApiGroup.make("ownDirectory")
  .add(
    HttpApiEndpoint.put("createAlias", alias, {
      params: { roomAlias: String },
      payload: requestBody(Schema.Struct({ room_id: String })),
      success: empty,
    }),
    HttpApiEndpoint.delete("removeAlias", alias, { params: { roomAlias: String }, success: empty }),
    HttpApiEndpoint.get("aliasesOf", `${client}/rooms/:roomId/aliases`, {
      params: { roomId: String },
      success: jsonBody(Schema.Struct({ aliases: Schema.Array(String) })),
    }),
    HttpApiEndpoint.put("publish", listed, {
      params: { roomId: String },
      payload: optionalBody(Schema.Struct({ visibility: optional(Schema.Literals(["public", "private"])) })),
      success: empty,
    }),
    HttpApiEndpoint.post("searchPublicRooms", `${client}/publicRooms`, {
      query: { server: optional(String) },
      payload: optionalBody(
        Schema.Struct({
          limit: optional(Int),
          since: optional(String),
          filter: optional(RoomFilter),
          include_all_networks: optional(Boolean),
          third_party_instance_id: optional(String),
        }),
      ),
      success: jsonBody(PublicRooms),
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
