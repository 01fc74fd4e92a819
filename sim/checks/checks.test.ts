/** Each checker is silent about an honest run, and trips where one thing in what it looks at is made wrong. */
import { Context, Effect } from "effect"
import { describe, expect, test } from "vitest"
import { LocalDevices } from "#spec-impl/federation/devices/local-devices.ts"
import { ToDevice } from "#spec-impl/federation/to-device/to-device.ts"
import type { Plan } from "../explore/plan.ts"
import { runPlan } from "../explore/run-plan.ts"
import { borders } from "./borders.ts"
import type { Check, CheckedWorld } from "./check.ts"
import { checks } from "./checks.ts"
import { deviceLists } from "./device-lists.ts"
import { durability } from "./durability.ts"
import { eventGraph } from "./event-graph.ts"
import { messagesArrive } from "./messages-arrive.ts"
import { onceOnly } from "./once-only.ts"
import { shownEvents } from "./shown-events.ts"

const plan: Plan = {
  seed: 1,
  servers: [{ name: "s1" }, { name: "s2" }],
  users: ["@alice:s1", "@bob:s2"],
  core: [],
  faultsMs: 30_000,
  entries: [
    { id: "make", atMs: 0, do: { act: "create", user: "@alice:s1", room: "r", version: "11" } },
    { id: "bob", atMs: 1_000, do: { act: "join", user: "@bob:s2", room: "r", via: ["s1"] } },
    { id: "phone", atMs: 2_000, do: { act: "add-device", user: "@bob:s2", device: "PHONE", keys: 1 } },
    {
      id: "home",
      atMs: 2_000,
      do: { act: "create", user: "@alice:s1", room: "home", version: "11", federate: false },
    },
    { id: "hi", atMs: 3_000, do: { act: "message", user: "@alice:s1", room: "r" } },
    {
      id: "greet",
      atMs: 4_000,
      do: { act: "send-to-device", user: "@alice:s1", target: "@bob:s2", targetDevice: "PHONE" },
    },
    {
      id: "claim",
      atMs: 5_000,
      do: { act: "claim-keys", user: "@alice:s1", target: "@bob:s2", targetDevice: "PHONE" },
    },
  ],
}

/** What a checker says at the end of that run, once something in the world was made wrong. */
const told = async (
  check: Check,
  spoil: (world: CheckedWorld) => CheckedWorld,
): Promise<readonly string[]> => {
  let problems: readonly string[] = ["it was not asked"]
  const { failures } = await runPlan(plan, {
    transport: "direct",
    onEnd: (world) => {
      problems = check.watch(spoil(world)).atEnd?.() ?? []
    },
  })
  expect(failures).toEqual([])
  return problems
}

const roomOf = ({ servers }: CheckedWorld, server: string) =>
  servers
    .get(server)!
    .rooms.all()
    .find(({ dag }) => dag.create()?.content["m.federate"] !== false)!

/** The world, with one server otherwise. */
const withServer = (world: CheckedWorld, name: string, otherwise: object): CheckedWorld => ({
  ...world,
  servers: new Map([...world.servers, [name, { ...world.servers.get(name)!, ...otherwise }]]),
})

describe("each checker", () => {
  test.each(checks.map((check) => [check.name, check] as const))(
    "%s is silent about an honest run",
    async (_, check) => {
      expect(await told(check, (world) => world)).toEqual([])
    },
  )

  test("durability trips on an event that was acknowledged and is gone", async () => {
    const problems = await told(durability, (world) => {
      const { roomId } = roomOf(world, "s1")
      return { ...world, acknowledged: [...world.acknowledged, { server: "s1", roomId, eventId: "$gone" }] }
    })
    expect(problems).toEqual(["s1 has acknowledged $gone, and does not hold it"])
  })

  test("once-only trips on a key that was given twice, and on a message that came twice", async () => {
    expect(
      await told(onceOnly, (world) => ({ ...world, claimed: [...world.claimed, ...world.claimed] })),
    ).toEqual(["the one-time key @bob:s2 PHONE curve25519:phone.0 was given twice"])
    const { onRecord, atEnd } = onceOnly.watch({
      ...{ servers: new Map(), honest: [], users: [], rolledBack: new Set<string>() },
      claimed: ["@bob:s2 PHONE curve25519:a", "@bob:s2 PHONE curve25519:a"],
    } as unknown as CheckedWorld)
    expect(atEnd?.()).toHaveLength(1)
    const target = "/_matrix/federation/v1/user/keys/claim"
    onRecord?.({ step: 1, virtualMs: 1, kind: "request", fields: ["7", "s1", "s2", "POST", target] })
    onRecord?.({ step: 2, virtualMs: 2, kind: "altered-answer", fields: ["7"] })
    expect(atEnd?.()).toEqual([])
    const twice = await told(onceOnly, (world) => {
      const { services } = world.servers.get("s2")!
      const toDevice = Context.get(services, ToDevice)
      const { messages, position } = toDevice.inbox("@bob:s2", "PHONE")
      const inbox = () => ({ messages: [...messages, ...messages], position })
      return withServer(world, "s2", { services: Context.add(services, ToDevice, { ...toDevice, inbox }) })
    })
    expect(twice).toEqual(['the message @alice:s1 {"from":"greet"} came twice to @bob:s2, PHONE'])
  })

  test("device-lists trips on a device that only its own server knows", async () => {
    const problems = await told(deviceLists, (world) => {
      const devices = Context.get(world.servers.get("s2")!.services, LocalDevices)
      Effect.runSync(Effect.ignore(devices.rename("@bob:s2", "PHONE", "renamed in secret")))
      return world
    })
    expect(problems).toEqual([
      "s1 holds of @bob:s2 the devices PHONE (), and there are PHONE (renamed in secret)",
    ])
  })

  test("shown-events trips on an event that is shown though it was not accepted", async () => {
    const problems = await told(shownEvents, (world) => {
      const room = roomOf(world, "s2")
      const entry = room.timeline.at(-1)!
      const rooms = {
        ...world.servers.get("s2")!.rooms,
        all: () => [{ ...room, dag: { timeline: () => undefined }, timeline: [entry] }],
      }
      return withServer(world, "s2", { rooms })
    })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain("and was not accepted")
  })

  test("messages-arrive trips on a message that never came, unless its device was logged out", async () => {
    const lost = { sender: "@alice:s1", target: "@bob:s2", devices: ["PHONE"], from: "never" }
    const withLost = (world: CheckedWorld): CheckedWorld => ({
      ...world,
      sentToDevices: [...world.sentToDevices, lost],
    })
    expect(await told(messagesArrive, (world) => world)).toEqual([])
    expect(await told(messagesArrive, withLost)).toEqual([
      "the message never of @alice:s1 has not come to @bob:s2, PHONE",
    ])
    const loggedOut = new Set(["@bob:s2 PHONE"])
    expect(await told(messagesArrive, (world) => ({ ...withLost(world), loggedOut }))).toEqual([])
  })

  test("event-graph trips on a forward extremity that is none", async () => {
    const problems = await told(eventGraph, (world) => {
      const room = roomOf(world, "s1")
      const create = room.dag.create()!.eventId
      const dag = new Proxy(room.dag, {
        get: (target, key) => {
          if (key === "forwardExtremities") return () => [...target.forwardExtremities(), create]
          const value = Reflect.get(target, key, target)
          return typeof value === "function" ? value.bind(target) : value
        },
      })
      const rooms = { ...world.servers.get("s1")!.rooms, all: () => [{ ...room, dag }] }
      return withServer(world, "s1", { rooms })
    })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain("is an extremity, and should not be")
  })

  test("borders trips on a stranger's event in a room that stays at home, and on a denied request that is granted", async () => {
    const problems = await told(borders, (world) => {
      const room = roomOf(world, "s1")
      const home = world.servers
        .get("s1")!
        .rooms.all()
        .find((other) => other !== room)!
      const dag = { create: () => home.dag.create(), records: () => room.dag.records() }
      const rooms = { ...world.servers.get("s1")!.rooms, all: () => [{ ...home, dag }] }
      return withServer(world, "s1", { rooms })
    })
    expect(problems.length).toBeGreaterThan(0)
    expect(problems[0]).toContain("which is not federated")

    const { acl, granted } = await grantDenied()
    expect(acl).toBe("done")
    expect(granted).toEqual(["s1 granted s2 a request about the room, whose ACL denies that server"])
  })
})

/** The trace of a request that an ACL denies, with the answer of one that it does not. */
const grantDenied = async () => {
  let granted: readonly string[] = []
  const acl = {
    id: "acl",
    atMs: 8_000,
    do: { act: "set-acl", user: "@alice:s1", room: "r", deny: ["s2"] },
  } as const
  const { outcomes } = await runPlan(
    { ...plan, entries: [...plan.entries, acl] },
    {
      transport: "direct",
      onEnd: (world) => {
        const { roomId } = roomOf(world, "s1")
        const { onRecord } = borders.watch(world)
        const say = (kind: string, ...fields: readonly string[]) =>
          onRecord?.({ step: 1, virtualMs: 1, kind, fields }) ?? []
        const target = `/_matrix/federation/v1/backfill/${encodeURIComponent(roomId)}?limit=1`
        granted = [
          ...say("request", "1", "s2", "s1", "GET", target),
          ...say("delivered", "1"),
          ...say("answer", "1", "200"),
          ...say("request", "2", "s2", "s1", "GET", target),
          ...say("delivered", "2"),
          ...say("answer", "2", "403"),
        ].map((problem) => problem.replace(roomId, "the room"))
      },
    },
  )
  return { acl: outcomes.get("acl"), granted }
}
