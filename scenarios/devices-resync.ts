import { Context, Effect } from "effect"
import { alterReply, withBody } from "#sim/network/rules.ts"
import { crossSigningClient, deviceClient } from "#sim/world/client-keys.ts"
import type { Scenario, ServerView } from "#sim/world/scenario.ts"
import type { Actor, Stage, StageFailure } from "#sim/world/stage.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import { DeviceKeyQueries } from "#spec-impl/federation/encryption/device-key-queries.ts"
import { ToDevice } from "#spec-impl/federation/to-device/to-device.ts"
import { oldVersions } from "./story-parts.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const carol = "@carol:s3"
const algorithm = "signed_curve25519"
const wantedKey = { [alice]: { PHONE: algorithm } }
/** More than the updates that wait for a server which is away. */
const renameCount = 25

const encrypted = {
  initialState: [{ type: "m.room.encryption", stateKey: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
}

/** A device list that does not follow its user encrypts to devices that are gone, and not to those that are there. */
export const devicesResync: Scenario = {
  name: "devices-resync",
  title: "New devices behind a cut",
  about:
    "Alice, Bob and Carol talk in encrypted rooms; Carol's server is an old one that knows room versions 1 to 10. " +
    "While Alice's server is cut off she names, adds and deletes devices, more often than updates are kept for " +
    "anybody, and renews her cross-signing keys; Bob writes to her devices, which he last saw before. When the " +
    "links heal, a proxy swallows the answers to what Bob's server sends, and everybody claims Alice's few " +
    "one-time keys at once. All servers must come to know the same devices, each message must arrive once, and no " +
    "two must get one key.",
  serversDefault: 3,
  roomVersionsDefault: ["10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) => (server === "s3" ? { roomVersions: oldVersions } : {}),
  story: Effect.fnUntraced(function* (stage) {
    const [anna, ben, cleo] = [alice, bob, carol].map((userId) => stage.user(userId)) as [Actor, Actor, Actor]
    const room = yield* anna.createRoom(encrypted)
    const common = yield* anna.createRoom({ ...encrypted, roomVersion: "10" })
    for (const guest of [ben, cleo]) yield* guest.join(common, "s1")
    yield* ben.join(room, "s1")
    yield* joinIfAble(stage, cleo, room)
    yield* stage.quiet
    for (const [user, deviceId] of [
      [anna, "PHONE"],
      [anna, "LAPTOP"],
      [ben, "DESK"],
      [cleo, "TABLET"],
    ] as const) {
      yield* logIn(user, deviceId)
    }
    yield* anna.uploadCrossSigningKeys(crossSigningClient(alice, "first").keys)
    yield* stage.quiet
    yield* stage.tell(
      "Alice (s1) has a phone and a laptop, Bob (s2) a desktop, Carol (s3) a tablet. Each server knows all four.",
    )

    yield* stage.partition(["s1"], ["s2", "s3"])
    for (const roomId of [room, common]) {
      yield* anna.setState(roomId, "m.room.topic", { topic: "new keys" })
      yield* ben.say(roomId, "Alice?")
    }
    yield* anna.deleteDevice("LAPTOP")
    yield* logIn(anna, "WATCH")
    for (let count = 1; count <= renameCount; count++)
      yield* anna.renameDevice("PHONE", `Phone, take ${count}`)
    const { keys, signDevice } = crossSigningClient(alice, "second")
    yield* anna.uploadCrossSigningKeys(keys)
    const signed = ["PHONE", "WATCH"].map((id) => [id, signDevice(deviceClient(alice, id).deviceKeys)])
    yield* anna.uploadSignatures({ [alice]: Object.fromEntries(signed) })
    const phone = deviceClient(alice, "PHONE")
    yield* anna.uploadOneTimeKeys("PHONE", phone.oneTimeKeys("1", "2", "3", "4"), phone.fallbackKey("last"))
    yield* stage.tell(
      `s1 is cut off. Alice drops her laptop and adds a watch, renames her phone ${renameCount} times, and renews her cross-signing keys.`,
    )

    yield* ben.sendToDevice("x.note", { [alice]: { "*": { note: "to whatever you have" } } })
    yield* ben.sendToDevice("x.note", { [alice]: { LAPTOP: { note: "to a laptop that is gone" } } })
    yield* anna.sendToDevice("x.note", { [bob]: { DESK: { note: "from behind the cut" } } })
    yield* logIn(cleo, "PAD")
    const early = yield* ben.claimKeys(wantedKey)
    yield* stage.wait(10_000)
    yield* stage.tell(
      `Bob writes to Alice's devices. He ${early[alice] === undefined ? "cannot get" : "gets"} a key for her phone.`,
    )

    const toDevice = (body: JsonValue | undefined): boolean =>
      canonicalJson(body ?? null).includes("m.direct_to_device")
    yield* stage.rule(
      "answers-lost",
      { source: "s2", destination: "s1", path: /\/send\//, body: toDevice },
      alterReply((response) => ({ ...withBody(response, new Uint8Array(0)), status: 502 })),
    )
    yield* stage.heal
    yield* stage.tell(
      "The links heal, but a proxy swallows what s1 answers to Bob's messages: they come again.",
    )
    const claims = [ben, cleo, ben, stage.user("@dora:s1"), cleo, ben].map(beginSession)
    yield* Effect.all(claims, { concurrency: "unbounded" })
    yield* stage.wait(15_000)
    yield* stage.tell(
      "Six sessions with Alice's phone begin at once. She has four one-time keys: the others get the fallback key.",
    )
    return [room, common]
  }),
  wanted: (view) => {
    const held = (userId: string, deviceIds: readonly string[]) => isHeld(view, userId, deviceIds)
    return (
      held(alice, ["PHONE", "WATCH"]) &&
      held(bob, ["DESK"]) &&
      held(carol, ["PAD", "TABLET"]) &&
      inboxIsRight(view)
    )
  },
}

const logIn = Effect.fnUntraced(function* (user: Actor, deviceId: string) {
  yield* user.addDevice(deviceId)
  yield* user.uploadDeviceKeys(deviceId, deviceClient(user.userId, deviceId).deviceKeys)
})

const joinIfAble = (stage: Stage, user: Actor, roomId: string): Effect.Effect<void, StageFailure> =>
  user.join(roomId, "s1").pipe(
    Effect.asVoid,
    Effect.catchTag("MatrixError", ({ errcode }) =>
      stage.tell(`Carol's server is too old for the first room (${errcode}); all share the second.`),
    ),
  )

/** Claims a key for Alice's phone and tells the phone which, as the first message of an Olm session would. */
const beginSession = Effect.fnUntraced(function* (user: Actor) {
  const claimed = yield* user.claimKeys(wantedKey)
  const [key = "none"] = Object.keys(claimed[alice]?.PHONE ?? {})
  yield* user.sendToDevice("x.session", { [alice]: { PHONE: { key } } })
})

/** Whether the server holds exactly those devices of the user, with keys; Alice's signed by her new key. */
const isHeld = ({ services }: ServerView, userId: string, deviceIds: readonly string[]): boolean => {
  const list = Context.get(services, DeviceKeyQueries).held(userId)
  if (list === undefined || Object.keys(list.devices).sort().join() !== deviceIds.join()) return false
  const { keys, signDevice } = crossSigningClient(alice, "second")
  const keysOf = (deviceId: string): JsonObject => {
    const { deviceKeys } = deviceClient(userId, deviceId)
    return userId === alice ? signDevice(deviceKeys) : deviceKeys
  }
  const areRight = deviceIds.every(
    (id) => canonicalJson(list.devices[id]?.keys ?? null) === canonicalJson(keysOf(id)),
  )
  if (userId !== alice) return areRight
  const masterIsNew = canonicalJson(list.masterKey ?? null) === canonicalJson(keys.master_key)
  return areRight && masterIsNew && list.devices.PHONE?.displayName === `Phone, take ${renameCount}`
}

/** On the servers that have these devices: each message once, and no one-time key in two sessions. */
const inboxIsRight = ({ server, services }: ServerView): boolean => {
  const toDevice = Context.get(services, ToDevice)
  const inbox = (userId: string, deviceId: string, type: string): string[] =>
    toDevice
      .inbox(userId, deviceId)
      .messages.filter((message) => message.type === type)
      .map(({ content }) => String(content.note ?? content.key))
      .sort()
  if (server === "s2") return inbox(bob, "DESK", "x.note").join() === "from behind the cut"
  if (server !== "s1") return true
  const sessions = ["1", "2", "3", "4", "last", "last"].map((id) => `${algorithm}:${id}`)
  return (
    inbox(alice, "PHONE", "x.session").join() === sessions.join() &&
    inbox(alice, "PHONE", "x.note").join() === "to whatever you have" &&
    inbox(alice, "WATCH", "x.note").join() === "to whatever you have"
  )
}
