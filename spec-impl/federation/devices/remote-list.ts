/**
 * What is known of the devices of another server's user, and what an update makes of it (§Device Management). Pure:
 * who asks whom, and when, is the business of `remote-devices.ts`.
 */
import { canonicalJson } from "../../core/json/encode.ts"
import { isJsonArray, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import type { SignatureFunctions } from "../../homeserver/signatures/signatures.ts"
import type { UserDevices } from "./api.ts"
import { readDeviceKeys, readTrustRoot } from "./device-keys.ts"
import type { Device, DeviceList } from "./own-list.ts"

/** The list of a user of another server. */
export interface RemoteList extends DeviceList {
  /** The updates that it holds, oldest first: the `stream_id` of the last whole answer, and those applied since. */
  readonly streamIds: readonly number[]
  /** Whether something was missed: it is true no more, and to be fetched. */
  readonly isOutdated: boolean
}

export const unknownRemoteList: RemoteList = { devices: {}, streamIds: [], isOutdated: true }

/** How many ids are remembered; what refers to an older one is taken for a gap. */
const streamIdsMax = 100

/** One `m.device_list_update`, read. */
export interface DeviceListUpdate {
  readonly userId: string
  readonly deviceId: string
  readonly streamId: number
  readonly prevIds: readonly number[]
  /** Undefined where the device is no more. */
  readonly device: Device | undefined
}

const isStreamId = (value: JsonValue | undefined): value is number => Number.isSafeInteger(value)

/** Reads the content of an `m.device_list_update`; undefined where it is none. */
export const readUpdate = (content: JsonObject): DeviceListUpdate | undefined => {
  const { user_id: userId, device_id: deviceId, stream_id: streamId, prev_id: prevIds = [], keys } = content
  if (typeof userId !== "string" || typeof deviceId !== "string" || !isStreamId(streamId)) return undefined
  if (!isJsonArray(prevIds) || !prevIds.every(isStreamId)) return undefined
  const deleted = content.deleted ?? false
  if (typeof deleted !== "boolean") return undefined
  const device = deleted ? undefined : readDevice(userId, deviceId, keys, content.device_display_name)
  if (device === "malformed") return undefined
  return { userId, deviceId, streamId, prevIds, device }
}

const readDevice = (
  userId: string,
  deviceId: string,
  given: JsonValue | undefined,
  displayName: JsonValue | undefined,
): Device | "malformed" => {
  const name = displayName ?? undefined
  if (name !== undefined && typeof name !== "string") return "malformed"
  const keys = given === undefined || given === null ? undefined : readDeviceKeys(given, userId, deviceId)
  if (keys === undefined && given !== undefined && given !== null) return "malformed"
  return { ...(name === undefined ? {} : { displayName: name }), ...(keys === undefined ? {} : { keys }) }
}

/**
 * The list with the update: `known` where it holds that already, `gap` where the update is relative to something
 * else. One that is relative to nothing begins a sequence, and is older than the list for all that one can tell; so
 * is one with a lower number, which would undo what came after it. Both are gaps: to fetch the list is always right.
 */
export const withUpdate = (list: RemoteList, update: DeviceListUpdate): RemoteList | "known" | "gap" => {
  const { streamIds } = list
  const { deviceId, streamId, prevIds, device } = update
  if (streamIds.includes(streamId)) return "known"
  const follows = prevIds.length > 0 && prevIds.every((id) => streamIds.includes(id))
  if (!follows || streamId < Math.max(...streamIds)) return "gap"
  const { [deviceId]: _, ...others } = list.devices
  return {
    ...list,
    streamIds: [...streamIds, streamId].slice(-streamIdsMax),
    devices: device === undefined ? others : { ...others, [deviceId]: device },
  }
}

/** The list that the user's server answers to `GET /user/devices`; undefined where the answer is of no use. */
export const fromAnswer = (
  answer: typeof UserDevices.Type,
  userId: string,
  verify: SignatureFunctions["verify"],
): RemoteList | undefined => {
  if (answer.user_id !== userId || !isStreamId(answer.stream_id)) return undefined
  const devices: [string, Device][] = []
  for (const given of answer.devices) {
    const { device_id: deviceId, device_display_name: displayName, keys } = given
    if (typeof deviceId !== "string") continue
    const device = readDevice(userId, deviceId, keys, displayName)
    // A device whose keys are not its own is no reason to doubt the others.
    if (device !== "malformed") devices.push([deviceId, device])
  }
  const root = readTrustRoot(
    { master: answer.master_key, selfSigning: answer.self_signing_key },
    userId,
    verify,
  )
  return {
    devices: Object.fromEntries(devices),
    streamIds: [answer.stream_id],
    isOutdated: false,
    ...root,
  }
}

/** A whole answer with the updates that came after it was asked for: outdated where one of them does not fit. */
export const withArrived = (answered: RemoteList, updates: readonly DeviceListUpdate[]): RemoteList => {
  const [answeredId = 0] = answered.streamIds
  let list = answered
  for (const update of updates) {
    // The numbers of one server grow, so that an answer holds what has a lower one.
    if (update.streamId <= answeredId) continue
    const next = withUpdate(list, update)
    if (next === "gap") list = { ...list, isOutdated: true }
    else if (next !== "known") list = next
  }
  return list
}

/** The public cross-signing keys, to compare. */
export const keysOf = ({
  masterKey,
  selfSigningKey,
}: Pick<DeviceList, "masterKey" | "selfSigningKey">): string =>
  canonicalJson([masterKey ?? null, selfSigningKey ?? null])

/** Whether the list lacks something that its own server has told of it. */
export const isLess = (
  list: RemoteList,
  told: { readonly newestStreamId: number; readonly keys: string | undefined },
): boolean =>
  Math.max(...list.streamIds) < told.newestStreamId || (told.keys !== undefined && told.keys !== keysOf(list))
