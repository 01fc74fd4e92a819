/** Client-server API: devices, their keys and messages, as clients of two servers see them. */
import { Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { delay } from "../network/rules.ts"
import { crossSigningClient, deviceClient } from "./client-keys.ts"
import { askAsClient, clientOf } from "./testing/client.ts"
import { alice, bob, inRoom, waitingSync, withClients } from "./testing/client-stories.ts"
import type { Played } from "./testing/play.ts"
import { Syncing } from "./testing/syncing.ts"

const withPassword = { password: "secret alice" }
const password = (user: string, text = `secret ${user}`) => ({
  type: "m.login.password",
  identifier: { type: "m.id.user", user },
  password: text,
})

/** Another device of Alice. */
const secondDevice = (played: Played) =>
  Effect.map(
    askAsClient(played, "s1", "POST", "/_matrix/client/v3/login", {
      body: { ...password("alice"), device_id: "SECOND", initial_device_display_name: "phone" },
    }),
    (answer) => new Syncing(clientOf(played, "s1", answer)),
  )

describe("devices", () => {
  it("are listed, renamed, and removed by who shows its password once more", () =>
    withClients(
      (played, { client }) =>
        Effect.gen(function* () {
          const second = yield* secondDevice(played)
          expect((yield* client.get("/devices/SECOND")).body).toEqual({
            device_id: "SECOND",
            display_name: "phone",
          })
          expect((yield* client.put("/devices/SECOND", { display_name: "old phone" })).body).toEqual({})
          const { devices } = (yield* client.get("/devices")).body
          expect(devices).toContainEqual({ device_id: "SECOND", display_name: "old phone" })
          expect(devices).toHaveLength(2)
          expect((yield* client.get("/devices/nothing")).status).toBe(404)
          expect((yield* client.put("/devices/nothing", { display_name: "x" })).status).toBe(404)
          const challenge = yield* client.delete("/devices/SECOND")
          expect(challenge.status).toBe(401)
          expect(challenge.body.flows).toEqual([{ stages: ["m.login.password"] }])
          const { session = "" } = challenge.body
          const wrong = yield* client.delete("/devices/SECOND", {
            auth: { ...password("alice", "no"), session },
          })
          expect([wrong.status, wrong.body.errcode]).toEqual([401, "M_FORBIDDEN"])
          const others = yield* client.delete("/devices/SECOND", { auth: { ...password("bob"), session } })
          expect(others.status).toBe(401)
          const right = { auth: { ...password("alice"), session } }
          expect((yield* client.delete("/devices/SECOND", right)).status).toBe(200)
          expect((yield* second.client.get("/account/whoami")).body.errcode).toBe("M_UNKNOWN_TOKEN")
          expect((yield* client.get("/devices")).body.devices).toHaveLength(1)
          const several = { devices: ["SECOND", "nothing"], auth: password("alice") }
          expect((yield* client.post("/delete_devices", several)).status).toBe(200)
        }),
      withPassword,
    ))

  it("of who has no password are removed by who says so twice", () =>
    withClients((_played, _own, { client }) =>
      Effect.gen(function* () {
        const challenge = yield* client.delete(`/devices/${client.deviceId}`)
        expect(challenge.body.flows).toEqual([{ stages: ["m.login.dummy"] }])
        const { session = "" } = challenge.body
        const auth = { type: "m.login.dummy", session }
        expect((yield* client.delete(`/devices/${client.deviceId}`, { auth })).status).toBe(200)
        expect((yield* client.get("/devices")).status).toBe(401)
      }),
    ))
})

describe("keys", () => {
  it("are uploaded, queried and claimed over federation, and their owner is told what is left", () =>
    inRoom((played, _roomId, own, other) =>
      Effect.gen(function* () {
        const { deviceId } = own.client
        const keys = deviceClient(alice, deviceId)
        yield* own.next()
        const uploaded = yield* own.client.post("/keys/upload", {
          device_keys: keys.deviceKeys,
          one_time_keys: keys.oneTimeKeys("A", "B"),
          fallback_keys: keys.fallbackKey("F"),
        })
        expect(uploaded.body).toEqual({ one_time_key_counts: { signed_curve25519: 2 } })
        expect((yield* own.client.post("/keys/upload", {})).body).toEqual(uploaded.body)
        yield* played.stage.quiet
        const told = yield* own.next()
        expect(told.json.device_one_time_keys_count).toEqual({ signed_curve25519: 2 })
        expect(told.json.device_unused_fallback_key_types).toEqual(["signed_curve25519"])
        const queried = yield* other.client.post("/keys/query", { device_keys: { [alice]: [] } })
        expect(queried.body).toMatchObject({ device_keys: { [alice]: { [deviceId]: keys.deviceKeys } } })
        const claim = { one_time_keys: { [alice]: { [deviceId]: "signed_curve25519" } } }
        const claimed = yield* other.client.post("/keys/claim", claim)
        expect(claimed.body.one_time_keys).toEqual({ [alice]: { [deviceId]: keys.oneTimeKeys("A") } })
        const left = yield* own.next({ timeout: "1000" })
        expect(left.json.device_one_time_keys_count).toEqual({ signed_curve25519: 1 })
        yield* other.client.post("/keys/claim", claim)
        yield* other.client.post("/keys/claim", claim)
        const used = (yield* own.next()).json
        expect([used.device_one_time_keys_count, used.device_unused_fallback_key_types]).toEqual([{}, []])
      }),
    ))

  it("of a server that does not answer are waited for as long as the client says", () =>
    inRoom((played, _roomId, _own, other) =>
      Effect.gen(function* () {
        yield* played.network.rule({ source: "s2", path: /\/keys\/|\/devices\// }, delay(20_000))
        for (const [path, body] of [
          ["/keys/query", { device_keys: { "@carol:s1": [] } }],
          ["/keys/claim", { one_time_keys: { [alice]: { X: "signed_curve25519" } } }],
        ] as const) {
          const before = played.kernel.elapsedMs
          const answer = yield* other.client.post(path, { ...body, timeout: 2_000 })
          expect(answer.body.failures).toHaveProperty("s1")
          expect(played.kernel.elapsedMs - before).toBe(2_000)
        }
      }).pipe(Effect.scoped),
    ))

  it("that are none are refused", () =>
    withClients((_played, { client }) =>
      Effect.gen(function* () {
        const foreign = deviceClient(alice, "OTHER").deviceKeys
        const code = (path: string, body: JsonObject) =>
          Effect.map(client.post(path, body), (answer) => answer.body.errcode)
        expect(yield* code("/keys/upload", { device_keys: foreign })).toBe("M_INVALID_PARAM")
        expect(yield* code("/keys/upload", { one_time_keys: { x: 1 } })).toBe("M_INVALID_PARAM")
        expect(yield* code("/keys/query", {})).toBe("M_BAD_JSON")
        expect(yield* code("/keys/query", { device_keys: { [alice]: "all" } })).toBe("M_BAD_JSON")
        expect(yield* code("/keys/claim", { one_time_keys: { [alice]: 1 } })).toBe("M_BAD_JSON")
        expect((yield* client.get("/keys/changes?from=x&to=y")).body.errcode).toBe("M_INVALID_PARAM")
        expect((yield* client.get("/keys/changes?from=x")).body.errcode).toBe("M_MISSING_PARAM")
      }),
    ))

  it("for cross-signing are set freely once, and then with the password alone", () =>
    inRoom(
      (_played, _roomId, { client }, other) =>
        Effect.gen(function* () {
          yield* other.next()
          const first = crossSigningClient(alice)
          const path = "/keys/device_signing/upload"
          expect((yield* client.post(path, {})).body.errcode).toBe("M_MISSING_PARAM")
          expect((yield* client.post(path, first.keys)).status).toBe(200)
          expect((yield* client.post(path, first.keys)).status).toBe(200)
          expect((yield* other.next({ timeout: "5000" })).json.device_lists?.changed).toEqual([alice])
          const second = crossSigningClient(alice, "second")
          expect((yield* client.post(path, second.keys)).status).toBe(401)
          expect((yield* client.post(path, { ...second.keys, auth: password("alice") })).status).toBe(200)
          const keys = deviceClient(alice, client.deviceId)
          yield* client.post("/keys/upload", { device_keys: keys.deviceKeys })
          const signed = { [alice]: { [client.deviceId]: second.signDevice(keys.deviceKeys) } }
          expect((yield* client.post("/keys/signatures/upload", signed)).body).toEqual({ failures: {} })
          const unknown = { [alice]: { NOTHING: keys.deviceKeys } }
          expect((yield* client.post("/keys/signatures/upload", unknown)).body).toMatchObject({
            failures: { [alice]: { NOTHING: { errcode: "M_NOT_FOUND" } } },
          })
          const queried = yield* other.client.post("/keys/query", { device_keys: { [alice]: [] } })
          expect(queried.body.master_keys).toHaveProperty([alice, "keys", `ed25519:${second.masterName}`])
          expect(queried.body.user_signing_keys).toEqual({})
        }),
      withPassword,
    ))
})

describe("device lists", () => {
  it("tell of changes, of who comes to share a room, and of who shares none any more", () =>
    inRoom((played, roomId, own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        expect((yield* other.next()).json.device_lists).toBeUndefined()
        const { since: from } = other
        const keys = deviceClient(alice, own.client.deviceId)
        yield* own.client.post("/keys/upload", { device_keys: keys.deviceKeys })
        yield* stage.quiet
        expect((yield* other.next()).json.device_lists).toEqual({ changed: [alice], left: [] })
        expect((yield* other.next()).json.device_lists).toBeUndefined()
        yield* stage.user("@carol:s1").join(roomId)
        yield* stage.quiet
        expect((yield* other.next()).json.device_lists).toEqual({ changed: ["@carol:s1"], left: [] })
        yield* stage.user("@carol:s1").leave(roomId)
        yield* stage.quiet
        expect((yield* other.next()).json.device_lists).toEqual({ changed: [], left: ["@carol:s1"] })
        const between = yield* other.client.get(`/keys/changes?from=${from}&to=${other.since}`)
        expect(between.body).toEqual({ changed: [alice], left: ["@carol:s1"] })
        yield* stage.user(bob).leave(roomId)
        const gone = (yield* other.next()).json.device_lists
        expect(gone).toEqual({ changed: [], left: [alice] })
      }),
    ))

  it("after a restart name all who share a room, once: what changed before is not known", () =>
    inRoom((played, _roomId, own) =>
      Effect.gen(function* () {
        yield* own.next()
        yield* played.stage.crash("s1")
        yield* played.stage.restart("s1")
        // The numbers of this boot have gone beyond those of the one before.
        for (let count = 0; count < 20; count++)
          yield* own.client.put(`/user/${alice}/account_data/x`, { count })
        expect((yield* own.next()).json.device_lists).toEqual({ changed: [alice, bob], left: [] })
        expect((yield* own.next()).json.device_lists).toBeUndefined()
      }),
    ))
})

describe("messages to devices", () => {
  it("come once, wait until they are acknowledged, and outlive a restart", () =>
    withClients((played, own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* own.next()
        const waiting = yield* waitingSync(played, own)
        const send = (transactionId: string, text: string) =>
          other.client.put(`/sendToDevice/org.example/${transactionId}`, {
            messages: { [alice]: { "*": { text } } },
          })
        expect((yield* send("1", "one")).body).toEqual({})
        const { since } = own
        const message = (text: string) => ({ sender: bob, type: "org.example", content: { text } })
        expect((yield* Fiber.join(waiting)).events("to_device")).toEqual([message("one")])
        // The answer was lost: the client asks again from where it was.
        own.since = since
        expect((yield* own.next()).events("to_device")).toEqual([message("one")])
        // The client of the sender has not heard of its success.
        yield* send("1", "one")
        yield* stage.crash("s2")
        yield* stage.restart("s2")
        yield* send("1", "one")
        yield* stage.quiet
        expect((yield* own.next()).events("to_device")).toEqual([])
        yield* send("2", "two")
        yield* stage.quiet
        yield* stage.crash("s1")
        yield* stage.restart("s1")
        expect((yield* own.next()).events("to_device")).toEqual([message("two")])
        yield* stage.crash("s1")
        yield* stage.restart("s1")
        expect((yield* own.next()).events("to_device")).toEqual([])
      }),
    ))

  it("are for the devices that they name", () =>
    withClients(
      (played, own, other) =>
        Effect.gen(function* () {
          const second = yield* secondDevice(played)
          yield* other.client.put("/sendToDevice/t/1", { messages: { [alice]: { SECOND: { text: "you" } } } })
          yield* played.stage.quiet
          expect((yield* own.next()).events("to_device")).toEqual([])
          expect((yield* second.next()).events("to_device")).toHaveLength(1)
          const wrong = yield* other.client.put("/sendToDevice/t/2", {
            messages: { [alice]: { SECOND: "you" } },
          })
          expect([wrong.status, wrong.body.errcode]).toEqual([400, "M_INVALID_PARAM"])
          expect((yield* other.client.put("/sendToDevice/t/3", {})).body.errcode).toBe("M_BAD_JSON")
        }),
      withPassword,
    ))
})
