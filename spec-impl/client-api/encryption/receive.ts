/** Client-server API §Send-to-Device messaging and §Key management API: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { JsonObject } from "../../core/json/value.ts"
import { CrossSigning } from "../../federation/devices/cross-signing.ts"
import { isSameKey } from "../../federation/devices/device-keys.ts"
import { LocalDevices } from "../../federation/devices/local-devices.ts"
import type { OwnList } from "../../federation/devices/own-list.ts"
import { DeviceKeyQueries } from "../../federation/encryption/device-key-queries.ts"
import { OneTimeKeys } from "../../federation/encryption/one-time-keys.ts"
import { ToDevice } from "../../federation/to-device/to-device.ts"
import { InteractiveAuth } from "../accounts/interactive-auth.ts"
import { OwnPassword } from "../accounts/own-password.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"
import { Sync } from "../sync/sync.ts"

export const EncryptionReceive = HttpApiBuilder.group(
  ClientApi,
  "encryption",
  Effect.fnUntraced(function* (handlers) {
    const devices = yield* LocalDevices
    const oneTimeKeys = yield* OneTimeKeys
    const queries = yield* DeviceKeyQueries
    const crossSigning = yield* CrossSigning
    const toDevice = yield* ToDevice
    const interactiveAuth = yield* InteractiveAuth
    const ownPassword = yield* OwnPassword
    const sync = yield* Sync

    return handlers
      .handle(
        "sendToDevice",
        Effect.fnUntraced(function* ({ params: { eventType, transactionId }, payload }) {
          const { userId, deviceId } = yield* Requester
          yield* acted(toDevice.send(userId, eventType, payload.messages, { deviceId, transactionId }))
          return {}
        }),
      )
      .handle(
        "uploadKeys",
        Effect.fnUntraced(function* ({ payload }) {
          const { userId, deviceId } = yield* Requester
          if (payload.device_keys !== undefined)
            yield* acted(devices.uploadKeys(userId, deviceId, payload.device_keys))
          const { one_time_keys: oneTime, fallback_keys: fallback } = payload
          const counts = yield* acted(
            oneTimeKeys.upload(userId, deviceId, {
              ...(oneTime === undefined ? {} : { oneTimeKeys: oneTime }),
              ...(fallback === undefined ? {} : { fallbackKeys: fallback }),
            }),
          )
          return { one_time_key_counts: counts }
        }),
      )
      .handle("queryKeys", ({ payload }) =>
        Effect.flatMap(Requester, ({ userId }) =>
          Effect.map(queries.query(userId, payload.device_keys, payload.timeout), (answer) => ({
            ...answer,
          })),
        ),
      )
      .handle("claimKeys", ({ payload }) =>
        Effect.map(acted(oneTimeKeys.claim(payload.one_time_keys, payload.timeout)), (answer) => ({
          ...answer,
        })),
      )
      .handle("keyChanges", ({ query: { from, to } }) =>
        Effect.flatMap(Requester, ({ userId }) => acted(sync.deviceChanges(userId, from, to))),
      )
      .handle(
        "uploadSigningKeys",
        Effect.fnUntraced(function* ({ payload: { auth, ...keys } }) {
          const { userId } = yield* Requester
          const upload = Effect.as(acted(crossSigning.uploadKeys(userId, keys)), {})
          return bringsNewKeys(devices.listOf(userId), keys)
            ? yield* interactiveAuth.guard(auth, ownPassword(userId), upload)
            : yield* upload
        }),
      )
      .handle("uploadSignatures", ({ payload }) =>
        Effect.flatMap(Requester, ({ userId }) =>
          Effect.map(acted(crossSigning.uploadSignatures(userId, payload)), (failures) => ({ failures })),
        ),
      )
  }),
)

/** §POST /keys/device_signing/upload: whether any key would take the place of another, which wants authentication. */
const bringsNewKeys = (
  list: OwnList | undefined,
  given: {
    readonly master_key?: JsonObject
    readonly self_signing_key?: JsonObject
    readonly user_signing_key?: JsonObject
  },
): boolean => {
  if (list?.masterKey === undefined) return false
  const isHeld = (key: JsonObject | undefined, held: JsonObject | undefined): boolean =>
    key === undefined || (held !== undefined && isSameKey(key, held))
  return !(
    isHeld(given.master_key, list.masterKey) &&
    isHeld(given.self_signing_key, list.selfSigningKey) &&
    isHeld(given.user_signing_key, list.userSigningKey)
  )
}
