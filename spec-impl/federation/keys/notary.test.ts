/** A notary tells other servers' keys as they gave them, signed by itself as well, and remembers those that are gone. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { JsonObject } from "../../core/json/value.ts"
import { jsonSignatureChecks } from "../../core/signing.ts"
import { keyFromByte, makeWire, nodeSignatures, startServer } from "../testing/servers.ts"

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
    nodeSignatures.verify(publicKey, message, signature),
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
