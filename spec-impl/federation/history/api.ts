/** Server-server API §Retrieving event authorisation information, §Backfilling, §Retrieving events. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnyJsonInteger, AnyJsonObject, jsonBody } from "../json-body.ts"
import { AnswerBytesMax, AnswerWithin, MatrixEndpoint, wholeRoomBytesMax } from "../matrix-endpoint.ts"
import { PathIdentifier, Repeated } from "../parameters.ts"

const roomId = PathIdentifier
const eventId = PathIdentifier
const pdus = Schema.Array(AnyJsonObject)

/** Events in the shape of a transaction. */
export const Events = Schema.Struct({
  origin: Schema.String,
  origin_server_ts: AnyJsonInteger,
  pdus,
})

/** Which events the asking server has, and which it wants filled in between. */
export const MissingEvents = Schema.Struct({
  earliest_events: Schema.Array(Schema.String),
  latest_events: Schema.Array(Schema.String),
  limit: Schema.optionalKey(Schema.Int),
  min_depth: Schema.optionalKey(AnyJsonInteger),
})

/** What a server tells of a room's past. */
export class HistoryApi extends HttpApiGroup.make("history")
  .add(
    HttpApiEndpoint.get("eventAuth", "/_matrix/federation/v1/event_auth/:roomId/:eventId", {
      params: { roomId, eventId },
      success: jsonBody(Schema.Struct({ auth_chain: pdus })),
    }).annotate(AnswerBytesMax, wholeRoomBytesMax),
    HttpApiEndpoint.get("backfill", "/_matrix/federation/v1/backfill/:roomId", {
      params: { roomId },
      query: { v: Repeated, limit: Schema.Int },
      success: jsonBody(Events),
    }),
    HttpApiEndpoint.post("getMissingEvents", "/_matrix/federation/v1/get_missing_events/:roomId", {
      params: { roomId },
      payload: jsonBody(MissingEvents),
      success: jsonBody(Schema.Struct({ events: pdus })),
    }),
    HttpApiEndpoint.get("state", "/_matrix/federation/v1/state/:roomId", {
      params: { roomId },
      query: { event_id: Schema.String },
      success: jsonBody(Schema.Struct({ pdus, auth_chain: pdus })),
    }).annotate(AnswerBytesMax, wholeRoomBytesMax),
    HttpApiEndpoint.get("stateIds", "/_matrix/federation/v1/state_ids/:roomId", {
      params: { roomId },
      query: { event_id: Schema.String },
      success: jsonBody(
        Schema.Struct({
          pdu_ids: Schema.Array(Schema.String),
          auth_chain_ids: Schema.Array(Schema.String),
        }),
      ),
    }).annotate(AnswerBytesMax, wholeRoomBytesMax),
    HttpApiEndpoint.get("event", "/_matrix/federation/v1/event/:eventId", {
      params: { eventId },
      success: jsonBody(Events),
    }),
    // The specification's own description wants an access token here, by an oversight: it is signed like all others.
    HttpApiEndpoint.get("timestampToEvent", "/_matrix/federation/v1/timestamp_to_event/:roomId", {
      params: { roomId },
      query: { ts: Schema.Int, dir: Schema.Literals(["f", "b"]) },
      success: jsonBody(Schema.Struct({ event_id: Schema.String, origin_server_ts: AnyJsonInteger })),
    }),
  )
  .annotateEndpoints(AnswerWithin, "60 seconds")
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}
