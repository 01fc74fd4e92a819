/** Keys for encrypted sessions: who may upload what, who is told what, and that a one-time key is given once. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { type Claimed, OneTimeKeys } from "#spec-impl/federation/encryption/one-time-keys.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { reply } from "../network/rules.ts"
import { crossSigningClient, deviceClient } from "./client-keys.ts"
import { deviceActs } from "./device-acts.ts"
import { logIn } from "./testing/devices.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { sendRaw } from "./testing/raw-request.ts"
import { bootServer } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const phone = deviceClient(alice, "PHONE")
const algorithm = "signed_curve25519"

/** Alice of s1 with her phone; Bob of s2 shares no room with her. */
const withPhone = <A, E>(story: (played: Played) => Effect.Effect<A, E>) =>
  play({ servers: 3 }, (played) =>
    Effect.gen(function* () {
      yield* logIn(played.stage, alice, "PHONE")
      return yield* story(played)
    }),
  )
const post = (endpoint: string, body: JsonObject) => ({
  from: "s2",
  to: "s1",
  method: "POST",
  target: `/_matrix/federation/v1/user/keys/${endpoint}`,
  body,
})
const wanted = { [alice]: { PHONE: algorithm } }
/** The ids of the keys that were given of Alice's phone. */
const given = (claimed: Claimed) => Object.keys(claimed[alice]?.PHONE ?? {})
const plain = (value: unknown) => JSON.parse(JSON.stringify(value))

describe("a device's keys", () => {
  it("are its own, whole, and signed by itself", () =>
    withPhone(({ stage }) =>
      Effect.gen(function* () {
        const actor = stage.user(alice)
        const { deviceKeys, sign } = phone
        const upload = (keys: JsonObject, deviceId = "PHONE") =>
          refusal(actor.uploadDeviceKeys(deviceId, keys))
        for (const wrong of [
          { user_id: bob },
          { device_id: "OTHER" },
          { algorithms: "all" },
          { algorithms: [7] },
          { keys: {} },
          { keys: { "ed25519:PHONE": 7 } },
          { keys: { "ed25519:PHONE": "AAAA" } },
        ]) {
          expect(yield* upload(sign({ ...deviceKeys, ...wrong }))).toContain("400 M_INVALID_PARAM")
        }
        expect(yield* upload({ ...deviceKeys, signatures: "x" })).toContain("400 M_INVALID_PARAM")
        expect(yield* upload({ ...deviceKeys, signatures: {} })).toContain("400 M_INVALID_SIGNATURE")
        expect(yield* upload({ ...deviceKeys, more: 1 })).toContain("400 M_INVALID_SIGNATURE")
        expect(yield* upload(deviceKeys, "NONE")).toContain("404 M_NOT_FOUND")
        expect(yield* refusal(actor.uploadOneTimeKeys("NONE", {}))).toContain("404 M_NOT_FOUND")
      }),
    ))

  it("are told of every user, by its own server, with its name, without what others signed", () =>
    withPhone((played) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).addDevice("BARE")
        yield* stage.user(alice).renameDevice("PHONE", "Phone")
        yield* logIn(stage, alice, "LAPTOP")
        const keysOf = (deviceId: string) => deviceClient(alice, deviceId).deviceKeys
        const phoneKeys = { ...keysOf("PHONE"), unsigned: { device_display_name: "Phone" } }
        const asked = yield* stage.user(bob).queryKeys({ [alice]: [], "@nobody:s1": [], nonsense: [] })
        expect(plain(asked)).toEqual({
          device_keys: { [alice]: { PHONE: phoneKeys, LAPTOP: keysOf("LAPTOP") } },
          master_keys: {},
          self_signing_keys: {},
          user_signing_keys: {},
          failures: {},
        })
        const some = yield* stage.user(bob).queryKeys({ [alice]: ["LAPTOP", "BARE", "NONE"] })
        expect(Object.keys(some.device_keys[alice]!)).toEqual(["LAPTOP"])
        const { body } = yield* sendRaw(played, post("query", { device_keys: { [bob]: [], "@x:s1": [] } }))
        expect(plain(body)).toEqual({ device_keys: {}, master_keys: {}, self_signing_keys: {} })
        yield* stage.partition(["s1"], ["s2", "s3"])
        const cut = yield* stage.user(bob).queryKeys({ [alice]: [], [bob]: [] })
        expect(Object.keys(cut.failures)).toEqual(["s1"])
        expect(
          yield* refusal(
            stage
              .user(bob)
              .addDevice("B")
              .pipe(Effect.andThen(queryAs(played))),
          ),
        ).toContain("M_FORBIDDEN")
      }),
    ))

  it("that another server tells are believed as far as they are that user's own", () =>
    withPhone(({ stage }) =>
      Effect.gen(function* () {
        const { keys } = crossSigningClient(alice)
        const good = phone.deviceKeys
        yield* stage.rule(
          "liar",
          { path: /keys\/query/ },
          reply(200, {
            device_keys: {
              [alice]: { PHONE: good, OTHER: good, BAD: 7 },
              [bob]: { B: deviceClient(bob, "B").deviceKeys },
            },
            master_keys: { [alice]: keys.master_key },
            self_signing_keys: { [alice]: { ...keys.self_signing_key, signatures: {} } },
          }),
        )
        const asked = yield* stage.user(bob).queryKeys({ [alice]: [] })
        expect(plain(asked.device_keys)).toEqual({ [alice]: { PHONE: good } })
        expect([asked.master_keys, asked.self_signing_keys]).toEqual([{}, {}])
      }),
    ))
})

/** A query on s2 in the name of a user of s1. */
const queryAs = ({ servers }: Played) => deviceActs(servers.get("s2")!, alice).queryKeys({ [bob]: [] })

describe("cross-signing keys", () => {
  it("are one key each, of the user, for their use, signed by the master key", () =>
    withPhone(({ stage }) =>
      Effect.gen(function* () {
        const actor = stage.user(alice)
        const { keys } = crossSigningClient(alice)
        const upload = (given: JsonObject) => refusal(actor.uploadCrossSigningKeys(given))
        expect(yield* upload({ self_signing_key: keys.self_signing_key })).toContain("400 M_MISSING_PARAM")
        const master = keys.master_key
        const name = Object.keys(master.keys)[0]!
        for (const wrong of [
          { user_id: bob },
          { usage: ["self_signing"] },
          { usage: "master" },
          { keys: {} },
          { keys: { ...master.keys, "ed25519:other": "other" } },
          { keys: { [name]: "AAAA" } },
        ]) {
          expect(yield* upload({ master_key: { ...master, ...wrong } })).toContain("400 M_INVALID_PARAM")
        }
        const other = crossSigningClient(alice, "other").keys
        for (const use of ["self_signing_key", "user_signing_key"] as const) {
          const refused = yield* upload({ master_key: master, [use]: other[use] })
          expect(refused).toContain("400 M_INVALID_SIGNATURE")
        }
        yield* actor.addDevice(crossSigningClient(alice, "third").masterName)
        expect(yield* upload(crossSigningClient(alice, "third").keys)).toContain("403 M_FORBIDDEN")
        yield* actor.uploadCrossSigningKeys(keys)
        expect((yield* actor.queryKeys({ [alice]: [] })).user_signing_keys).toEqual({
          [alice]: keys.user_signing_key,
        })
        const renewed = crossSigningClient(alice, "fourth").keys
        yield* actor.uploadCrossSigningKeys({ master_key: renewed.master_key })
        const left = yield* actor.queryKeys({ [alice]: [] })
        expect([left.self_signing_keys, left.user_signing_keys]).toEqual([{}, {}])
      }),
    ))

  it("sign the user's own devices for everybody; the device signs the master key", () =>
    withPhone(({ stage }) =>
      Effect.gen(function* () {
        const actor = stage.user(alice)
        const { keys, signDevice, masterName } = crossSigningClient(alice)
        yield* actor.uploadCrossSigningKeys(keys)
        const signed = signDevice(phone.deviceKeys)
        const failures = yield* actor.uploadSignatures({
          [alice]: {
            PHONE: { ...signed, more: 1 },
            NONE: signed,
            [masterName]: crossSigningClient(alice, "other").signDevice(keys.master_key),
          },
        })
        expect(plain(failures[alice])).toMatchObject({
          PHONE: { errcode: "M_INVALID_SIGNATURE" },
          NONE: { errcode: "M_NOT_FOUND" },
          [masterName]: { errcode: "M_INVALID_SIGNATURE" },
        })
        const bySelf = crossSigningClient(alice, "other").signDevice(phone.deviceKeys)
        expect((yield* actor.uploadSignatures({ [alice]: { PHONE: bySelf } }))[alice]).toHaveProperty("PHONE")
        const master = phone.sign(keys.master_key)
        expect(yield* actor.uploadSignatures({ [alice]: { PHONE: signed, [masterName]: master } })).toEqual(
          {},
        )
        const asked = yield* stage.user(bob).queryKeys({ [alice]: [] })
        expect(plain(asked.device_keys[alice]!.PHONE)).toEqual(signed)
        expect(plain(asked.master_keys[alice])).toEqual(master)
        // What is uploaded again without signatures keeps those that it has.
        yield* actor.uploadDeviceKeys("PHONE", phone.deviceKeys)
        expect(plain((yield* stage.user(bob).queryKeys({ [alice]: [] })).device_keys[alice]!.PHONE)).toEqual(
          signed,
        )
      }),
    ))

  it("sign another user's master key for the signer alone; no user-signing key leaves its server", () =>
    withPhone((played) =>
      Effect.gen(function* () {
        const { stage } = played
        const mine = crossSigningClient(alice)
        const his = crossSigningClient(bob)
        yield* stage.user(alice).uploadCrossSigningKeys(mine.keys)
        yield* stage.user(bob).uploadCrossSigningKeys(his.keys)
        const signed = his.signUser(mine.keys.master_key)
        const failures = yield* stage.user(bob).uploadSignatures({
          [alice]: { [his.masterName]: signed },
        })
        expect(plain(failures[alice])).toMatchObject({ [his.masterName]: { errcode: "M_NOT_FOUND" } })
        const unsigned = yield* stage
          .user(bob)
          .uploadSignatures({ [alice]: { [mine.masterName]: mine.keys.master_key } })
        expect(plain(unsigned[alice])).toMatchObject({
          [mine.masterName]: { errcode: "M_INVALID_SIGNATURE" },
        })
        expect(yield* stage.user(bob).uploadSignatures({ [alice]: { [mine.masterName]: signed } })).toEqual(
          {},
        )
        const seen = (user: string) =>
          Effect.map(stage.user(user).queryKeys({ [alice]: [] }), ({ master_keys }) => master_keys[alice]!)
        expect(Object.keys((yield* seen(bob)).signatures as JsonObject)).toContain(bob)
        expect((yield* seen("@carol:s2")).signatures).toBeUndefined()
        expect((yield* seen(alice)).signatures).toBeUndefined()
        const { body } = yield* sendRaw(played, post("query", { device_keys: { [alice]: [] } }))
        expect(Object.keys(body).sort()).toEqual(["device_keys", "master_keys", "self_signing_keys"])
      }),
    ))
})

describe("one-time keys", () => {
  it("are given in the order of uploading, each once; then the fallback key, again and again", () =>
    withPhone(({ stage, servers }) =>
      Effect.gen(function* () {
        const actor = stage.user(alice)
        yield* actor.uploadOneTimeKeys("PHONE", phone.oneTimeKeys("Z"))
        const counts = yield* actor.uploadOneTimeKeys("PHONE", phone.oneTimeKeys("A"), phone.fallbackKey("F"))
        expect(counts).toEqual({ [algorithm]: 2 })
        const keys = Context.get(servers.get("s1")!.services, OneTimeKeys)
        expect(keys.unusedFallbacks(alice, "PHONE")).toEqual([algorithm])
        const claim = Effect.map(stage.user(bob).claimKeys(wanted), given)
        expect(yield* claim).toEqual([`${algorithm}:Z`])
        expect(given(yield* actor.claimKeys(wanted))).toEqual([`${algorithm}:A`])
        expect(keys.unusedFallbacks(alice, "PHONE")).toEqual([algorithm])
        expect(yield* claim).toEqual([`${algorithm}:F`])
        expect(yield* claim).toEqual([`${algorithm}:F`])
        expect(keys.unusedFallbacks(alice, "PHONE")).toEqual([])
        expect(keys.counts(alice, "PHONE")).toEqual({})
        yield* actor.uploadOneTimeKeys("PHONE", {}, phone.fallbackKey("G"))
        expect(keys.unusedFallbacks(alice, "PHONE")).toEqual([algorithm])
        expect(yield* claim).toEqual([`${algorithm}:G`])
        yield* actor.deleteDevice("PHONE")
        expect(yield* claim).toEqual([])
      }),
    ))

  it("uploaded again are no new ones, even when they were given away; another under the same id is refused", () =>
    withPhone(({ stage }) =>
      Effect.gen(function* () {
        const actor = stage.user(alice)
        const upload = (keys: JsonObject) => actor.uploadOneTimeKeys("PHONE", keys)
        yield* upload(phone.oneTimeKeys("A", "B"))
        yield* upload(phone.oneTimeKeys("A", "B"))
        const other = { [`${algorithm}:B`]: phone.oneTimeKeys("C")[`${algorithm}:C`]! }
        expect(yield* refusal(upload(other))).toContain("400 M_INVALID_PARAM")
        yield* stage.user(bob).claimKeys(wanted)
        expect(yield* upload(phone.oneTimeKeys("A", "B"))).toEqual({ [algorithm]: 1 })
        expect(given(yield* stage.user(bob).claimKeys(wanted))).toEqual([`${algorithm}:B`])
        expect(given(yield* stage.user(bob).claimKeys(wanted))).toEqual([])
      }),
    ))

  it("are in the form of their algorithm, signed by their device; one fallback key for each algorithm", () =>
    withPhone(({ stage }) =>
      Effect.gen(function* () {
        const actor = stage.user(alice)
        const upload = (keys: JsonObject, fallback?: JsonObject) =>
          refusal(actor.uploadOneTimeKeys("PHONE", keys, fallback))
        const key = phone.oneTimeKeys("A")[`${algorithm}:A`] as JsonObject
        for (const wrong of [
          { nonsense: key },
          { [`${algorithm}:A`]: "AAAA" },
          { [`${algorithm}:A`]: 7 },
          { [`${algorithm}:A`]: { signatures: {} } },
        ] as readonly JsonObject[]) {
          expect(yield* upload(wrong)).toContain("400 M_INVALID_PARAM")
        }
        const unsigned = { [`${algorithm}:A`]: { ...key, key: "other" } }
        expect(yield* upload(unsigned)).toContain("400 M_INVALID_SIGNATURE")
        expect(yield* upload({}, { ...phone.fallbackKey("F"), ...phone.fallbackKey("G") })).toContain(
          "400 M_INVALID_PARAM",
        )
        expect(yield* actor.uploadOneTimeKeys("PHONE", { "curve25519:A": "AAAA" })).toEqual({ curve25519: 1 })
        const elsewhere = yield* stage.user(bob).addDevice("B")
        expect(elsewhere).toBe("B")
        expect(yield* refusal(stage.user(bob).uploadOneTimeKeys("B", phone.oneTimeKeys("A")))).toContain(
          "400 M_INVALID_SIGNATURE",
        )
      }),
    ))

  it("are never given twice, however many ask at once, from everywhere", async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      await play({ servers: 3, seed }, ({ stage }) =>
        Effect.gen(function* () {
          yield* logIn(stage, alice, "PHONE")
          const ids = Array.from({ length: 10 }, (_, n) => `K${n}`)
          yield* stage.user(alice).uploadOneTimeKeys("PHONE", phone.oneTimeKeys(...ids))
          const askers = [alice, bob, "@carol:s3", "@dan:s3"]
          const claims = Array.from({ length: 16 }, (_, n) => stage.user(askers[n % 4]!).claimKeys(wanted))
          const answers = yield* Effect.all(claims, { concurrency: "unbounded" })
          const keys = answers.flatMap(given)
          expect(keys).toHaveLength(10)
          expect(new Set(keys).size).toBe(10)
        }),
      )
    }
  })

  it("are asked of each user's own server, and of no other; who does not answer is told", () =>
    withPhone((played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        yield* stage.user(alice).uploadOneTimeKeys("PHONE", phone.oneTimeKeys("A"))
        yield* logIn(stage, bob, "B")
        yield* stage.user(bob).uploadOneTimeKeys("B", deviceClient(bob, "B").oneTimeKeys("X"))
        const foreign = {
          [bob]: { B: algorithm },
          "@nobody:s1": { X: algorithm },
          [alice]: { NONE: algorithm },
        }
        const { body } = yield* sendRaw(played, { ...post("claim", { one_time_keys: foreign }), from: "s3" })
        expect(plain(body)).toEqual({ one_time_keys: {} })
        const keys = Context.get(servers.get("s3")!.services, OneTimeKeys)
        yield* stage.partition(["s1"], ["s2", "s3"])
        const claimed = yield* keys.claim({ ...wanted, [bob]: { B: algorithm } })
        expect(Object.keys(claimed.one_time_keys)).toEqual([bob])
        expect(Object.keys(claimed.failures)).toEqual(["s1"])
        yield* stage.heal
        expect(given((yield* keys.claim(wanted)).one_time_keys)).toEqual([`${algorithm}:A`])
        const liar = { [alice]: { PHONE: { "other:A": {} }, MORE: phone.oneTimeKeys("B") } }
        yield* stage.rule("liar", { path: /keys\/claim/ }, reply(200, { one_time_keys: liar }))
        expect((yield* keys.claim(wanted)).one_time_keys).toEqual({})
      }),
    ))

  it("that were given stay given after a restart, even if nobody heard the answer", () =>
    play({ servers: 1 }, ({ kernel, network }) =>
      Effect.gen(function* () {
        const signatures = synchronously(nativeSignatures("libsodium"))
        const parts = { kernel, network, signatures, settings: {}, disk: new MemoryDisk() }
        const owner = "@owner:home"
        const mine = deviceClient(owner, "D")
        const claim = { [owner]: { D: algorithm } }
        yield* Effect.scoped(
          Effect.gen(function* () {
            const server = yield* bootServer("home", parts)
            const acts = deviceActs(server, owner)
            yield* acts.addDevice("D")
            yield* acts.uploadDeviceKeys("D", mine.deviceKeys)
            yield* acts.uploadOneTimeKeys("D", mine.oneTimeKeys("A", "B"), mine.fallbackKey("F"))
            yield* acts.uploadCrossSigningKeys(crossSigningClient(owner).keys)
            yield* acts.claimKeys(claim)
          }),
        )
        const acts = deviceActs(yield* bootServer("home", parts), owner)
        const ids = (claimed: Claimed) => Object.keys(claimed[owner]!.D!)
        expect(yield* acts.uploadOneTimeKeys("D", mine.oneTimeKeys("A", "B"))).toEqual({ [algorithm]: 1 })
        expect(ids(yield* acts.claimKeys(claim))).toEqual([`${algorithm}:B`])
        expect(ids(yield* acts.claimKeys(claim))).toEqual([`${algorithm}:F`])
        const asked = yield* acts.queryKeys({ [owner]: [] })
        expect(Object.keys(asked.user_signing_keys)).toEqual([owner])
      }).pipe(Effect.scoped),
    ))
})
