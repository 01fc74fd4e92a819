/** A room that was joined with partial state ends as if it had been told all: S17, and by property. */
import { Clock, Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import { authChain } from "#spec-impl/core/room-dag/walks.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { propertyRuns } from "#spec-impl/core/testing/property-runs.ts"
import { reply } from "../network/rules.ts"
import { craftPdu } from "./testing/craft-event.ts"
import { derek, joined, partialOn, withoutState } from "./testing/partial-room.ts"
import { type Played, play } from "./testing/play.ts"
import { roomOn, stateOn, verdictOn, viewOf } from "./testing/views.ts"

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
        propertyRuns(12, 17),
      )
    })
  }
})
