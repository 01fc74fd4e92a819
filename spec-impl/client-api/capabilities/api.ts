/** Client-server API §Capabilities negotiation. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn } from "../client-endpoint.ts"

/** What users may do here. */
export class CapabilitiesApi extends HttpApiGroup.make("capabilities")
  .add(
    HttpApiEndpoint.get("capabilities", "/_matrix/client/v3/capabilities", {
      success: jsonBody(Schema.Struct({ capabilities: AnyJsonObject })),
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
