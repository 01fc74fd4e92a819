/** Client-server API §Device Management: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { JsonObject } from "../../core/json/value.ts"
import { memberOf } from "../../federation/devices/device-keys.ts"
import { LocalDevices } from "../../federation/devices/local-devices.ts"
import type { Device } from "../../federation/devices/own-list.ts"
import { notFound } from "../../federation/matrix-error.ts"
import { InteractiveAuth } from "../accounts/interactive-auth.ts"
import { OwnPassword } from "../accounts/own-password.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"

export const DevicesReceive = HttpApiBuilder.group(
  ClientApi,
  "devices",
  Effect.fnUntraced(function* (handlers) {
    const devices = yield* LocalDevices
    const interactiveAuth = yield* InteractiveAuth
    const ownPassword = yield* OwnPassword

    const devicesOf = (userId: string) => devices.listOf(userId)?.devices ?? {}

    const find = Effect.fnUntraced(function* (userId: string, deviceId: string) {
      const device = memberOf(devicesOf(userId), deviceId)
      return device ?? (yield* notFound(`${userId} has no device ${deviceId}`))
    })

    /** §DELETE /devices/{deviceId}: with user-interactive authentication; what is gone already is no error. */
    const remove = Effect.fnUntraced(function* (deviceIds: readonly string[], auth: JsonObject | undefined) {
      const { userId } = yield* Requester
      const removal = Effect.as(
        Effect.forEach(deviceIds, (deviceId) => acted(devices.remove(userId, deviceId)), { discard: true }),
        {},
      )
      return yield* interactiveAuth.guard(auth, ownPassword(userId), removal)
    })

    return handlers
      .handle("all", () =>
        Effect.map(Requester, ({ userId }) => ({
          devices: Object.entries(devicesOf(userId)).map(([deviceId, device]) => told(deviceId, device)),
        })),
      )
      .handle("get", ({ params: { deviceId } }) =>
        Effect.flatMap(Requester, ({ userId }) =>
          Effect.map(find(userId, deviceId), (device) => told(deviceId, device)),
        ),
      )
      .handle(
        "rename",
        Effect.fnUntraced(function* ({ params: { deviceId }, payload: { display_name: name } }) {
          const { userId } = yield* Requester
          yield* find(userId, deviceId)
          // §PUT /devices/{deviceId}: "If not given, the display name is unchanged."
          if (typeof name === "string") yield* acted(devices.rename(userId, deviceId, name))
          return {}
        }),
      )
      .handle("remove", ({ params: { deviceId }, payload }) => remove([deviceId], payload.auth))
      .handle("removeSeveral", ({ payload }) => remove(payload.devices, payload.auth))
  }),
)

const told = (deviceId: string, { displayName }: Device) => ({
  device_id: deviceId,
  ...(displayName === undefined ? {} : { display_name: displayName }),
})
