/** What s1 tells of Alice's devices and keys. */
import { Effect } from "effect"
import { crossSigningClient, deviceClient } from "../client-keys.ts"
import type { Played } from "../testing/play.ts"
import { casesOf, get, path, post } from "./cases.ts"

const alice = "@alice:s1"
const phone = deviceClient(alice, "PHONE")
const signing = crossSigningClient(alice)

/** Alice with her phone, its keys, one key to be claimed, and her cross-signing keys. */
const withPhone = Effect.fnUntraced(function* ({ stage }: Played) {
  const user = stage.user(alice)
  yield* user.addDevice("PHONE", "Alice's phone")
  yield* user.uploadDeviceKeys("PHONE", phone.deviceKeys)
  yield* user.uploadOneTimeKeys("PHONE", phone.oneTimeKeys("A"))
  yield* user.uploadCrossSigningKeys(signing.keys)
})

const { master_key: masterKey, self_signing_key: selfSigningKey } = signing.keys
const claim = (wanted: unknown) => post("user/keys/claim", { one_time_keys: wanted as never })
const query = (wanted: unknown) => post("user/keys/query", { device_keys: wanted as never })

export const deviceCases = casesOf(withPhone, {
  "GET /_matrix/federation/v1/user/devices/{userId}": {
    succeeds: () => get(`user/devices/${path(alice)}`),
    answers: () => ({
      user_id: alice,
      devices: [{ device_id: "PHONE", device_display_name: "Alice's phone", keys: phone.deviceKeys }],
      master_key: masterKey,
      self_signing_key: selfSigningKey,
    }),
    refuses: {
      "404 M_NOT_FOUND": () => [
        get(`user/devices/${path("@bob:s2")}`),
        get(`user/devices/${path("@nobody:s1")}`),
      ],
    },
  },
  "POST /_matrix/federation/v1/user/keys/claim": {
    succeeds: () => claim({ [alice]: { PHONE: "signed_curve25519" } }),
    answers: () => ({ one_time_keys: { [alice]: { PHONE: phone.oneTimeKeys("A") } } }),
    refuses: {
      "400 M_BAD_JSON": () => [
        claim(7),
        claim({ [alice]: 7 }),
        claim({ [alice]: { PHONE: 7 } }),
        post("user/keys/claim", {}),
      ],
    },
  },
  "POST /_matrix/federation/v1/user/keys/query": {
    succeeds: () => query({ [alice]: [] }),
    answers: () => ({
      device_keys: { [alice]: { PHONE: phone.deviceKeys } },
      master_keys: { [alice]: masterKey },
      self_signing_keys: { [alice]: selfSigningKey },
    }),
    refuses: {
      "400 M_BAD_JSON": () => [
        query(7),
        query({ [alice]: 7 }),
        query({ [alice]: [7] }),
        post("user/keys/query", {}),
      ],
    },
  },
})
