/**
 * Whatever servers send each other, in whatever order and however often, every server's rooms stay sound. Users act
 * at random, also against each other's bans; links are cut and healed, servers end and boot again. Then everything is
 * sent in another order: each event alone, while servers still catch up, and every request once more.
 */
import { Effect, Exit, Scope } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { redact } from "#spec-impl/core/redaction.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { roomVersion as roomVersionOf, roomVersions } from "#spec-impl/core/room-version.ts"
import { propertyRuns } from "#spec-impl/core/testing/property-runs.ts"
import type { WireRequest } from "#spec-impl/federation/wire.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { findInconsistencies } from "../checks/room-consistency.ts"
import type { Kernel } from "../kernel/kernel.ts"
import { alterRequest, reply } from "../network/rules.ts"
import { makeStage } from "./make-stage.ts"
import type { Stage } from "./stage.ts"
import { craftPdu } from "./testing/craft-event.ts"
import { madeJoin, sentJoin } from "./testing/handshake.ts"
import { type PlayOptions, play, refusal } from "./testing/play.ts"
import { bootServer, type VirtualServer } from "./world.ts"

const users = ["@alice:s1", "@bob:s2", "@carol:s3"] as const
const names = ["s1", "s2", "s3"] as const

const kinds = [
  ...["say", "topic", "ban", "unban", "kick", "leave", "join", "invite", "knock", "levels", "rule", "redact"],
  ...["cut", "heal", "wait", "reboot", "forge"],
] as const

/** One thing that happens: who does what to whom; a cut takes one server away. */
interface Deed {
  readonly kind: (typeof kinds)[number]
  readonly user: number
  readonly target: number
}

const deeds = fc.array(
  fc.record({ kind: fc.constantFrom(...kinds, "say", "join"), user: fc.nat(2), target: fc.nat(2) }),
  { minLength: 8, maxLength: 24 },
)

/** Three servers on disks of their own, of which each can end and boot anew. */
interface World {
  readonly kernel: Kernel
  readonly stage: Stage
  readonly servers: ReadonlyMap<string, VirtualServer>
  readonly send: (request: WireRequest) => Effect.Effect<unknown>
  readonly reboot: (name: string) => Effect.Effect<void, unknown>
}

const inWorld = (options: PlayOptions, story: (world: World) => Effect.Effect<void, unknown>) =>
  play({ ...options, servers: 0 }, ({ kernel, network }) =>
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const signatures = synchronously(nativeSignatures("libsodium"))
      const servers = new Map<string, VirtualServer>()
      const boots = new Map<string, Scope.Closeable>()
      const disks = new Map(names.map((name) => [name as string, new MemoryDisk()]))
      const boot = Effect.fnUntraced(function* (name: string) {
        const own = yield* Scope.fork(scope)
        const parts = {
          kernel,
          network,
          signatures,
          settings: options.settings ?? {},
          disk: disks.get(name)!,
        }
        servers.set(name, yield* bootServer(name, parts).pipe(Scope.provide(own)))
        boots.set(name, own)
      })
      for (const name of names) yield* boot(name)
      const stage = makeStage({
        kernel,
        roomVersion: options.roomVersion ?? "12",
        servers,
        network,
        omit: new Set(),
        tell: () => undefined,
        notes: new Map(),
        scope,
      })
      yield* story({
        kernel,
        stage,
        servers,
        send: (request) => Effect.ignore(network.send(request)),
        reboot: (name) => Effect.andThen(Scope.close(boots.get(name)!, Exit.void), boot(name)),
      })
    }).pipe(Effect.scoped),
  )

const perform = (
  world: World,
  roomId: string,
  { kind, user, target }: Deed,
  at: number,
): Effect.Effect<unknown, unknown> => {
  const { stage, reboot } = world
  const actor = stage.user(users[user]!)
  const other = users[target]!
  const via = names[target]!
  switch (kind) {
    case "say":
      return actor.say(roomId, `deed ${at}`)
    case "topic":
      return actor.setState(roomId, "m.room.topic", { topic: `deed ${at}` })
    case "ban":
      return actor.ban(roomId, other)
    case "unban":
    case "kick":
      return actor.kick(roomId, other)
    case "leave":
      return actor.leave(roomId)
    case "join":
      return actor.join(roomId, via)
    case "invite":
      return actor.invite(roomId, other)
    case "knock":
      return actor.knock(roomId, via)
    case "levels":
      return actor.setState(roomId, "m.room.power_levels", {
        users: { [users[1]]: 100, [other]: 100 },
        ban: at,
      })
    case "rule":
      return actor.setState(roomId, "m.room.join_rules", {
        join_rule: ["public", "invite", "knock"][at % 3]!,
      })
    case "redact": {
      const held = [...(world.servers.get(names[user]!)!.rooms.find(roomId)?.dag.records() ?? [])]
      const ids = held.map(({ event }) => event.eventId).sort()
      return actor.redact(roomId, ids[(at * 7) % Math.max(ids.length, 1)] ?? "$none")
    }
    case "cut":
      return stage.partition(
        [names[user]!],
        names.filter((name) => name !== names[user]),
      )
    case "heal":
      return stage.heal
    case "wait":
      return stage.wait(3_000)
    case "reboot":
      return reboot(names[user]!)
    case "forge":
      return forge(world, roomId, users[user]!, via, at)
    default:
      return Effect.void
  }
}

/** A server tells another that its user has set the topic, whether it may or not, and keeps nothing of it. */
const forge = Effect.fnUntraced(function* (
  { servers }: World,
  roomId: string,
  sender: string,
  to: string,
  at: number,
) {
  const server = domainOf(sender)!
  const { client, rooms } = servers.get(server)!
  if (rooms.find(roomId) === undefined) return
  const draft = { type: "m.room.topic", sender, stateKey: "", content: { topic: `forged ${at}` } }
  const payload = { pdus: [yield* craftPdu({ servers }, server, roomId, draft)] }
  yield* client.call(to, (api) =>
    api.transactions.send({ params: { transactionId: `forged ${at}` }, payload }),
  )
})

/** What was said, in an order of the numbers' own. */
const shuffled = <A>(items: readonly A[], numbers: readonly number[]): readonly A[] =>
  items
    .map((item, at) => ({ item, at, number: numbers[at % numbers.length]! }))
    .sort((a, b) => a.number - b.number || b.at - a.at)
    .map(({ item }) => item)

/** Each server sends each event of its users once more to all others, alone, in that order. */
const sendEach = Effect.fnUntraced(function* (
  { servers }: World,
  roomId: string,
  numbers: readonly number[],
) {
  const events = new Map(
    [...servers.values()].flatMap(({ rooms }) =>
      [...(rooms.find(roomId)?.dag.records() ?? [])].map(({ event }) => [event.eventId, event] as const),
    ),
  )
  const sorted = [...events.values()].sort((one, other) => (one.eventId < other.eventId ? -1 : 1))
  for (const { eventId, sender, pdu } of shuffled(sorted, numbers)) {
    const origin = domainOf(sender)!
    for (const name of names.filter((one) => one !== origin)) {
      const payload = { origin, origin_server_ts: 1, pdus: [pdu] }
      yield* servers
        .get(origin)!
        .client.call(name, (api) =>
          api.transactions.send({ params: { transactionId: `again ${eventId}` }, payload }),
        )
        .pipe(Effect.ignore)
    }
  }
})

/** All that a server holds of a room, as plain data. */
const viewOf = (dag: RoomDag) => ({
  tips: dag.forwardExtremities(),
  state: dag.currentState().digest,
  records: [...dag.records()]
    .map((record) => [
      record.event.eventId,
      record.place,
      record.verdict,
      ...(record.place === "timeline" ? [record.stateBefore.digest, record.stateAfter.digest] : []),
    ])
    .sort(([one], [other]) => (one! < other! ? -1 : 1)),
})

/** Looks each server's room through, and once more after a restart, by which nothing may change. */
const expectSound = Effect.fnUntraced(function* ({ servers, reboot }: World, roomId: string) {
  for (const name of names) {
    const dag = servers.get(name)!.rooms.find(roomId)?.dag
    if (dag === undefined) continue
    expect([name, findInconsistencies(dag)]).toEqual([name, []])
    const before = viewOf(dag)
    yield* reboot(name)
    const again = servers.get(name)!.rooms.find(roomId)!.dag
    expect([name, viewOf(again)]).toEqual([name, before])
    expect([name, findInconsistencies(again)]).toEqual([name, []])
  }
})

/** A room for all, what they do in it, and then everything once more in another order. */
const tellAll = (
  world: World,
  roomVersion: string,
  plan: readonly Deed[],
  order: readonly number[],
): Effect.Effect<string, unknown> =>
  Effect.gen(function* () {
    const { stage } = world
    const sent: WireRequest[] = []
    const powerLevels = {
      users: { ...(roomVersion === "12" ? {} : { [users[0]]: 100 }), [users[1]]: 100 },
    }
    const roomId = yield* stage.user(users[0]).createRoom({ powerLevels })
    yield* stage.user(users[1]).join(roomId, "s1")
    yield* stage.user(users[2]).join(roomId, "s1")
    yield* stage.quiet
    const noted = alterRequest((request) => {
      sent.push(request)
      return request
    })
    yield* stage.rule("listen", { path: /\/(?:send|invite)/ }, noted)
    for (const [at, deed] of plan.entries()) yield* Effect.ignore(perform(world, roomId, deed, at))
    const handshakes = sent.length
    yield* stage.heal
    yield* sendEach(world, roomId, order)
    yield* stage.quiet
    for (const request of shuffled(sent.slice(0, handshakes), order)) yield* world.send(request)
    yield* stage.quiet
    yield* expectSound(world, roomId)
    return roomId
  })

describe("any requests, in any order, any number of times", () => {
  const numbers = fc.array(fc.nat(100), { minLength: 5, maxLength: 20 })
  for (const { id: roomVersion } of roomVersions) {
    it(`room ${roomVersion}: leave every server's room sound, and a restart leaves it as it was`, async () => {
      await fc.assert(
        fc.asyncProperty(deeds, numbers, fc.nat(1_000), async (plan, order, seed) => {
          await inWorld({ roomVersion, seed }, (world) =>
            Effect.asVoid(tellAll(world, roomVersion, plan, order)),
          )
        }),
        { ...propertyRuns(6, 17), endOnFailure: true },
      )
    })
  }

  for (const roomVersion of ["3", "10", "12"]) {
    it(`room ${roomVersion}: nobody can tell which messages are out of memory`, async () => {
      const told = async (plan: readonly Deed[], order: readonly number[], seed: number, held: number) => {
        const outcome: unknown[] = []
        let evicted = 0
        await inWorld({ roomVersion, seed, settings: { heldMessagesMax: held } }, (world) =>
          Effect.gen(function* () {
            const roomId = yield* tellAll(world, roomVersion, plan, order)
            for (const [name, { rooms }] of world.servers) {
              const { dag, timeline } = rooms.find(roomId)!
              evicted += dag.held.evicted.size
              const places = [...timeline].map(({ position, record }) => [position, record.event.eventId])
              outcome.push([name, viewOf(dag), places])
            }
            outcome.push(world.kernel.trace.hash())
          }),
        )
        return { outcome, evicted }
      }
      let evicted = 0
      await fc.assert(
        fc.asyncProperty(deeds, numbers, fc.nat(1_000), fc.nat(3), async (plan, order, seed, held) => {
          const limited = await told(plan, order, seed, held)
          const { outcome } = await told(plan, order, seed, Number.POSITIVE_INFINITY)
          expect(limited.outcome).toEqual(outcome)
          evicted += limited.evicted
        }),
        { ...propertyRuns(6, 17), endOnFailure: true },
      )
      expect(evicted).toBeGreaterThan(0)
    })
  }
})

it("an invite is held with both servers' signatures, before a restart as after it", () =>
  inWorld({}, (world) =>
    Effect.gen(function* () {
      const roomId = yield* world.stage.user(users[0]).createRoom()
      yield* world.stage.user(users[0]).invite(roomId, users[1])
      yield* expectSound(world, roomId)
    }),
  ))

describe("copies of one event, and two events of one id", () => {
  /** Alice's room with Bob, who has a say. */
  const withBob = (
    roomVersion: string,
    story: (world: World, roomId: string) => Effect.Effect<unknown, unknown>,
  ) =>
    inWorld({ roomVersion }, (world) =>
      Effect.gen(function* () {
        const isCreatorNamed = !roomVersionOf(roomVersion)!.auth.privilegedCreators
        const users = { "@bob:s2": 50, ...(isCreatorNamed ? { "@alice:s1": 100 } : {}) }
        const roomId = yield* world.stage.user("@alice:s1").createRoom({ powerLevels: { users } })
        yield* world.stage.user("@bob:s2").join(roomId, "s1")
        yield* world.stage.quiet
        yield* story(world, roomId)
        yield* world.stage.user("@alice:s1").setState(roomId, "m.room.join_rules", { join_rule: "public" })
        yield* world.stage.user("@alice:s1").say(roomId, "and on it goes")
        yield* world.stage.quiet
        yield* expectSound(world, roomId)
        yield* world.stage.user("@alice:s1").say(roomId, "and on")
        yield* expectSound(world, roomId)
      }),
    )
  const bobs = (type: string, content: JsonObject) => ({ type, sender: "@bob:s2", stateKey: "", content })
  const signedByMore = (pdu: JsonObject): JsonObject => ({
    ...pdu,
    signatures: { ...(pdu.signatures as JsonObject), s9: { "ed25519:1": "A".repeat(86) } },
  })
  let pushes = 0
  const push = ({ servers }: World, pdu: JsonObject) =>
    servers
      .get("s2")!
      .client.call("s1", (api) =>
        api.transactions.send({ params: { transactionId: `push ${++pushes}` }, payload: { pdus: [pdu] } }),
      )
  /** Has s1 hold `pdu` for the sake of an event that cites it, as Bob's server gives it: `more` beside it. */
  const heldForAnother = Effect.fnUntraced(function* (
    world: World,
    roomId: string,
    pdu: JsonObject,
    ...more: readonly JsonObject[]
  ) {
    const { version, dag } = world.servers.get("s1")!.rooms.find(roomId)!
    const eventId = eventIdOf(pdu, version)!
    const citations = [pdu, ...more]
      .map((cited) => eventIdOf(cited, version)!)
      .map((cited) => (version.eventReferences === "ids" ? cited : [cited, { sha256: "" }]))
    const citing = yield* craftPdu(world, "s2", roomId, bobs("m.room.avatar", {}), (completed) => ({
      ...completed,
      auth_events: [...(completed.auth_events as JsonObject[]), ...citations],
    }))
    const [name] = eventIdOf(citing, version)!.slice(1).split(":")
    const path = new RegExp(`event_auth.*${name}`)
    yield* world.stage.rule(`given for ${name}`, { path }, reply(200, { auth_chain: [pdu, ...more] }))
    yield* push(world, citing)
    expect(dag.record(eventId)?.place).toBe("outlier")
    return eventId
  })
  const dagOf = ({ servers }: World, roomId: string) => servers.get("s1")!.rooms.find(roomId)!.dag

  for (const roomVersion of ["1", "8", "12"]) {
    it(`room ${roomVersion}: a join that was refused comes again, signed by more, when it is allowed`, () =>
      withBob(roomVersion, (world, roomId) =>
        Effect.gen(function* () {
          const alice = world.stage.user("@alice:s1")
          const join = yield* madeJoin(world, roomId, "@carol:s3", "s1")
          const sent = (pdu: JsonObject) =>
            sentJoin(world, { ...join, pdu }, { roomId, from: "s3", via: "s1" })
          yield* alice.ban(roomId, "@carol:s3")
          expect(yield* refusal(sent(join.pdu))).toContain("403 M_FORBIDDEN")
          yield* alice.setState(roomId, "m.room.topic", { topic: "meanwhile" })
          yield* alice.kick(roomId, "@carol:s3")
          expect(yield* refusal(sent(join.pdu).pipe(Effect.andThen(Effect.fail("taken"))))).toBe("taken")
          yield* sent(signedByMore(join.pdu))
          expect(dagOf(world, roomId).timeline(join.eventId)?.verdict).toBe("accepted")
        }),
      ))

    it(`room ${roomVersion}: what was held redacted is whole once it comes whole`, () =>
      withBob(roomVersion, (world, roomId) =>
        Effect.gen(function* () {
          const pdu = yield* craftPdu(world, "s2", roomId, bobs("m.room.topic", { topic: "tea" }))
          yield* heldForAnother(world, roomId, redact(pdu, roomVersionOf(roomVersion)!))
          yield* expectSound(world, roomId)
          yield* push(world, pdu)
          expect(world.stage.stateOf("s1", roomId, "m.room.topic")?.content).toEqual({ topic: "tea" })
        }),
      ))
  }

  it("what an accepted event rests on is in the room after a restart, though it was rejected since", () =>
    withBob("11", (world, roomId) =>
      Effect.gen(function* () {
        const alice = world.stage.user("@alice:s1")
        const { version, dag } = world.servers.get("s1")!.rooms.find(roomId)!
        const idIn = (type: string, key = "") => dag.eventIn(dag.currentState(), type, key)!.eventId
        const [create, bob] = [idIn("m.room.create"), idIn("m.room.member", "@bob:s2")]
        const levels = dag.eventIn(dag.currentState(), "m.room.power_levels", "")!
        const crafted = Effect.fnUntraced(function* (type: string, content: JsonObject, powerLevels: string) {
          const pdu = yield* craftPdu(world, "s2", roomId, bobs(type, content), (completed) => ({
            ...completed,
            auth_events: [create, powerLevels, bob],
          }))
          return [pdu, eventIdOf(pdu, version)!] as const
        })
        yield* alice.setState(roomId, "m.room.power_levels", {
          ...levels.content,
          users: { "@alice:s1": 100 },
        })
        yield* world.stage.quiet
        const [first, firstId] = yield* crafted("m.room.power_levels", levels.content, levels.eventId)
        const [second, secondId] = yield* crafted("m.room.power_levels", levels.content, firstId)
        const [third, thirdId] = yield* crafted("m.room.topic", { topic: "tea" }, secondId)
        yield* world.stage.rule("given", { path: /event_auth/ }, reply(200, { auth_chain: [first, second] }))
        for (const pdu of [third, first, second]) yield* push(world, pdu)
        expect(
          [firstId, secondId, thirdId].map((eventId) => dag.timeline(eventId)?.objection?.check),
        ).toEqual([5, 5, 5])
        yield* expectSound(world, roomId)
      }),
    ))

  it("an outlier held redacted is whole once another answer has it whole", () =>
    withBob("11", (world, roomId) =>
      Effect.gen(function* () {
        const [pdu, other] = [
          yield* craftPdu(world, "s2", roomId, bobs("m.room.topic", { topic: "tea" })),
          yield* craftPdu(world, "s2", roomId, bobs("m.room.name", { name: "n" })),
        ]
        const eventId = yield* heldForAnother(world, roomId, redact(pdu, roomVersionOf("11")!))
        const { index } = dagOf(world, roomId).record(eventId)!
        yield* heldForAnother(world, roomId, pdu, other)
        const event = { content: { topic: "tea" } }
        expect(dagOf(world, roomId).record(eventId)).toMatchObject({ place: "outlier", index, event })
      }),
    ))

  it("room 1: a refused join leaves its id to another event", () =>
    withBob("1", (world, roomId) =>
      Effect.gen(function* () {
        const alice = world.stage.user("@alice:s1")
        const join = yield* madeJoin(world, roomId, "@dora:s2", "s1")
        yield* alice.ban(roomId, "@dora:s2")
        expect(yield* refusal(sentJoin(world, join, { roomId, from: "s2", via: "s1" }))).toContain("403")
        yield* world.stage.quiet
        const named = yield* craftPdu(world, "s2", roomId, bobs("m.room.name", { name: "n" }), (pdu) => ({
          ...pdu,
          event_id: join.eventId,
        }))
        yield* push(world, named)
        expect(world.stage.stateOf("s1", roomId, "m.room.name")?.eventId).toBe(join.eventId)
      }),
    ))

  it("room 1: what is held under an id stays, also as an outlier; another event of that id is refused", () =>
    withBob("1", (world, roomId) =>
      Effect.gen(function* () {
        const pdu = yield* craftPdu(world, "s2", roomId, bobs("m.room.topic", { topic: "tea" }))
        const eventId = yield* heldForAnother(world, roomId, pdu)
        const other = yield* craftPdu(world, "s2", roomId, bobs("m.room.name", { name: "n" }), (made) => ({
          ...made,
          event_id: eventId,
          auth_events: [],
        }))
        expect(yield* push(world, other)).toEqual({
          pdus: { [eventId]: { error: "another event has this id" } },
        })
        const [sender, content] = ["@dora:s2", { membership: "join" }]
        const join = yield* craftPdu(
          world,
          "s2",
          roomId,
          { type: "m.room.member", sender, stateKey: sender, content },
          (made) => ({ ...made, event_id: eventId }),
        )
        const sent = sentJoin(world, { pdu: join, eventId }, { roomId, from: "s2", via: "s1" })
        expect(yield* refusal(sent)).toContain("400 M_INVALID_PARAM: another event has this id")
        yield* push(world, pdu)
        expect(world.stage.stateOf("s1", roomId, "m.room.topic")?.eventId).toBe(eventId)
      }),
    ))
})
