/** The devices of one user of this server, and what other servers are told of them (§Device Management). */
import type { JsonObject } from "../../core/json/value.ts"
import type { QueuedEdu } from "../../store/event-store.ts"
import type { UserDevices } from "./api.ts"
import { memberOf } from "./device-keys.ts"

/** One device, of a user of this server or of another one. */
export interface Device {
  /** What its owner calls it. */
  readonly displayName?: string
  /** Its identity keys, with its owner's signatures; absent as long as it has uploaded none. */
  readonly keys?: JsonObject
}

/** What a user is known by to others: its devices and its public cross-signing keys. */
export interface DeviceList {
  readonly devices: Readonly<Record<string, Device>>
  readonly masterKey?: JsonObject
  readonly selfSigningKey?: JsonObject
}

/** The list of a user of this server. */
export interface OwnList extends DeviceList {
  /** That of the last `m.device_list_update`: they are numbered one by one, so each is relative to the one before. */
  readonly streamId: number
  /** The device that the last update was about. */
  readonly lastDeviceId?: string
  /** How often the cross-signing keys have changed. */
  readonly signingRevision: number
  /** Servers that have been told of the list, and of each change since. */
  readonly receivers: readonly string[]
  /** For its owner alone. */
  readonly userSigningKey?: JsonObject
}

export const emptyOwnList: OwnList = { devices: {}, streamId: 0, signingRevision: 0, receivers: [] }

/**
 * How many updates of one user wait for one server. Where there are more the oldest give way, the others are then
 * relative to one that never came, and that server fetches the list once.
 */
const updatesWaitingMax = 20

/** §Device Management: the last change as `m.device_list_update`; none before the first. */
export const lastUpdate = (userId: string, list: OwnList): readonly QueuedEdu[] => {
  const { streamId, lastDeviceId } = list
  if (lastDeviceId === undefined) return []
  const device = memberOf(list.devices, lastDeviceId)
  const idOf = (id: number): string => `m.device_list_update ${userId} ${id}`
  const content = {
    user_id: userId,
    device_id: lastDeviceId,
    stream_id: streamId,
    prev_id: streamId > 1 ? [streamId - 1] : [],
    ...(device === undefined ? { deleted: true } : {}),
    ...(device?.displayName === undefined ? {} : { device_display_name: device.displayName }),
    ...(device?.keys === undefined ? {} : { keys: device.keys }),
  }
  return [
    {
      id: idOf(streamId),
      replaces: idOf(streamId - updatesWaitingMax),
      edu: { edu_type: "m.device_list_update", content },
    },
  ]
}

/** §End-to-End Encryption: the public cross-signing keys as `m.signing_key_update`; the last of them is enough. */
export const signingKeyUpdate = (userId: string, list: OwnList): readonly QueuedEdu[] => {
  const { masterKey, selfSigningKey, signingRevision } = list
  if (masterKey === undefined) return []
  const idOf = (revision: number): string => `m.signing_key_update ${userId} ${revision}`
  const content = {
    user_id: userId,
    master_key: masterKey,
    ...(selfSigningKey === undefined ? {} : { self_signing_key: selfSigningKey }),
  }
  return [
    {
      id: idOf(signingRevision),
      replaces: idOf(signingRevision - 1),
      edu: { edu_type: "m.signing_key_update", content },
    },
  ]
}

/** The answer of `GET /user/devices`. A device that has no keys yet is told as well, as its update was. */
export const userDevicesAnswer = (userId: string, list: OwnList): typeof UserDevices.Type => ({
  user_id: userId,
  stream_id: list.streamId,
  devices: Object.entries(list.devices).map(([deviceId, { displayName, keys }]) => ({
    device_id: deviceId,
    ...(keys === undefined ? {} : { keys }),
    ...(displayName === undefined ? {} : { device_display_name: displayName }),
  })),
  ...(list.masterKey === undefined ? {} : { master_key: list.masterKey }),
  ...(list.selfSigningKey === undefined ? {} : { self_signing_key: list.selfSigningKey }),
})
