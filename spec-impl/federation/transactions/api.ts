/** Server-server API §Transactions. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { isJsonArray, isJsonInteger, isJsonObject, type JsonValue } from "../../core/json/value.ts"
import { transactionEdusMax, transactionPdusMax } from "../../core/limits.ts"
import { Authentication } from "../authentication.ts"
import { AnyJson, AnyJsonInteger, AnyJsonObject, jsonBody } from "../json-body.ts"
import { AnswerWithin, MatrixEndpoint } from "../matrix-endpoint.ts"
import { PathIdentifier } from "../parameters.ts"

/** What one server sends another. PDUs and EDUs are left to their own checks, one by one. */
export const Transaction = Schema.Struct({
  origin: Schema.optionalKey(Schema.String),
  origin_server_ts: Schema.optionalKey(AnyJsonInteger),
  pdus: Schema.Array(AnyJson).check(Schema.isMaxLength(transactionPdusMax)),
  edus: Schema.optionalKey(Schema.Array(AnyJson).check(Schema.isMaxLength(transactionEdusMax))),
})

/** Whether it is what most are. */
const isTransaction = (body: JsonValue | undefined): boolean => {
  if (!isJsonObject(body)) return false
  const { origin = "", origin_server_ts: sentTs = 0, pdus, edus = [] } = body
  return (
    typeof origin === "string" &&
    isJsonInteger(sentTs) &&
    isJsonArray(pdus) &&
    pdus.length <= transactionPdusMax &&
    isJsonArray(edus) &&
    edus.length <= transactionEdusMax &&
    edus.every(isJsonObject)
  )
}

/** `PUT /_matrix/federation/v1/send/{txnId}`. */
export class TransactionsApi extends HttpApiGroup.make("transactions")
  .add(
    HttpApiEndpoint.put("send", "/_matrix/federation/v1/send/:transactionId", {
      params: { transactionId: PathIdentifier },
      payload: jsonBody(Transaction, isTransaction),
      // `{pdus: {<event id>: {} or {error}}}`, kept and given again as it is to whoever repeats the transaction.
      success: jsonBody(AnyJsonObject, isJsonObject),
    }).annotate(AnswerWithin, "60 seconds"),
  )
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}
