/** What a user does with devices and keys, as the client-server API has it. */
import { Context, Effect } from "effect"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { CrossSigning, type SignatureFailures } from "#spec-impl/federation/devices/cross-signing.ts"
import { LocalDevices } from "#spec-impl/federation/devices/local-devices.ts"
import {
  DeviceKeyQueries,
  type KeyQuery,
  type QueriedKeysForUser,
} from "#spec-impl/federation/encryption/device-key-queries.ts"
import { type Claim, type Claimed, OneTimeKeys } from "#spec-impl/federation/encryption/one-time-keys.ts"
import type { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import { ToDevice, type ToDeviceMessage } from "#spec-impl/federation/to-device/to-device.ts"
import type { StoreFailure } from "#spec-impl/store/event-store.ts"
import type { VirtualServer } from "./world.ts"

type Act<A> = Effect.Effect<A, MatrixError | StoreFailure>

export interface DeviceActs {
  /** Logs in with a device; gives its id. */
  readonly addDevice: (deviceId: string, displayName?: string) => Act<string>
  readonly renameDevice: (deviceId: string, displayName: string) => Act<void>
  readonly deleteDevice: (deviceId: string) => Act<void>
  readonly uploadDeviceKeys: (deviceId: string, deviceKeys: JsonObject) => Act<void>
  /** Gives how many one-time keys there are now, by algorithm. */
  readonly uploadOneTimeKeys: (
    deviceId: string,
    oneTimeKeys: JsonObject,
    fallbackKeys?: JsonObject,
  ) => Act<Readonly<Record<string, number>>>
  /** `master_key`, `self_signing_key`, `user_signing_key`. */
  readonly uploadCrossSigningKeys: (keys: JsonObject) => Act<void>
  /** By user and by key id; gives what failed. */
  readonly uploadSignatures: (signed: JsonObject) => Act<SignatureFailures>
  /** By user: device ids, or none for all. */
  readonly queryKeys: (query: KeyQuery) => Act<QueriedKeysForUser>
  /** By user, by device: an algorithm. Gives keys in that form. */
  readonly claimKeys: (claim: Claim) => Act<Claimed>
  /** By user, by device or `*`: the content. */
  readonly sendToDevice: (type: string, messages: JsonObject) => Act<void>
  /** What waits for the device; it takes nothing away. */
  readonly inbox: (deviceId: string) => readonly ToDeviceMessage[]
}

/** Those acts, of a user of `server`. */
export const deviceActs = ({ services }: VirtualServer, userId: string): DeviceActs => {
  const devices = Context.get(services, LocalDevices)
  const keys = Context.get(services, OneTimeKeys)
  const crossSigning = Context.get(services, CrossSigning)
  const toDevice = Context.get(services, ToDevice)
  return {
    addDevice: (deviceId, displayName) =>
      devices.add(userId, { deviceId, ...(displayName === undefined ? {} : { displayName }) }),
    renameDevice: (deviceId, displayName) => devices.rename(userId, deviceId, displayName),
    deleteDevice: (deviceId) => devices.remove(userId, deviceId),
    uploadDeviceKeys: (deviceId, deviceKeys) => devices.uploadKeys(userId, deviceId, deviceKeys),
    uploadOneTimeKeys: (deviceId, oneTimeKeys, fallbackKeys = {}) =>
      keys.upload(userId, deviceId, { oneTimeKeys, fallbackKeys }),
    uploadCrossSigningKeys: (uploaded) => crossSigning.uploadKeys(userId, uploaded),
    uploadSignatures: (signed) => crossSigning.uploadSignatures(userId, signed),
    queryKeys: (query) => Context.get(services, DeviceKeyQueries).query(userId, query),
    claimKeys: (claim) => Effect.map(keys.claim(claim), ({ one_time_keys }) => one_time_keys),
    sendToDevice: (type, messages) => toDevice.send(userId, type, messages),
    inbox: (deviceId) => toDevice.inbox(userId, deviceId).messages,
  }
}
