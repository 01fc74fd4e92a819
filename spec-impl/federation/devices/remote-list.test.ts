import { describe, expect, it } from "vitest"
import { nativeSignatures } from "../../homeserver/signatures/native.ts"
import {
  type DeviceListUpdate,
  fromAnswer,
  isLess,
  readUpdate,
  unknownRemoteList,
  withArrived,
  withUpdate,
} from "./remote-list.ts"

const { verify } = nativeSignatures("libsodium")
const userId = "@alice:a"
const answer = (streamId: number) => ({
  user_id: userId,
  stream_id: streamId,
  devices: [{ device_id: "ONE", device_display_name: "one" }],
})
const list = fromAnswer(answer(5), userId, verify)!
const update = (streamId: number, prevIds: readonly number[]): DeviceListUpdate => ({
  userId,
  deviceId: "TWO",
  streamId,
  prevIds,
  device: { displayName: String(streamId) },
})

describe("an update", () => {
  it("is applied where all that it is relative to is known, and not twice", () => {
    const next = withUpdate(list, update(6, [5]))
    expect(next).toMatchObject({ streamIds: [5, 6], devices: { TWO: { displayName: "6" } } })
    if (typeof next === "string") throw new Error(next)
    expect(withUpdate(next, update(6, [5]))).toBe("known")
    expect(withUpdate(next, update(5, [4]))).toBe("known")
    expect(withUpdate(next, { ...update(9, [5, 6]), device: undefined })).toMatchObject({
      devices: { ONE: { displayName: "one" } },
      streamIds: [5, 6, 9],
    })
  })

  it("shows a gap where it is relative to something else, to nothing, or is older than the list", () => {
    expect(withUpdate(list, update(7, [6]))).toBe("gap")
    expect(withUpdate(list, update(7, [5, 6]))).toBe("gap")
    expect(withUpdate(list, update(6, []))).toBe("gap")
    expect(withUpdate(list, update(4, [5]))).toBe("gap")
    expect(withUpdate(unknownRemoteList, update(1, []))).toBe("gap")
  })

  it("has no prev_id where it is the first; `__proto__` is a device like any other", () => {
    const content = JSON.parse(`{"user_id":"${userId}","device_id":"__proto__","stream_id":1}`)
    const read = readUpdate(content)!
    expect(read.prevIds).toEqual([])
    const next = withUpdate(list, { ...read, streamId: 6, prevIds: [5] })
    expect(Object.keys(typeof next === "string" ? {} : next.devices)).toEqual(["ONE", "__proto__"])
    expect(readUpdate({ ...content, stream_id: 2 ** 60 })).toBeUndefined()
  })

  it("that came while the list was asked for stands on the answer, or shows what that lacks", () => {
    expect(withArrived(list, [update(5, [4]), update(6, [5])])).toMatchObject({
      streamIds: [5, 6],
      isOutdated: false,
    })
    expect(withArrived(list, [update(8, [7])])).toMatchObject({ streamIds: [5], isOutdated: true })
    expect(isLess(list, { newestStreamId: 6, keys: undefined })).toBe(true)
    expect(isLess(list, { newestStreamId: 5, keys: undefined })).toBe(false)
  })
})

describe("an answer", () => {
  it("is of the user that was asked for; a device whose keys are not its own is left out", () => {
    expect(fromAnswer({ ...answer(1), user_id: "@bob:a" }, userId, verify)).toBeUndefined()
    expect(fromAnswer({ ...answer(1), stream_id: 2n ** 60n }, userId, verify)).toBeUndefined()
    const devices = [
      { device_id: 7 },
      { device_id: "BAD", keys: { device_id: "OTHER" } },
      { device_id: "GOOD" },
    ]
    expect(Object.keys(fromAnswer({ ...answer(1), devices }, userId, verify)!.devices)).toEqual(["GOOD"])
  })
})
