/** Client-server API §Sending events to a room, §Redactions. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, optionalBody, requestBody } from "../client-endpoint.ts"

const { String } = Schema
const room = "/_matrix/client/v3/rooms/:roomId"
const roomId = String
const eventType = String
const success = jsonBody(Schema.Struct({ event_id: String }))
const payload = requestBody(AnyJsonObject)

/** What users say in rooms. */
export class SendingApi extends HttpApiGroup.make("sending")
  .add(
    HttpApiEndpoint.put("send", `${room}/send/:eventType/:txnId`, {
      params: { roomId, eventType, txnId: String },
      payload,
      success,
    }),
    HttpApiEndpoint.put("setStateWithoutKey", `${room}/state/:eventType`, {
      params: { roomId, eventType },
      payload,
      success,
    }),
    HttpApiEndpoint.put("setStateWithEmptyKey", `${room}/state/:eventType/`, {
      params: { roomId, eventType },
      payload,
      success,
    }),
    HttpApiEndpoint.put("setState", `${room}/state/:eventType/:stateKey`, {
      params: { roomId, eventType, stateKey: String },
      payload,
      success,
    }),
    HttpApiEndpoint.put("redact", `${room}/redact/:eventId/:txnId`, {
      params: { roomId, eventId: String, txnId: String },
      payload: optionalBody(Schema.Struct({ reason: Schema.optionalKey(String) })),
      success,
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
