/** What users do with devices, and devices with each other (client-server API §Device management, §End-to-end encryption). */
import { Effect, Schema } from "effect"
import { type Cast, defineAction } from "./action.ts"

const { String: Text } = Schema
const device = { device: Text }
const deviceIds = ["PHONE", "LAPTOP", "TABLET"] as const
const someDevice = ({ draws }: Cast) => ({ device: draws.pick(deviceIds, "device") })
const someOther = (cast: Cast) => ({
  target: cast.draws.pick(cast.users, "target"),
  targetDevice: cast.draws.pick(deviceIds, "target-device"),
})
const algorithm = "curve25519"
/** §Send-to-device messaging. */
export const allDevices = "*"

export const addDevice = defineAction({
  name: "add-device",
  about: "logs in with a device, and gives it one-time keys",
  weight: 1,
  fields: {
    ...device,
    keys: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 }))),
  },
  makesEvent: false,
  draw: (cast) => ({ ...someDevice(cast), keys: cast.draws.integer(4, "keys") }),
  perform: Effect.fnUntraced(function* ({ user, entryId }, action) {
    yield* user.addDevice(action.device)
    const keys = Array.from({ length: action.keys ?? 0 }, (_, nth) => `${entryId}.${nth}`)
    if (keys.length === 0) return
    yield* user.uploadOneTimeKeys(
      action.device,
      Object.fromEntries(keys.map((key) => [`${algorithm}:${key}`, `${user.userId} ${key}`])),
    )
  }),
})

export const renameDevice = defineAction({
  name: "rename-device",
  about: "gives a device another name",
  weight: 1,
  fields: { ...device, displayName: Text },
  makesEvent: false,
  draw: (cast) => ({ ...someDevice(cast), displayName: `device ${cast.draws.integer(1_000, "name")}` }),
  perform: ({ user }, action) => user.renameDevice(action.device, action.displayName),
})

export const deleteDevice = defineAction({
  name: "delete-device",
  about: "logs a device out",
  weight: 0.5,
  fields: device,
  makesEvent: false,
  draw: someDevice,
  perform: ({ user, loggedOut }, action) => {
    loggedOut(`${user.userId} ${action.device}`)
    return user.deleteDevice(action.device)
  },
})

export const sendToDevice = defineAction({
  name: "send-to-device",
  about: "sends a message to a device of another user, or to all that it has (`*`)",
  weight: 2,
  fields: { target: Text, targetDevice: Text },
  makesEvent: false,
  draw: (cast) => ({
    ...someOther(cast),
    ...(cast.draws.chance(0.5, "all-devices") ? { targetDevice: allDevices } : {}),
  }),
  perform: Effect.fnUntraced(function* ({ user, entryId, sendingToDevice }, { target, targetDevice }) {
    const isSent = sendingToDevice(target, targetDevice)
    yield* user.sendToDevice("org.example.greeting", { [target]: { [targetDevice]: { from: entryId } } })
    isSent()
  }),
})

export const claimKeys = defineAction({
  name: "claim-keys",
  about: "claims a one-time key of a device of another user",
  weight: 1,
  fields: { target: Text, targetDevice: Text },
  makesEvent: false,
  draw: someOther,
  perform: Effect.fnUntraced(function* ({ user, claimed }, { target, targetDevice }) {
    const given = yield* user.claimKeys({ [target]: { [targetDevice]: algorithm } })
    for (const keyId of Object.keys(given[target]?.[targetDevice] ?? {})) {
      claimed(`${target} ${targetDevice} ${keyId}`)
    }
  }),
})
