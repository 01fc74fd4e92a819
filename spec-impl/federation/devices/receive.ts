/** Server-server API §Device Management: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { FederationApi } from "../api.ts"
import { LocalDevices } from "./local-devices.ts"

export const DevicesReceive = HttpApiBuilder.group(
  FederationApi,
  "devices",
  Effect.fnUntraced(function* (handlers) {
    const devices = yield* LocalDevices
    return handlers.handle("userDevices", ({ params }) => devices.answerFor(params.userId))
  }),
)
