/** Client-server API §Getting events for a room. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJson, AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn } from "../client-endpoint.ts"

const { String, Int } = Schema
const optional = Schema.optionalKey
const room = "/_matrix/client/v3/rooms/:roomId"
const roomId = String
const membership = Schema.Literals(["join", "invite", "knock", "leave", "ban"])
const events = Schema.Array(AnyJsonObject)
const stateFormat = { format: optional(Schema.Literals(["content", "event"])) }

/** What users read of rooms. */
export class EventsApi extends HttpApiGroup.make("events")
  .add(
    HttpApiEndpoint.get("event", `${room}/event/:eventId`, {
      params: { roomId, eventId: String },
      success: jsonBody(AnyJsonObject),
    }),
    HttpApiEndpoint.get("state", `${room}/state`, { params: { roomId }, success: jsonBody(events) }),
    HttpApiEndpoint.get("stateWithoutKey", `${room}/state/:eventType`, {
      params: { roomId, eventType: String },
      query: stateFormat,
      success: jsonBody(AnyJson),
    }),
    HttpApiEndpoint.get("stateWithEmptyKey", `${room}/state/:eventType/`, {
      params: { roomId, eventType: String },
      query: stateFormat,
      success: jsonBody(AnyJson),
    }),
    HttpApiEndpoint.get("stateWithKey", `${room}/state/:eventType/:stateKey`, {
      params: { roomId, eventType: String, stateKey: String },
      query: stateFormat,
      success: jsonBody(AnyJson),
    }),
    HttpApiEndpoint.get("members", `${room}/members`, {
      params: { roomId },
      query: {
        at: optional(String),
        membership: optional(membership),
        not_membership: optional(membership),
      },
      success: jsonBody(Schema.Struct({ chunk: events })),
    }),
    HttpApiEndpoint.get("joinedMembers", `${room}/joined_members`, {
      params: { roomId },
      success: jsonBody(Schema.Struct({ joined: Schema.Record(String, AnyJsonObject) })),
    }),
    HttpApiEndpoint.get("messages", `${room}/messages`, {
      params: { roomId },
      query: {
        from: optional(String),
        to: optional(String),
        dir: Schema.Literals(["f", "b"]),
        limit: optional(Int),
        filter: optional(String),
      },
      success: jsonBody(
        Schema.Struct({
          start: String,
          end: optional(String),
          chunk: events,
          state: optional(events),
        }),
      ),
    }),
    HttpApiEndpoint.get("context", `${room}/context/:eventId`, {
      params: { roomId, eventId: String },
      query: { limit: optional(Int), filter: optional(String) },
      success: jsonBody(
        Schema.Struct({
          start: String,
          end: String,
          events_before: events,
          event: AnyJsonObject,
          events_after: events,
          state: events,
        }),
      ),
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
