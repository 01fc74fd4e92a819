/** Server-server API §Published room directory. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnyJsonObject, jsonBody } from "../json-body.ts"
import { MatrixEndpoint } from "../matrix-endpoint.ts"

/** One page of a directory. */
export const PublicRooms = Schema.Struct({
  chunk: Schema.Array(AnyJsonObject),
  next_batch: Schema.optionalKey(Schema.String),
  prev_batch: Schema.optionalKey(Schema.String),
  total_room_count_estimate: Schema.optionalKey(Schema.Int),
})

const page = {
  limit: Schema.optionalKey(Schema.Int),
  since: Schema.optionalKey(Schema.String),
  include_all_networks: Schema.optionalKey(Schema.Boolean),
  third_party_instance_id: Schema.optionalKey(Schema.String),
}

/** What is looked for. */
export const RoomFilter = Schema.Struct({
  generic_search_term: Schema.optionalKey(Schema.String),
  room_types: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.NullOr(Schema.String)))),
})

const path = "/_matrix/federation/v1/publicRooms"

/** The rooms that a server's users have published. */
export class DirectoryApi extends HttpApiGroup.make("directory")
  .add(
    HttpApiEndpoint.get("publicRooms", path, { query: page, success: jsonBody(PublicRooms) }),
    HttpApiEndpoint.post("searchPublicRooms", path, {
      payload: jsonBody(Schema.Struct({ ...page, filter: Schema.optionalKey(RoomFilter) })),
      success: jsonBody(PublicRooms),
    }),
  )
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}
