/** Server-server API §Device Management: the receiving half. */
import { Effect } from "effect"
import { chapter } from "../chapter.ts"
import { LocalDevices } from "./local-devices.ts"

export const DevicesReceive = chapter(
  "devices",
  Effect.fnUntraced(function* (handlers) {
    const devices = yield* LocalDevices
    return handlers.handle("userDevices", ({ params }) => devices.answerFor(params.userId))
  }),
)
