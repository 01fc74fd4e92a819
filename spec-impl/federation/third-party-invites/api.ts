/** Server-server API §Third-party invites. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnyJsonObject, jsonBody } from "../json-body.ts"
import { AnswerWithin, MatrixEndpoint } from "../matrix-endpoint.ts"
import { PathIdentifier } from "../parameters.ts"

/** A member event that the inviter's server is to complete. */
export const PartialInvite = Schema.Struct({
  type: Schema.String,
  room_id: Schema.String,
  sender: Schema.String,
  state_key: Schema.String,
  content: AnyJsonObject,
})

/** One of the invites that waited for an address; `signed` is kept as it is, for its signature. */
export const BoundInvite = Schema.Struct({
  medium: Schema.String,
  address: Schema.String,
  mxid: Schema.String,
  room_id: Schema.String,
  sender: Schema.String,
  signed: AnyJsonObject,
})

/** An address and whose it is now, with the invites that waited for it. */
export const Binding = Schema.Struct({
  medium: Schema.String,
  address: Schema.String,
  mxid: Schema.String,
  invites: Schema.Array(BoundInvite),
})

const empty = Schema.Struct({})

/** What an identity server tells the server of who was invited, and that the server of who invited. */
export class ThirdPartyInvitesApi extends HttpApiGroup.make("thirdPartyInvites")
  .add(
    HttpApiEndpoint.put("exchange", "/_matrix/federation/v1/exchange_third_party_invite/:roomId", {
      params: { roomId: PathIdentifier },
      payload: jsonBody(PartialInvite),
      success: jsonBody(empty),
      // Meanwhile the invite is made, for which three other servers may be asked.
    }).annotate(AnswerWithin, "2 minutes"),
  )
  .middleware(Authentication)
  .add(
    // From identity servers, which are no homeservers: not signed.
    HttpApiEndpoint.put("onBind", "/_matrix/federation/v1/3pid/onbind", {
      payload: jsonBody(Binding),
      success: jsonBody(empty),
    }),
  )
  .middleware(MatrixEndpoint) {}
