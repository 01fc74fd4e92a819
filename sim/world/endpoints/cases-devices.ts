/** Devices, and the keys by which messages to them are encrypted. */
import { Context, Effect } from "effect"
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import { EventStore, StoreFailure } from "#spec-impl/store/event-store.ts"
import { crossSigningClient, deviceClient } from "../client-keys.ts"
import type { Played } from "../testing/play.ts"
import { casesOf, get, path, post } from "./cases.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const v1 = "/_matrix/federation/v1"
const phone = deviceClient(alice, "PHONE")
const { keys, signDevice } = crossSigningClient(alice)
const signedKeys = signDevice(phone.deviceKeys)
const algorithm = "signed_curve25519"
const nobody = "@nobody:s1"

/** Alice of s1 with a phone, whose keys she has signed; s2 shares no room with her. */
const withPhone = Effect.fnUntraced(function* ({ stage }: Played) {
  const actor = stage.user(alice)
  yield* actor.addDevice("PHONE", "Phone")
  yield* actor.uploadDeviceKeys("PHONE", phone.deviceKeys)
  yield* actor.uploadCrossSigningKeys(keys)
  yield* actor.uploadSignatures({ [alice]: { PHONE: signedKeys } })
  yield* actor.uploadOneTimeKeys("PHONE", phone.oneTimeKeys("A"))
})

const devices = (userId: string) => get(`user/devices/${path(userId)}`)
const claim = (wanted: JsonValue) => post("user/keys/claim", { one_time_keys: wanted })
const query = (asked: JsonValue) => post("user/keys/query", { device_keys: asked })
const claimOfPhone = () => claim({ [alice]: { PHONE: algorithm } })

/** From now on s1 keeps nothing. */
const withoutDisk = ({ servers }: Played) =>
  Effect.sync(() => {
    const services = servers.get("s1")!.services as unknown as Context.Context<EventStore>
    const store: { commit: EventStore["Service"]["commit"] } = Context.get(services, EventStore)
    store.commit = () => Effect.fail(new StoreFailure({ reason: "busy", detail: "try again" }))
  })

export const deviceCases = casesOf(withPhone, {
  [`GET ${v1}/user/devices/{userId}`]: {
    succeeds: () => devices(alice),
    answers: () => ({
      user_id: alice,
      stream_id: 3,
      devices: [{ device_id: "PHONE", device_display_name: "Phone", keys: signedKeys }],
      master_key: keys.master_key,
      self_signing_key: keys.self_signing_key,
    }),
    refuses: {
      "404 M_NOT_FOUND": () => [devices(nobody), devices(bob), devices("nonsense")],
    },
  },
  [`POST ${v1}/user/keys/claim`]: {
    // Of whom there is no such key, nothing is said: that is no error.
    succeeds: () =>
      claim({
        [alice]: { PHONE: algorithm, OTHER: algorithm },
        [nobody]: { X: algorithm },
        [bob]: { B: "x" },
      }),
    answers: () => ({ one_time_keys: { [alice]: { PHONE: phone.oneTimeKeys("A") } } }),
    refuses: {
      "400 M_BAD_JSON": () => [
        post("user/keys/claim", {}),
        claim(7),
        claim({ [alice]: [algorithm] }),
        claim({ [alice]: { PHONE: 7 } }),
      ],
      "500 M_UNKNOWN": (_, played) => Effect.as(withoutDisk(played), claimOfPhone()),
    },
  },
  [`POST ${v1}/user/keys/query`]: {
    succeeds: () => query({ [alice]: [], [nobody]: [], [bob]: ["B"] }),
    answers: () => ({
      device_keys: { [alice]: { PHONE: { ...signedKeys, unsigned: { device_display_name: "Phone" } } } },
      master_keys: { [alice]: keys.master_key },
      self_signing_keys: { [alice]: keys.self_signing_key },
    }),
    refuses: {
      "400 M_BAD_JSON": () => [
        post("user/keys/query", {}),
        query(7),
        query({ [alice]: "PHONE" }),
        query({ [alice]: [7] }),
      ],
    },
  },
})
