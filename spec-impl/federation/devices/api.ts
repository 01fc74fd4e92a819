/** Server-server API §Device Management. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnyJsonInteger, AnyJsonObject, jsonBody } from "../json-body.ts"
import { MatrixEndpoint } from "../matrix-endpoint.ts"
import { PathIdentifier } from "../parameters.ts"

/** All devices of a user, as of one moment in the sequence of its updates. */
export const UserDevices = Schema.Struct({
  user_id: Schema.String,
  stream_id: AnyJsonInteger,
  devices: Schema.Array(AnyJsonObject),
  master_key: Schema.optionalKey(AnyJsonObject),
  self_signing_key: Schema.optionalKey(AnyJsonObject),
})

/** `GET /_matrix/federation/v1/user/devices/{userId}`. */
export class DevicesApi extends HttpApiGroup.make("devices")
  .add(
    HttpApiEndpoint.get("userDevices", "/_matrix/federation/v1/user/devices/:userId", {
      params: { userId: PathIdentifier },
      success: jsonBody(UserDevices),
    }),
  )
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}
