/** Joins with partial state (MSC3706, MSC3902): what is left out, what works meanwhile, and that it ends as if whole. */
import { Clock, Effect, Fiber } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { authChain } from "#spec-impl/core/room-dag/walks.ts"
import { roomVersion, roomVersions } from "#spec-impl/core/room-version.ts"
import { withVerifyAll } from "#spec-impl/homeserver/signatures/noble.ts"
import { nodeSignatures } from "#spec-impl/homeserver/signatures/node-crypto.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { stateByKey } from "../checks/agreement.ts"
import { findInconsistencies } from "../checks/room-consistency.ts"
import { drop, type RequestMatch, type RuleAction, reply } from "../network/rules.ts"
import { craftPdu } from "./testing/craft-event.ts"
import { alterAnswer, madeJoin, sentJoin } from "./testing/handshake.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { bootServer } from "./world.ts"

const roomOn = ({ servers }: Played, server: string, roomId: string) =>
  servers.get(server)!.rooms.find(roomId)!
const stateOn = (played: Played, server: string, roomId: string) => {
  const { dag } = roomOn(played, server, roomId)
  return stateByKey(dag, dag.currentState())
}
const verdictOn = (played: Played, server: string, roomId: string, eventId: string) =>
  roomOn(played, server, roomId).dag.timeline(eventId)?.verdict

/** All that a server decided about a room from its own join on, but for its own settling. */
const viewOf = (dag: RoomDag) => ({
  tips: dag.forwardExtremities(),
  state: stateByKey(dag, dag.currentState()),
  records: [...dag.records()]
    .map((record) => [
      record.event.eventId,
      record.place,
      record.verdict,
      record.objection,
      ...(record.place === "timeline" ? [record.stateBefore.digest, record.stateAfter.digest] : []),
    ])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
})

const derek = "@derek:s2"
const partialOn =
  (...names: readonly string[]) =>
  (server: string) => ({ partialStateJoins: names.includes(server), notaries: ["s1"] })
const ofState: RequestMatch = { source: "s3", path: /\/state(_ids)?\// }

/** While `story` is told nobody tells s3 the state of a room. */
const withoutState = <A, E, R>({ network }: Played, story: Effect.Effect<A, E, R>, match = ofState) =>
  Effect.scoped(
    network.rule(match, reply(404, { errcode: "M_NOT_FOUND", error: "not now" })).pipe(Effect.andThen(story)),
  )

/** Alice's named room on s1 with Derek and Bob of s2; Derek has a say. s3 joins by way of s1, told part of it. */
const joined = <A>(
  roomVersionId: string,
  before: (played: Played, roomId: string) => Effect.Effect<unknown, unknown>,
  meanwhile: (played: Played, roomId: string) => Effect.Effect<A, unknown>,
  after: (played: Played, roomId: string, was: A) => Effect.Effect<unknown, unknown>,
) =>
  play({ servers: 4, roomVersion: roomVersionId, settingsOf: partialOn("s3") }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const users = { [derek]: 50, "@bob:s2": 60 }
      const isCreatorNamed = !roomVersion(roomVersionId)!.auth.privilegedCreators
      const powerLevels = { users: { ...users, ...(isCreatorNamed ? { "@alice:s1": 100 } : {}) } }
      const initialState = [{ type: "m.room.name", stateKey: "", content: { name: "the room" } }]
      const roomId = yield* stage.user("@alice:s1").createRoom({ initialState, powerLevels })
      yield* stage.user("@bob:s2").join(roomId, "s1")
      yield* stage.user(derek).join(roomId, "s1")
      yield* stage.quiet
      yield* before(played, roomId)
      yield* stage.quiet
      const was = yield* withoutState(
        played,
        Effect.gen(function* () {
          yield* stage.user("@nina:s3").join(roomId, "s1")
          yield* stage.user("@frank:s4").join(roomId, "s1")
          yield* stage.wait(3_000)
          expect(roomOn(played, "s3", roomId).partial?.servers).toEqual(["s1", "s2"])
          return yield* meanwhile(played, roomId)
        }),
      )
      yield* stage.quiet
      expect(roomOn(played, "s3", roomId).partial).toBeUndefined()
      yield* after(played, roomId, was)
      expect(findInconsistencies(roomOn(played, "s3", roomId).dag)).toEqual([])
    }),
  )
const nothing = () => Effect.void

/** An event of s2 whose sender cites the join by which it once came in, whatever became of it. */
const staleEvent = (
  played: Played,
  roomId: string,
  sender: string,
  type: string,
  stateKey: string,
  place: { readonly prevEvents?: readonly string[] } = {},
) => {
  const { dag, version } = roomOn(played, "s1", roomId)
  const joins = [...dag.records()].flatMap(({ event }) =>
    event.type === "m.room.member" && event.content.membership === "join" ? event : [],
  )
  const users = type === "m.room.member" ? [sender, stateKey] : [sender]
  const cited = [
    ...(version.roomIdIsCreateHash ? [] : [dag.create()]),
    dag.eventIn(dag.currentState(), "m.room.power_levels", ""),
    ...users.map((userId) => joins.find((join) => join.stateKey === userId)),
  ].flatMap((event) => event?.eventId ?? [])
  const content: JsonObject = type === "m.room.member" ? { membership: "leave" } : { topic: "stale" }
  const referring = (eventIds: readonly string[]): JsonValue =>
    version.eventReferences === "ids" ? eventIds : eventIds.map((eventId) => [eventId, { sha256: "" }])
  return craftPdu(played, "s2", roomId, { type, sender, stateKey, content }, (pdu) => ({
    ...pdu,
    auth_events: referring(cited),
    ...(place.prevEvents === undefined ? {} : { prev_events: referring(place.prevEvents) }),
  }))
}

/** Sends PDUs in a transaction of `from` to each of those servers, as no honest server would. */
const push = Effect.fnUntraced(function* (
  played: Played,
  from: string,
  to: readonly string[],
  pdus: readonly JsonObject[],
) {
  const { network, servers } = played
  const transactionId = `t${JSON.stringify(pdus).length}`
  const payload = { origin: from, origin_server_ts: 1, pdus }
  // The sender is asked for what its events cite, and does not hold them: it answers by what s1 holds.
  const authEvents = { path: /event_auth/, destination: from }
  const { dag } = roomOn(played, "s1", String(pdus[0]?.room_id))
  const memberships = [...dag.records()].flatMap(({ event }) =>
    event.content.membership === "join" ? [event.eventId] : [],
  )
  const held = [...authChain(dag, memberships).map(({ eventId }) => eventId), ...memberships]
  const auth_chain = [...new Set(held)].map((eventId) => dag.record(eventId)!.event.pdu)
  yield* network.rule(authEvents, reply(200, { auth_chain }))
  for (const server of to) {
    const answer = yield* servers
      .get(from)!
      .client.call(server, (api) => api.transactions.send({ params: { transactionId }, payload }))
    expect(canonicalJson(answer.pdus)).not.toContain("error")
  }
})

describe("a resident server that may leave members out", () => {
  /** What s2 gets for a join to a room of so many users of s1. */
  const answered = (
    options: { readonly name?: string; readonly omitMembers: boolean; readonly joinFirst?: boolean },
    members: number,
  ) =>
    play({ servers: 2, roomVersion: "11" }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const named = { type: "m.room.name", stateKey: "", content: { name: options.name ?? "" } }
        const initialState = options.name === undefined ? [] : [named]
        const roomId = yield* stage.user("@alice:s1").createRoom({ initialState })
        for (let nth = 1; nth < members; nth++) {
          yield* stage.user(`@user${nth}:s1`).join(roomId)
          yield* stage.wait(10)
        }
        yield* stage.user("@alice:s1").kick(roomId, "@user1:s1")
        const join = yield* madeJoin(played, roomId, "@bob:s2", "s1")
        const how = { roomId, from: "s2", via: "s1", omitMembers: options.omitMembers }
        const answer = yield* sentJoin(played, join, how)
        const { dag } = roomOn(played, "s1", roomId)
        const idOf = (pdu: JsonObject) => eventIdOf(pdu, roomVersion("11")!)!
        const stateIds = answer.state.map(idOf)
        const chainIds = answer.auth_chain.map(idOf)
        const wanted = new Set(authChain(dag, [...stateIds, join.eventId]).map(({ eventId }) => eventId))
        expect([...wanted].filter((id) => !stateIds.includes(id) && !chainIds.includes(id))).toEqual([])
        return {
          members: answer.state
            .filter(({ type }) => type === "m.room.member")
            .map(({ state_key }) => String(state_key))
            .sort(),
          others: answer.state.filter(({ type }) => type !== "m.room.member").length,
          twice: chainIds.filter((id) => stateIds.includes(id)).length,
          omitted: answer.members_omitted,
          servers: answer.servers_in_room,
          again: canonicalJson(yield* sentJoin(played, join, how)) === canonicalJson(answer),
        }
      }),
    )

  it("leaves none out where it is not asked to", async () => {
    const told = await answered({ omitMembers: false }, 8)
    expect(told).toMatchObject({ omitted: false, servers: ["s1"], again: true })
    expect(told.members).toHaveLength(8)
  })

  it("leaves all out of a room with a name, and says nothing twice", async () => {
    const told = await answered({ name: "the room", omitMembers: true }, 8)
    expect(told).toEqual({ members: [], others: 4, twice: 0, omitted: true, servers: ["s1"], again: true })
  })

  it("tells the first five of who is there where the room has no name, or an empty one", async () => {
    for (const name of [{}, { name: "" }]) {
      const told = await answered({ ...name, omitMembers: true }, 8)
      const heroes = ["@alice:s1", "@user2:s1", "@user3:s1", "@user4:s1", "@user5:s1"]
      expect(told).toMatchObject({ members: heroes, twice: 0, omitted: true })
    }
  })
})

describe("in partial state", () => {
  for (const { id } of roomVersions) {
    it(`room ${id}: users talk both ways and set state, and the rest comes afterwards`, async () => {
      await joined(
        id,
        nothing,
        (played, roomId) =>
          Effect.gen(function* () {
            const { stage } = played
            const room = roomOn(played, "s3", roomId)
            expect(room.dag.eventIn(room.dag.currentState(), "m.room.member", derek)).toBeUndefined()
            const mine = yield* stage.user("@nina:s3").say(roomId, "hello from outside")
            const topic = yield* stage.user(derek).setState(roomId, "m.room.topic", { topic: "a newcomer" })
            yield* stage.wait(3_000)
            for (const server of ["s1", "s2", "s4"])
              expect(verdictOn(played, server, roomId, mine.eventId)).toBe("accepted")
            expect(verdictOn(played, "s3", roomId, topic.eventId)).toBe("accepted")
            expect(room.partial).toBeDefined()
          }),
        (played, roomId) =>
          Effect.sync(() => expect(stateOn(played, "s3", roomId)).toEqual(stateOn(played, "s1", roomId))),
      )
    })
  }

  it("others are not let in by this server, and not told a state that it does not know", async () => {
    await joined(
      "11",
      nothing,
      (played, roomId) =>
        Effect.gen(function* () {
          const { client } = played.servers.get("s4")!
          const [tip] = roomOn(played, "s3", roomId).dag.forwardExtremities()
          const params = { roomId, userId: "@gina:s4" }
          const about = { params: { roomId }, query: { event_id: tip! } }
          const answers = [
            yield* refusal(
              client.call("s3", (api) => api.rooms.makeJoin({ params, query: { ver: ["11"] } })),
            ),
            yield* refusal(
              client.call("s3", (api) => api.rooms.makeKnock({ params, query: { ver: ["11"] } })),
            ),
            yield* refusal(client.call("s3", (api) => api.rooms.makeLeave({ params }))),
            yield* refusal(client.call("s3", (api) => api.history.stateIds(about))),
            yield* refusal(client.call("s3", (api) => api.history.state(about))),
          ]
          expect(answers.map((answer) => answer.slice(0, 15))).toEqual(answers.map(() => "404 M_NOT_FOUND"))
        }),
      nothing,
    )
  })

  it("servers that were said to be in the room are given its events, whole", async () => {
    await joined(
      "11",
      nothing,
      (played, roomId) =>
        Effect.gen(function* () {
          const said = yield* played.stage.user("@nina:s3").say(roomId, "as I said")
          const { pdus } = yield* played.servers
            .get("s2")!
            .client.call("s3", (api) => api.history.event({ params: { eventId: said.eventId } }))
          expect(pdus[0]!.content).toEqual(said.content)
        }),
      nothing,
    )
  })

  it("what needs a membership that is not known waits for it: a ban is not run into", async () => {
    await joined(
      "11",
      (played, roomId) => played.stage.user("@alice:s1").ban(roomId, "@mallory:s4"),
      (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const invite = yield* Effect.forkChild(
            refusal(stage.user("@nina:s3").invite(roomId, "@mallory:s4")),
          )
          yield* stage.user("@gina:s3").join(roomId).pipe(Effect.forkChild)
          yield* stage.wait(3_000)
          expect(roomOn(played, "s3", roomId).partial).toBeDefined()
          return invite
        }),
      (played, roomId, invite) =>
        Effect.gen(function* () {
          expect(yield* Fiber.join(invite)).toContain("403 M_FORBIDDEN")
          const gina = played.stage.stateOf("s1", roomId, "m.room.member", "@gina:s3")
          expect(gina?.content.membership).toBe("join")
        }),
    )
  })
})

describe("wrong from birth (S17; Complement msc3902)", () => {
  for (const id of ["3", "9", "12"]) {
    it(`room ${id}: what Derek sends after he left is accepted while his leave is not known, and then rejected`, async () => {
      await joined(
        id,
        (played, roomId) =>
          Effect.gen(function* () {
            yield* played.stage.user(derek).leave(roomId)
          }),
        (played, roomId) =>
          Effect.gen(function* () {
            const pdu = yield* staleEvent(played, roomId, derek, "m.room.topic", "")
            yield* Effect.scoped(push(played, "s2", ["s3", "s4"], [pdu]))
            const eventId = eventIdOf(pdu, roomVersion(id)!)!
            expect(verdictOn(played, "s3", roomId, eventId)).toBe("accepted")
            expect(verdictOn(played, "s4", roomId, eventId)).toBe("rejected")
            return eventId
          }),
        (played, roomId, eventId) =>
          Effect.sync(() => {
            expect(verdictOn(played, "s3", roomId, eventId)).toBe("rejected")
            expect(stateOn(played, "s3", roomId)).toEqual(stateOn(played, "s1", roomId))
          }),
      )
    })

    it(`room ${id}: the mirror: what was rejected for the kick of a banned user is taken back`, async () => {
      await joined(
        id,
        (played, roomId) =>
          Effect.gen(function* () {
            yield* played.stage.user("@alice:s1").ban(roomId, "@bob:s2")
          }),
        (played, roomId) =>
          Effect.gen(function* () {
            const version = roomVersion(id)!
            const kick = yield* staleEvent(played, roomId, "@bob:s2", "m.room.member", derek)
            const kickId = eventIdOf(kick, version)!
            const topic = yield* staleEvent(played, roomId, derek, "m.room.topic", "", {
              prevEvents: [kickId],
            })
            const eventId = eventIdOf(topic, version)!
            yield* Effect.scoped(push(played, "s2", ["s3", "s4"], [kick, topic]))
            const verdicts = (server: string) =>
              [kickId, eventId].map((event) => verdictOn(played, server, roomId, event))
            expect(verdicts("s3")).toEqual(["accepted", "rejected"])
            expect(verdicts("s4")).toEqual(["rejected", "accepted"])
            return verdicts
          }),
        (played, roomId, verdicts) =>
          Effect.sync(() => {
            expect(verdicts("s3")).toEqual(["rejected", "accepted"])
            expect(stateOn(played, "s3", roomId)).toEqual(stateOn(played, "s4", roomId))
          }),
      )
    })
  }
})

describe("the rest of the state", () => {
  it("comes from another server where the first one is gone, or tells a state that is none", async () => {
    const lies: Readonly<Record<string, (roomId: string, played: Played) => RuleAction>> = {
      gone: () => drop,
      "without the create event": (roomId, played) => {
        const create = roomOn(played, "s1", roomId).dag.create()!.eventId
        return alterAnswer((told) => ({
          ...told,
          pdu_ids: (told.pdu_ids as string[]).filter((id) => id !== create),
        }))
      },
      "an event that nobody holds": () =>
        alterAnswer((told) => ({ ...told, pdu_ids: [...(told.pdu_ids as string[]), `$${"x".repeat(43)}`] })),
      "a hole in the auth chain (I16)": () =>
        alterAnswer((told) => ({
          ...told,
          auth_chain_ids: [...(told.auth_chain_ids as string[]), `$${"y".repeat(43)}`],
        })),
    }
    for (const [name, lie] of Object.entries(lies)) {
      await joined(
        "11",
        nothing,
        (played, roomId) => played.stage.rule(name, { ...ofState, destination: "s1" }, lie(roomId, played)),
        (played, roomId) =>
          Effect.sync(() => {
            const { dag } = roomOn(played, "s3", roomId)
            const sources = [...dag.records()].flatMap((record) =>
              record.place === "timeline" && record.stateSource.kind === "claimed"
                ? record.stateSource.by
                : [],
            )
            expect([name, sources]).toEqual([name, ["s2"]])
            expect(stateOn(played, "s3", roomId)).toEqual(stateOn(played, "s2", roomId))
          }),
      )
    }
  })

  it("is asked for again with growing waits, and after a restart: nothing of what came meanwhile is forgotten", async () => {
    await play({ servers: 2, roomVersion: "12" }, (played) =>
      Effect.gen(function* () {
        const { kernel, network, stage } = played
        const disk = new MemoryDisk()
        const settings = { partialStateJoins: true }
        const signatures = withVerifyAll(nodeSignatures("libsodium"))
        const parts = { kernel, network, disk, settings, signatures }
        const initialState = [{ type: "m.room.name", stateKey: "", content: { name: "the room" } }]
        const roomId = yield* stage.user("@alice:s1").createRoom({ initialState })
        yield* stage.user("@bob:s2").join(roomId, "s1")
        yield* stage.quiet
        const before = yield* withoutState(
          played,
          Effect.gen(function* () {
            const s3 = yield* bootServer("s3", parts)
            yield* s3.users.join("@nina:s3", roomId, ["s1"])
            yield* Effect.sleep(2_000)
            yield* stage.user("@bob:s2").say(roomId, "while you were not told all")
            yield* stage.user("@bob:s2").leave(roomId)
            yield* s3.users.send("@nina:s3", roomId, "m.room.message", { body: "one" })
            yield* Effect.sleep(5_000)
            const room = s3.rooms.find(roomId)!
            return { view: viewOf(room.dag), journal: [...room.partial!.journal] }
          }).pipe(Effect.scoped),
        )
        const whole = yield* Effect.scoped(
          Effect.gen(function* () {
            const again = yield* bootServer("s3", parts)
            const room = again.rooms.find(roomId)!
            expect(viewOf(room.dag)).toEqual(before.view)
            expect(room.partial?.journal).toEqual(before.journal)
            yield* again.users.send("@nina:s3", roomId, "m.room.message", { body: "two" })
            yield* Effect.sleep(30_000)
            expect(room.partial).toBeUndefined()
            const s1 = roomOn(played, "s1", roomId).dag
            expect(stateByKey(room.dag, room.dag.currentState())).toEqual(stateByKey(s1, s1.currentState()))
            return viewOf(room.dag)
          }),
        )
        const { rooms } = yield* bootServer("s3", parts)
        expect(viewOf(rooms.find(roomId)!.dag)).toEqual(whole)
        expect(rooms.find(roomId)!.partial).toBeUndefined()
      }).pipe(Effect.scoped),
    )
  })

  it("is not waited for by who leaves; who comes back then begins anew", async () => {
    await play({ servers: 2, roomVersion: "11" }, (played) =>
      Effect.gen(function* () {
        const { kernel, network, stage } = played
        const disk = new MemoryDisk()
        const settings = { partialStateJoins: true }
        const parts = {
          kernel,
          network,
          disk,
          settings,
          signatures: withVerifyAll(nodeSignatures("libsodium")),
        }
        const initialState = [{ type: "m.room.name", stateKey: "", content: { name: "the room" } }]
        const roomId = yield* stage.user("@alice:s1").createRoom({ initialState })
        yield* stage.user("@bob:s2").join(roomId, "s1")
        yield* stage.quiet
        const membership = () => stage.stateOf("s2", roomId, "m.room.member", "@nina:s3")?.content.membership
        const back = yield* Effect.scoped(
          Effect.gen(function* () {
            const s3 = yield* bootServer("s3", parts)
            yield* withoutState(
              played,
              Effect.gen(function* () {
                yield* s3.users.join("@nina:s3", roomId, ["s1"])
                yield* Effect.sleep(1_000)
                yield* s3.users.leave("@nina:s3", roomId)
                yield* Effect.sleep(2_000)
                expect(membership()).toBe("leave")
                expect(s3.rooms.find(roomId)!.partial).toBeDefined()
              }),
            )
            yield* Effect.sleep(60_000)
            expect([s3.resyncs.waiting(), s3.resyncs.busy()]).toEqual([[], 0])
            yield* s3.users.join("@nina:s3", roomId, ["s1"])
            yield* Effect.sleep(10_000)
            expect(membership()).toBe("join")
            const room = s3.rooms.find(roomId)!
            expect(room.partial).toBeUndefined()
            expect(findInconsistencies(room.dag)).toEqual([])
            const s1 = roomOn(played, "s1", roomId).dag
            expect(stateByKey(room.dag, room.dag.currentState())).toEqual(stateByKey(s1, s1.currentState()))
            return viewOf(room.dag)
          }),
        )
        const { rooms } = yield* bootServer("s3", parts)
        expect(viewOf(rooms.find(roomId)!.dag)).toEqual(back)
      }).pipe(Effect.scoped),
    )
  })
})

/** What happens around a join: who does what to whom. */
interface Deed {
  readonly kind: "say" | "topic" | "ban" | "kick" | "leave" | "join" | "levels" | "cut" | "heal"
  readonly user: number
  readonly target: number
}
const people = ["@alice:s1", "@bob:s2", derek, "@carl:s2"] as const
const deeds = fc.array(
  fc.record({
    kind: fc.constantFrom<Deed["kind"][]>(
      "say",
      "topic",
      "topic",
      "ban",
      "kick",
      "leave",
      "join",
      "levels",
      "cut",
      "heal",
    ),
    user: fc.nat(3),
    target: fc.nat(3),
  }),
  { minLength: 3, maxLength: 10 },
)

const perform = (
  { stage }: Played,
  roomId: string,
  { kind, user, target }: Deed,
  at: number,
): Effect.Effect<unknown, unknown> => {
  const actor = stage.user(people[user]!)
  const other = people[target]!
  switch (kind) {
    case "topic":
      return actor.setState(roomId, "m.room.topic", { topic: `deed ${at}` })
    case "ban":
      return actor.ban(roomId, other)
    case "kick":
      return actor.kick(roomId, other)
    case "leave":
      return actor.leave(roomId)
    case "join":
      return actor.join(roomId, "s1")
    case "levels":
      return actor.setState(roomId, "m.room.power_levels", {
        users: { "@bob:s2": 100, [other]: 100 },
        ban: at,
      })
    case "cut":
      return stage.partition(["s1", "s3"], ["s2"])
    case "heal":
      return stage.heal
    default:
      return actor.say(roomId, `deed ${at}`)
  }
}

describe("told all or told little", () => {
  /** s3 joins in the midst of it all; everything else is the same, to the millisecond. */
  const told = (
    roomVersionId: string,
    seed: number,
    [before, after]: readonly [readonly Deed[], readonly Deed[]],
    isPartial: boolean,
  ) =>
    play(
      { servers: 3, roomVersion: roomVersionId, seed, settingsOf: partialOn(isPartial ? "s3" : "") },
      (played) =>
        Effect.gen(function* () {
          const { stage } = played
          const creator = roomVersion(roomVersionId)!.auth.privilegedCreators ? {} : { "@alice:s1": 100 }
          const powerLevels = { users: { "@bob:s2": 100, ...creator } }
          const initialState = [{ type: "m.room.name", stateKey: "", content: { name: "the room" } }]
          const roomId = yield* stage.user("@alice:s1").createRoom({ powerLevels, initialState })
          for (const userId of people.slice(1)) yield* stage.user(userId).join(roomId, "s1")
          yield* stage.quiet
          let nextMs = yield* Clock.currentTimeMillis
          const act = Effect.fnUntraced(function* (what: Effect.Effect<unknown, unknown>) {
            yield* Effect.ignore(what)
            nextMs += 5_000
            yield* Effect.sleep(nextMs - (yield* Clock.currentTimeMillis))
          })
          for (const [at, deed] of before.entries()) yield* act(perform(played, roomId, deed, at))
          yield* withoutState(
            played,
            Effect.gen(function* () {
              yield* act(stage.user("@nina:s3").join(roomId, "s1"))
              for (const [at, deed] of after.entries()) yield* act(perform(played, roomId, deed, at))
            }),
          )
          yield* stage.heal
          yield* stage.quiet
          const room = played.servers.get("s3")!.rooms.find(roomId)
          expect(room?.partial).toBeUndefined()
          return room === undefined ? undefined : viewOf(room.dag)
        }),
    )

  for (const id of ["1", "8", "12"]) {
    it(`room ${id}: s3 ends with the same room`, async () => {
      await fc.assert(
        fc.asyncProperty(deeds, deeds, fc.nat(1_000), async (before, after, seed) => {
          const whole = await told(id, seed, [before, after], false)
          expect(await told(id, seed, [before, after], true)).toEqual(whole)
        }),
        { numRuns: 12, seed: 17 },
      )
    })
  }
})
