/** What the resolver keeps, for how long, and when it asks again. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { Dns, NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import { keyFromByte, layerIdentity } from "../federation/testing/servers.ts"
import { WireError, type WireResponse } from "../federation/wire.ts"
import { Chance } from "../homeserver/chance.ts"
import { SecureTransport } from "./secure-transport.ts"
import { ServerResolver } from "./server-resolver.ts"

const hourMs = 3_600_000

/** A network on which every name has an address, and every web server gives what `wellKnown` says. */
const surroundings = () => {
  const fetched: string[] = []
  const looked: string[] = []
  const state = {
    fetched,
    looked,
    wellKnown: "down" as WireResponse | "down" | "hanging",
    isNameServerDown: false,
  }
  const dns = Dns.make({
    lookup: (host) =>
      Effect.suspend(() => {
        looked.push(host)
        return state.isNameServerDown
          ? Effect.fail(new Dns.DnsError({ reason: "ServerFailure", method: "lookup", hostname: host }))
          : Effect.succeed([NetAddress.ipFromStringUnsafe("10.0.0.1")])
      }),
    resolve: () => Effect.succeed([]),
  })
  const exchange: SecureTransport["Service"]["exchange"] = ({ host }) =>
    Effect.suspend(() => {
      fetched.push(host)
      if (state.wellKnown === "hanging") return Effect.never
      return state.wellKnown === "down"
        ? Effect.fail(new WireError({ reason: "refused" }))
        : Effect.succeed(state.wellKnown)
    })
  const layer = ServerResolver.layer.pipe(
    Layer.provide([
      Layer.succeed(Dns.Dns, dns),
      Layer.succeed(SecureTransport, { exchange }),
      Chance.layerRandom,
      layerIdentity("one.test", keyFromByte("ed25519:a", 1)),
    ]),
  )
  return Effect.map(Layer.build(layer), (context) => ({
    ...Context.get(context, ServerResolver),
    state,
  }))
}

const delegating = (to: string, headers: WireResponse["headers"] = {}): WireResponse => ({
  status: 200,
  headers,
  body: new TextEncoder().encode(JSON.stringify({ "m.server": to })),
})
const notThere: WireResponse = { status: 404, headers: {}, body: new Uint8Array(0) }

describe("a well-known file", () => {
  it.effect("is fetched once for all who want it, and serves as long as it says", () =>
    Effect.gen(function* () {
      const { resolve, state } = yield* surroundings()
      state.wellKnown = delegating("dh:1", { "cache-control": "max-age=600" })
      const routes = yield* Effect.all(
        Array.from({ length: 5 }, () => resolve("two.test")),
        { concurrency: "unbounded" },
      )
      expect(new Set(routes.map(({ host }) => host))).toEqual(new Set(["dh:1"]))
      yield* TestClock.adjust(599_000)
      yield* resolve("two.test")
      expect(state.fetched).toEqual(["two.test"])
      state.wellKnown = delegating("dh:2")
      yield* TestClock.adjust(2_000)
      expect((yield* resolve("two.test")).host).toBe("dh:2")
      yield* TestClock.adjust(24 * hourMs - 1_000)
      yield* resolve("two.test")
      expect(state.fetched.length).toBe(2)
      yield* TestClock.adjust(2_000)
      yield* resolve("two.test")
      expect(state.fetched.length).toBe(3)
    }),
  )

  it.effect("that is not to be stored is fetched for each who comes, but once for those of one time", () =>
    Effect.gen(function* () {
      const { resolve, state } = yield* surroundings()
      state.wellKnown = delegating("dh:1", { "cache-control": "no-store" })
      yield* Effect.all([resolve("two.test"), resolve("two.test")], { concurrency: 2 })
      expect(state.fetched.length).toBe(1)
      yield* resolve("two.test")
      expect(state.fetched.length).toBe(2)
    }),
  )

  it.effect("is forgotten when it was asked for long ago and there are too many", () =>
    Effect.gen(function* () {
      const { resolve, state } = yield* surroundings()
      state.wellKnown = delegating("10.0.0.1")
      for (let host = 0; host <= 10_000; host++) yield* resolve(`host${host}.test`)
      expect(state.fetched.length).toBe(10_001)
      yield* resolve("host1.test")
      expect(state.fetched.length).toBe(10_001)
      yield* resolve("host0.test")
      expect(state.fetched.length).toBe(10_002)
    }),
  )

  it.effect(
    "that is an error is asked for again after a minute, two, four, and never more than an hour",
    () =>
      Effect.gen(function* () {
        const { resolve, state } = yield* surroundings()
        state.wellKnown = notThere
        const fetchedAtMinutes: number[] = []
        for (let minute = 0; minute <= 250; minute++) {
          const before = state.fetched.length
          expect((yield* resolve("two.test")).step).toBe("6")
          if (state.fetched.length > before) fetchedAtMinutes.push(minute)
          yield* TestClock.adjust("1 minute")
        }
        expect(fetchedAtMinutes).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243])
      }),
  )

  it.effect(
    "that was valid is believed while its server is silent, for two days; and not once it is gone",
    () =>
      Effect.gen(function* () {
        const { resolve, state } = yield* surroundings()
        state.wellKnown = delegating("dh:1", { "cache-control": "max-age=60" })
        expect((yield* resolve("two.test")).step).toBe("3.2")
        for (const silent of ["down", { ...notThere, status: 502 }] as const) {
          state.wellKnown = silent
          yield* TestClock.adjust(3 * hourMs)
          expect((yield* resolve("two.test")).step).toBe("3.2")
        }
        yield* TestClock.adjust(42 * hourMs)
        expect((yield* resolve("two.test")).step).toBe("6")

        state.wellKnown = delegating("dh:1", { "cache-control": "max-age=60" })
        yield* TestClock.adjust(hourMs)
        expect((yield* resolve("two.test")).step).toBe("3.2")
        state.wellKnown = notThere
        yield* TestClock.adjust(hourMs)
        expect((yield* resolve("two.test")).step).toBe("6")
      }),
  )

  it.effect("that takes too long is waited for no longer, also by who comes after the first gave up", () =>
    Effect.gen(function* () {
      const { resolve, state } = yield* surroundings()
      state.wellKnown = "hanging"
      const first = yield* Effect.forkChild(resolve("two.test"))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(first)
      const second = yield* Effect.forkChild(resolve("two.test"))
      yield* TestClock.adjust("10 seconds")
      expect((yield* Fiber.join(second)).step).toBe("6")
      expect(state.fetched.length).toBe(1)
    }),
  )
})

describe("addresses", () => {
  it.effect("are kept for a minute, or until they are forgotten; failures are not kept", () =>
    Effect.gen(function* () {
      const { resolve, forget, state } = yield* surroundings()
      state.isNameServerDown = true
      expect(yield* Effect.flip(resolve("two.test:1"))).toMatchObject({ reason: "server-failure" })
      state.isNameServerDown = false
      yield* resolve("two.test:1")
      yield* TestClock.adjust(59_000)
      yield* resolve("two.test:1")
      expect(state.looked.length).toBe(2)
      yield* forget("two.test:1")
      yield* resolve("two.test:1")
      expect(state.looked.length).toBe(3)
      yield* TestClock.adjust(60_000)
      yield* resolve("two.test:1")
      expect(state.looked.length).toBe(4)
    }),
  )
})
