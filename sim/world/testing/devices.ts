/** For tests: what servers hold of users' devices, and EDUs as another server might send them. */
import { Context, Effect } from "effect"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { RemoteDevices } from "#spec-impl/federation/devices/remote-devices.ts"
import { DeviceKeyQueries } from "#spec-impl/federation/encryption/device-key-queries.ts"
import { deviceClient } from "../client-keys.ts"
import type { Stage } from "../stage.ts"
import type { VirtualServer } from "../world.ts"
import type { Played } from "./play.ts"

/** What a server holds of a user, as data to compare: devices with names and keys, cross-signing keys. */
export const heldBy = ({ services }: Pick<VirtualServer, "services">, userId: string) => {
  const list = Context.get(services, DeviceKeyQueries).held(userId)
  if (list === undefined) return undefined
  const { devices, masterKey, selfSigningKey } = list
  return JSON.parse(JSON.stringify({ devices, masterKey, selfSigningKey })) as {
    readonly devices: Readonly<Record<string, { readonly displayName?: string; readonly keys?: JsonObject }>>
    readonly masterKey?: JsonObject
    readonly selfSigningKey?: JsonObject
  }
}

/** The ids of the devices that a server holds of a user. */
export const deviceIdsOn = ({ servers }: Pick<Played, "servers">, server: string, userId: string) => {
  const held = heldBy(servers.get(server)!, userId)
  return held === undefined ? undefined : Object.keys(held.devices).sort()
}

/** Users whose lists that server has yet to fetch again. */
export const outdatedOn = ({ servers }: Pick<Played, "servers">, server: string): readonly string[] =>
  Context.get(servers.get(server)!.services, RemoteDevices).outdated()

/** A new device with its keys. */
export const logIn = Effect.fnUntraced(function* (stage: Stage, userId: string, deviceId: string) {
  const actor = stage.user(userId)
  yield* actor.addDevice(deviceId)
  yield* actor.uploadDeviceKeys(deviceId, deviceClient(userId, deviceId).deviceKeys)
})

let transactions = 0

/** EDUs from `from` to `to`, in a transaction of their own. */
export const pushEdus = (
  { servers }: Pick<Played, "servers">,
  from: string,
  to: string,
  ...edus: readonly (readonly [eduType: string, content: JsonObject])[]
) => {
  transactions += 1
  const params = { transactionId: `pushed-${transactions}` }
  const told = edus.map(([edu_type, content]) => ({ edu_type, content }))
  const payload = { origin: from, origin_server_ts: 1, pdus: [], edus: told }
  return servers.get(from)!.client.call(to, (api) => api.transactions.send({ params, payload }))
}
