/** A notary tells other servers' keys as they gave them, signed by itself as well, and remembers those that are gone. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { JsonObject } from "../../core/json/value.ts"
import { jsonSignatureChecks } from "../../core/signing.ts"
import { MemoryDisk } from "../../store/memory.ts"
import { matrixErrorFromAnswer } from "../matrix-error.ts"
import { carry, keyFromByte, makeWire, nativeSignatures, startServer } from "../testing/servers.ts"

const keys = {
  asker: keyFromByte("ed25519:a", 1),
  notary: keyFromByte("ed25519:n", 2),
  gone: keyFromByte("ed25519:g", 3),
}

const three = Effect.gen(function* () {
  const wire = makeWire()
  const asker = yield* startServer(wire, "asker.test", keys.asker)
  const notary = yield* startServer(wire, "notary.test", keys.notary)
  const gone = yield* startServer(wire, "gone.test", keys.gone)
  const query = (serverName: string, validUntilTsMin?: number) =>
    Effect.map(
      asker.client.call("notary.test", (api) =>
        api.keys.queryKeys({
          params: { serverName },
          query: validUntilTsMin === undefined ? {} : { minimum_valid_until_ts: validUntilTsMin },
        }),
      ),
      ({ server_keys }) => server_keys,
    )
  const fetches = () =>
    wire.sent.filter(({ source, destination }) => source === "notary.test" && destination === "gone.test")
      .length
  return { wire, asker, notary, gone, query, fetches }
})

const isSignedBy = (object: JsonObject, server: string, publicKey: Uint8Array): boolean =>
  jsonSignatureChecks(object, server).some(({ message, signature }) =>
    nativeSignatures.verify(publicKey, message, signature),
  )

describe("a notary", () => {
  it.effect("gives the keys with both signatures", () =>
    Effect.gen(function* () {
      const { query } = yield* three
      const [given] = yield* query("gone.test")
      expect(given).toMatchObject({ server_name: "gone.test", valid_until_ts: 86_400_000 })
      expect(isSignedBy(given!, "gone.test", keys.gone.publicKey)).toBe(true)
      expect(isSignedBy(given!, "notary.test", keys.notary.publicKey)).toBe(true)
    }),
  )

  it.effect("gives its own", () =>
    Effect.gen(function* () {
      const { query } = yield* three
      expect(yield* query("notary.test")).toMatchObject([{ server_name: "notary.test" }])
    }),
  )

  it.effect("gives nothing for a server that it has never reached", () =>
    Effect.gen(function* () {
      const { query } = yield* three
      expect(yield* query("nowhere.test")).toEqual([])
    }),
  )

  it.effect("keeps an answer for half of its life, or until it is not good long enough", () =>
    Effect.gen(function* () {
      const { query, fetches } = yield* three
      yield* query("gone.test")
      yield* TestClock.adjust("11 hours")
      yield* query("gone.test")
      expect(fetches()).toBe(1)
      yield* query("gone.test", 90_000_000)
      expect(fetches()).toBe(2)
      yield* TestClock.adjust("13 hours")
      yield* query("gone.test")
      expect(fetches()).toBe(3)
    }),
  )

  it.effect("goes on telling the keys of a server that is gone", () =>
    Effect.gen(function* () {
      const { wire, query } = yield* three
      const before = yield* query("gone.test")
      wire.handlers.delete("gone.test")
      yield* TestClock.adjust("3 days")
      expect(yield* query("gone.test")).toEqual(before)
    }),
  )

  it.effect("goes on telling them after a restart of its own", () =>
    Effect.gen(function* () {
      const wire = makeWire()
      const disk = new MemoryDisk()
      const asker = yield* startServer(wire, "asker.test", keys.asker)
      yield* startServer(wire, "notary.test", keys.notary, [], { disk })
      yield* startServer(wire, "gone.test", keys.gone)
      const ask = asker.client.call("notary.test", (api) =>
        api.keys.queryKeys({ params: { serverName: "gone.test" }, query: {} }),
      )
      const before = yield* ask
      wire.handlers.delete("gone.test")
      yield* startServer(wire, "notary.test", keys.notary, [], { disk })
      yield* TestClock.adjust("3 days")
      expect(yield* ask).toEqual(before)
    }),
  )

  it.effect("tells of no name that no server can have, and asks for none", () =>
    Effect.gen(function* () {
      const { wire, query } = yield* three
      expect(yield* query("no name/at all")).toEqual([])
      expect(wire.sent.filter(({ source }) => source === "notary.test")).toEqual([])
    }),
  )

  it.effect("answers badly asked questions with 400", () =>
    Effect.gen(function* () {
      const { wire } = yield* three
      const errorOf = Effect.fnUntraced(function* (method: string, target: string, json: string) {
        const body = new TextEncoder().encode(json)
        const addressed = { source: "asker.test", destination: "notary.test", headers: {} }
        const answer = yield* carry(wire)({ ...addressed, method, target, body })
        return matrixErrorFromAnswer(answer.status, answer.body)
      })
      const query = "/_matrix/key/v2/query"
      for (const [body, errcode] of [
        ["", "M_NOT_JSON"],
        ["[]", "M_BAD_JSON"],
        ["{}", "M_BAD_JSON"],
        ['{"server_keys":[]}', "M_BAD_JSON"],
        ['{"server_keys":{"a":7}}', "M_BAD_JSON"],
        ['{"server_keys":{"a":{"ed25519:a":{"minimum_valid_until_ts":"now"}}}}', "M_BAD_JSON"],
      ] as const) {
        expect(yield* errorOf("POST", query, body)).toMatchObject({ status: 400, errcode })
      }
      const late = yield* errorOf("GET", `${query}/gone.test?minimum_valid_until_ts=late`, "")
      expect(late).toMatchObject({ status: 400, errcode: "M_INVALID_PARAM" })
      const unsupported = yield* errorOf("PUT", "/_matrix/key/v2/server", "{}")
      expect(unsupported).toMatchObject({ status: 405, errcode: "M_UNRECOGNIZED" })
    }),
  )

  it.effect("answers for many at once, and on the path with a key id that v1.6 removed", () =>
    Effect.gen(function* () {
      const { asker } = yield* three
      const wanted = {
        "gone.test": { "ed25519:g": { minimum_valid_until_ts: 5 } },
        "notary.test": {},
        "nowhere.test": {},
      }
      const many = yield* asker.client.call("notary.test", (api) =>
        api.keys.queryManyKeys({ payload: { server_keys: wanted } }),
      )
      expect(many.server_keys.map((object) => object.server_name)).toEqual(["gone.test", "notary.test"])
      const none = yield* asker.client.call("notary.test", (api) =>
        api.keys.queryManyKeys({ payload: { server_keys: {} } }),
      )
      expect(none.server_keys).toEqual([])
      const params = { serverName: "gone.test", keyId: "ed25519:g" }
      const byId = yield* asker.client.call("notary.test", (api) =>
        api.keys.queryKeysById({ params, query: {} }),
      )
      expect(byId.server_keys.length).toBe(1)
    }),
  )
})
