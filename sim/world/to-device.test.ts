/** Messages between devices: each arrives once, in order, at whom it is for, whatever happens on the way. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { ToDevice } from "#spec-impl/federation/to-device/to-device.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { EventStore, StoreFailure } from "#spec-impl/store/event-store.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { alterReply, withBody } from "../network/rules.ts"
import { deviceActs } from "./device-acts.ts"
import { pushEdus } from "./testing/devices.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { bootServer } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"

/** Bob of s2 with two devices. */
const withDevices = <A, E>(story: (played: Played) => Effect.Effect<A, E>) =>
  play({ servers: 3 }, (played) =>
    Effect.gen(function* () {
      for (const deviceId of ["ONE", "TWO"]) yield* played.stage.user(bob).addDevice(deviceId)
      return yield* story(played)
    }),
  )
const bodies = ({ stage }: Played, deviceId: string, userId = bob) =>
  stage
    .user(userId)
    .inbox(deviceId)
    .map(({ content }) => content.n)
const edu = (messageId: string, more: JsonObject = {}) =>
  [
    "m.direct_to_device",
    {
      sender: alice,
      type: "x.test",
      message_id: messageId,
      messages: { [bob]: { ONE: { n: messageId } } },
      ...more,
    },
  ] as const

describe("messages", () => {
  it("reach devices here and elsewhere, one or all; those for nobody are gone", () =>
    withDevices((played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        yield* stage.user(alice).addDevice("MINE")
        yield* stage.user(alice).sendToDevice("x.test", {
          [bob]: { ONE: { n: 1 }, NONE: { n: 0 } },
          [alice]: { MINE: { n: 2 }, NONE: { n: 0 } },
          "@nobody:s2": { "*": { n: 0 } },
        })
        yield* stage.user(alice).sendToDevice("x.test", { [bob]: { "*": { n: 3 } } })
        yield* stage.quiet
        expect(stage.user(bob).inbox("ONE")).toEqual([
          { sender: alice, type: "x.test", content: { n: 1 } },
          { sender: alice, type: "x.test", content: { n: 3 } },
        ])
        expect(bodies(played, "TWO")).toEqual([3])
        expect(bodies(played, "MINE", alice)).toEqual([2])
        const toDevice = Context.get(servers.get("s2")!.services, ToDevice)
        yield* toDevice.acknowledge(bob, "ONE", toDevice.inbox(bob, "ONE").position - 1)
        expect(bodies(played, "ONE")).toEqual([3])
        yield* toDevice.acknowledge(bob, "ONE", toDevice.inbox(bob, "ONE").position)
        expect(bodies(played, "ONE")).toEqual([])
        yield* stage.user(bob).deleteDevice("TWO")
        yield* stage.user(bob).addDevice("TWO")
        expect(bodies(played, "TWO")).toEqual([])
      }),
    ))

  it("are objects, by user and device, of this server's users", () =>
    withDevices(({ stage, servers }) =>
      Effect.gen(function* () {
        for (const wrong of [{ [bob]: 7 }, { [bob]: { ONE: 7 } }, { nonsense: { ONE: {} } }] as const) {
          expect(yield* refusal(stage.user(alice).sendToDevice("x", wrong))).toContain("400 M_INVALID_PARAM")
        }
        const toDevice = Context.get(servers.get("s1")!.services, ToDevice)
        expect(yield* refusal(toDevice.send(bob, "x", {}))).toContain("403 M_FORBIDDEN")
      }),
    ))

  it("a hundred at a time are given to a client, in the order of arrival", () =>
    withDevices((played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        for (let n = 0; n < 130; n++)
          yield* stage.user(alice).sendToDevice("x.test", { [bob]: { ONE: { n } } })
        yield* stage.quiet
        const toDevice = Context.get(servers.get("s2")!.services, ToDevice)
        const first = toDevice.inbox(bob, "ONE")
        yield* toDevice.acknowledge(bob, "ONE", first.position)
        const all = [...first.messages, ...toDevice.inbox(bob, "ONE").messages]
        expect(first.messages).toHaveLength(100)
        expect(all.map(({ content }) => content.n)).toEqual(Array.from({ length: 130 }, (_, n) => n))
      }),
    ))

  it("wait for a server that is away, and come once although an answer is lost", () =>
    withDevices((played) =>
      Effect.gen(function* () {
        const { stage, network } = played
        yield* stage.partition(["s1"], ["s2", "s3"])
        for (let n = 0; n < 5; n++) yield* stage.user(alice).sendToDevice("x.test", { [bob]: { ONE: { n } } })
        yield* stage.wait(30_000)
        const lost = alterReply((response) => ({ ...withBody(response, new Uint8Array(0)), status: 502 }))
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* network.rule({ path: /\/send\// }, lost, { times: 3 })
            yield* stage.heal
            yield* stage.quiet
          }),
        )
        expect(bodies(played, "ONE")).toEqual([0, 1, 2, 3, 4])
      }),
    ))
})

describe("m.direct_to_device", () => {
  it("counts once by its server and id, in whatever transaction it comes", () =>
    withDevices((played) =>
      Effect.gen(function* () {
        yield* pushEdus(played, "s1", "s2", edu("a"), edu("a"))
        yield* pushEdus(played, "s1", "s2", edu("a"), edu("b"))
        yield* pushEdus(played, "s3", "s2", edu("a", { sender: "@carol:s3" }))
        expect(bodies(played, "ONE")).toEqual(["a", "b", "a"])
      }),
    ))

  it("is remembered for a thousand messages of its server", () =>
    withDevices((played) =>
      Effect.gen(function* () {
        const none = { messages: {} }
        yield* pushEdus(played, "s1", "s2", edu("first"))
        for (let round = 0; round < 10; round++) {
          const many = Array.from({ length: 100 }, (_, n) => edu(`${round} ${n}`, none))
          if (round === 9) yield* pushEdus(played, "s1", "s2", edu("first"))
          yield* pushEdus(played, "s1", "s2", ...many)
        }
        expect(bodies(played, "ONE")).toEqual(["first"])
        yield* pushEdus(played, "s1", "s2", edu("first"))
        expect(bodies(played, "ONE")).toEqual(["first", "first"])
      }),
    ))

  it("is believed of the sending server's own users, in its form; what is wrong in it harms nothing else", () =>
    withDevices((played) =>
      Effect.gen(function* () {
        yield* pushEdus(played, "s3", "s2", edu("a"))
        for (const wrong of [
          { sender: bob },
          { sender: 7 },
          { type: 7 },
          { message_id: 7 },
          { message_id: "x".repeat(33) },
          { messages: [] },
        ] as readonly JsonObject[]) {
          yield* pushEdus(played, "s1", "s2", edu("b", wrong))
        }
        expect(bodies(played, "ONE")).toEqual([])
        const mixed = { [bob]: { ONE: 7, TWO: { n: "good" } }, [alice]: 7, "@nobody:s2": { X: {} } }
        yield* pushEdus(played, "s1", "s2", edu("😀".repeat(32), { messages: mixed }))
        expect([bodies(played, "ONE"), bodies(played, "TWO")]).toEqual([[], ["good"]])
      }),
    ))

  it("that is not kept is not acknowledged, and comes again", () =>
    withDevices((played) =>
      Effect.gen(function* () {
        const { servers, stage } = played
        const services = servers.get("s2")!.services as unknown as Context.Context<EventStore>
        const store: { commit: EventStore["Service"]["commit"] } = Context.get(services, EventStore)
        const { commit } = store
        let refused = 0
        store.commit = (group) => {
          if (group.records === undefined || refused === 2) return commit(group)
          refused += 1
          return Effect.fail(new StoreFailure({ reason: "busy", detail: "try again" }))
        }
        yield* stage.user(alice).sendToDevice("x.test", { [bob]: { ONE: { n: 1 } } })
        yield* stage.wait(30_000)
        expect(refused).toBe(2)
        expect(bodies(played, "ONE")).toEqual([1])
      }),
    ))
})

describe("after a restart", () => {
  it("what waits and what has come are as before, and nothing comes twice", () =>
    play({ servers: 1 }, ({ kernel, network, stage }) =>
      Effect.gen(function* () {
        const signatures = synchronously(nativeSignatures("libsodium"))
        const disks = { a: new MemoryDisk(), b: new MemoryDisk() }
        const boot = (name: "a" | "b") =>
          bootServer(name, { kernel, network, signatures, settings: {}, disk: disks[name] })
        const to = (n: number) => ({ "@bob:b": { D: { n } } })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const sender = yield* boot("a")
            const a = deviceActs(sender, "@alice:a")
            const b = deviceActs(yield* boot("b"), "@bob:b")
            yield* b.addDevice("D")
            yield* a.sendToDevice("x.test", to(1))
            yield* stage.wait(2_000)
            const [direct, content] = edu("once", { sender: "@alice:a", messages: to(2) })
            yield* pushEdus({ servers: new Map([["a", sender]]) }, "a", "b", [direct, content])
            yield* network.partition([["a"], ["b"]])
            yield* a.sendToDevice("x.test", to(3))
            yield* a.sendToDevice("x.test", to(4))
          }),
        )
        const b = deviceActs(yield* boot("b"), "@bob:b")
        const got = () => b.inbox("D").map(({ content }) => content.n)
        expect(got()).toEqual([1, 2])
        const a = yield* boot("a")
        yield* deviceActs(a, "@alice:a").sendToDevice("x.test", to(5))
        yield* network.heal
        yield* stage.wait(60_000)
        expect(got()).toEqual([1, 2, 3, 4, 5])
        const [direct, content] = edu("once", { sender: "@alice:a", messages: to(2) })
        yield* pushEdus({ servers: new Map([["a", a]]) }, "a", "b", [direct, content])
        expect(got()).toEqual([1, 2, 3, 4, 5])
      }).pipe(Effect.scoped),
    ))
})

describe("what strangers can fill", () => {
  /** What a server keeps of messages to devices, by what it is. */
  const keptOn = ({ servers }: Played, collection: string) => {
    const services = servers.get("s2")!.services as unknown as Context.Context<EventStore>
    return Context.get(services, EventStore).records(`to-device-${collection}`)
  }

  it("an inbox has no more than five thousand messages: of the server that sent most the oldest go", () =>
    withDevices((played) =>
      Effect.gen(function* () {
        yield* pushEdus(played, "s3", "s2", edu("quiet", { sender: "@carol:s3" }))
        for (let at = 0; at < 5_000; at += 100) {
          const flood = Array.from({ length: 100 }, (_, nth) => edu(`${at + nth}`))
          yield* pushEdus(played, "s1", "s2", ...flood)
        }
        const kept = (yield* keptOn(played, "inbox")).map(([, value]) => value as JsonObject)
        expect(kept).toHaveLength(4_901)
        expect(bodies(played, "ONE").slice(0, 3)).toEqual(["quiet", "100", "101"])
      }),
    ))

  it("message ids of a thousand senders are remembered: who was heard of longest ago is forgotten", () =>
    withDevices((played) =>
      Effect.gen(function* () {
        const toDevice = Context.get(played.servers.get("s2")!.services, ToDevice)
        yield* pushEdus(played, "s3", "s2", edu("first", { sender: "@carol:s3" }))
        yield* pushEdus(played, "s1", "s2", edu("second"))
        for (let nth = 0; nth < 999; nth++) {
          yield* toDevice.send(bob, "x.test", {}, { deviceId: `D${nth}`, transactionId: "t" })
          if (nth === 500) yield* pushEdus(played, "s1", "s2", edu("third"))
        }
        const senders = new Set((yield* keptOn(played, "seen")).map(([key]) => JSON.parse(key)[0]))
        expect(senders.size).toBe(1_000)
        expect(["s1", "s3"].map((server) => senders.has(server))).toEqual([true, false])
      }),
    ))
})
