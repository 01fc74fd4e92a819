/** Server-server API §End-to-End Encryption. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnyJsonObject, jsonBody } from "../json-body.ts"
import { MatrixEndpoint } from "../matrix-endpoint.ts"

/** By user, by device: the algorithm of which a key is wanted. */
export const KeysClaimed = Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.String))
/** By user: the devices whose keys are wanted; none stands for all. */
export const KeysQueried = Schema.Record(Schema.String, Schema.Array(Schema.String))

const ByUser = Schema.Record(Schema.String, AnyJsonObject)

/** What a server knows of keys, its own users' and no others. */
export class EncryptionApi extends HttpApiGroup.make("encryption")
  .add(
    HttpApiEndpoint.post("claimKeys", "/_matrix/federation/v1/user/keys/claim", {
      payload: jsonBody(Schema.Struct({ one_time_keys: KeysClaimed })),
      success: jsonBody(Schema.Struct({ one_time_keys: ByUser })),
    }),
    HttpApiEndpoint.post("queryKeys", "/_matrix/federation/v1/user/keys/query", {
      payload: jsonBody(Schema.Struct({ device_keys: KeysQueried })),
      success: jsonBody(
        Schema.Struct({
          device_keys: ByUser,
          master_keys: Schema.optionalKey(ByUser),
          self_signing_keys: Schema.optionalKey(ByUser),
        }),
      ),
    }),
  )
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}
