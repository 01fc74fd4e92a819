/** Client-server API §Capabilities negotiation: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { roomVersionDefault } from "../../core/room-version.ts"
import { Settings } from "../../homeserver/settings.ts"
import { ClientApi } from "../api.ts"

export const CapabilitiesReceive = HttpApiBuilder.group(
  ClientApi,
  "capabilities",
  Effect.fnUntraced(function* (handlers) {
    const { roomVersions } = yield* Settings
    const available = Object.fromEntries(roomVersions.map(({ id }) => [id, "stable"]))
    return handlers.handle("capabilities", () =>
      Effect.succeed({
        capabilities: {
          "m.room_versions": { default: roomVersionDefault.id, available },
          "m.change_password": { enabled: false },
          "m.set_displayname": { enabled: true },
          "m.set_avatar_url": { enabled: true },
          "m.profile_fields": { enabled: true },
          "m.3pid_changes": { enabled: false },
          "m.get_login_token": { enabled: false },
        },
      }),
    )
  }),
)
