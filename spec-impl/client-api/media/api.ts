/** Client-server API §Content repository. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, optionalBody, TakesBytes } from "../client-endpoint.ts"

const { String, Boolean, Int } = Schema
const optional = Schema.optionalKey
const uri = { serverName: String, mediaId: String }
const download = "/_matrix/client/v1/media/download/:serverName/:mediaId"
const waiting = { timeout_ms: optional(Int) }
const Config = jsonBody(Schema.Struct({ "m.upload.size": Int }))
const empty = Schema.Struct({})

/** What users upload, and what they see of it. */
export class MediaApi extends HttpApiGroup.make("media")
  .add(
    HttpApiEndpoint.post("upload", "/_matrix/media/v3/upload", {
      query: { filename: optional(String) },
      success: jsonBody(Schema.Struct({ content_uri: String })),
    }).annotate(TakesBytes, true),
    HttpApiEndpoint.put("uploadTo", "/_matrix/media/v3/upload/:serverName/:mediaId", {
      params: uri,
      query: { filename: optional(String) },
      success: jsonBody(empty),
    }).annotate(TakesBytes, true),
    HttpApiEndpoint.post("create", "/_matrix/media/v1/create", {
      payload: optionalBody(empty),
      success: jsonBody(Schema.Struct({ content_uri: String, unused_expires_at: Int })),
    }),
    HttpApiEndpoint.get("config", "/_matrix/client/v1/media/config", { success: Config }),
    HttpApiEndpoint.get("configOfOld", "/_matrix/media/v3/config", { success: Config }),
    HttpApiEndpoint.get("download", download, { params: uri, query: waiting, success: jsonBody(empty) }),
    HttpApiEndpoint.get("downloadAs", `${download}/:fileName`, {
      params: { ...uri, fileName: String },
      query: waiting,
      success: jsonBody(empty),
    }),
    HttpApiEndpoint.get("thumbnail", "/_matrix/client/v1/media/thumbnail/:serverName/:mediaId", {
      params: uri,
      query: {
        width: Int,
        height: Int,
        method: optional(String),
        animated: optional(Boolean),
        ...waiting,
      },
      success: jsonBody(empty),
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
