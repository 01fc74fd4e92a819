/** What a server tells of a room's past: its bounds, and the events it leaves out. Errors stand in endpoints/. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { Event } from "#spec-impl/core/event.ts"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import { authChain } from "#spec-impl/core/room-dag/walks.ts"
import { craftPdu, message } from "./testing/craft-event.ts"
import { type Played, type PlayOptions, play } from "./testing/play.ts"
import { type RawRequest, sendRaw } from "./testing/raw-request.ts"

const path = encodeURIComponent

/** Alice's room on s1, with Bob of s2; s3 knows of neither. `said` are Alice's messages, in order. */
const inRoom = <A, E>(
  options: PlayOptions & { readonly messages?: number },
  story: (played: Played, roomId: string, said: readonly Event[]) => Effect.Effect<A, E>,
) =>
  play({ servers: 3, ...options }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const alice = stage.user("@alice:s1")
      const roomId = yield* alice.createRoom()
      yield* stage.user("@bob:s2").join(roomId, "s1")
      const said: Event[] = []
      for (let count = 0; count < (options.messages ?? 4); count++) {
        said.push(yield* alice.say(roomId, `message ${count}`))
        yield* stage.wait(100)
      }
      yield* stage.quiet
      return yield* story(played, roomId, said)
    }),
  )

type Ask = Pick<RawRequest, "method" | "target" | "body">

/** Each endpoint of the chapter, asked about one event of one room. */
const endpoints: Readonly<Record<string, (roomId: string, eventId: string) => Ask>> = {
  event_auth: (roomId, eventId) => get(`event_auth/${path(roomId)}/${path(eventId)}`),
  backfill: (roomId, eventId) => get(`backfill/${path(roomId)}?v=${path(eventId)}&limit=5`),
  get_missing_events: (roomId, eventId) => ({
    method: "POST",
    target: `/_matrix/federation/v1/get_missing_events/${path(roomId)}`,
    body: { earliest_events: [], latest_events: [eventId] },
  }),
  state: (roomId, eventId) => get(`state/${path(roomId)}?event_id=${path(eventId)}`),
  state_ids: (roomId, eventId) => get(`state_ids/${path(roomId)}?event_id=${path(eventId)}`),
  event: (_, eventId) => get(`event/${path(eventId)}`),
  timestamp_to_event: (roomId) => get(`timestamp_to_event/${path(roomId)}?ts=0&dir=f`),
}
const get = (rest: string): Ask => ({ method: "GET", target: `/_matrix/federation/v1/${rest}` })
const askS1 = (played: Played, from: string, ask: Ask) =>
  Effect.map(sendRaw(played, { from, to: "s1", ...ask }), ({ status, errcode, body }) => ({
    outcome: errcode === undefined ? String(status) : `${status} ${String(errcode)}`,
    body,
  }))
const dagOf = ({ servers }: Played, server: string, roomId: string) =>
  servers.get(server)!.rooms.find(roomId)!.dag
const contentsOf = (pdus: JsonValue | undefined): readonly unknown[] =>
  (pdus as readonly JsonObject[]).map(({ content }) => (content as JsonObject).body)
const idsOf = (events: readonly Event[]): readonly string[] => events.map(({ eventId }) => eventId)

describe("each endpoint", () => {
  it("tells of an event that is not held what can be told: nothing, or 404", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const outcomes: Record<string, unknown> = {}
        for (const [name, ask] of Object.entries(endpoints)) {
          const { outcome, body } = yield* askS1(played, "s2", ask(roomId, "$unknown"))
          outcomes[name] = outcome === "200" ? (body.pdus ?? body.events ?? "an event") : outcome
        }
        expect(outcomes).toEqual({
          event_auth: "404 M_NOT_FOUND",
          backfill: [],
          get_missing_events: [],
          state: "404 M_NOT_FOUND",
          state_ids: "404 M_NOT_FOUND",
          event: "404 M_NOT_FOUND",
          timestamp_to_event: "an event",
        })
      }),
    )
  })
})

describe("backfill", () => {
  it("gives the events asked for and those before them, newest first, a hundred at most", async () => {
    await inRoom({ messages: 110 }, (played, roomId, said) =>
      Effect.gen(function* () {
        const last = path(said.at(-1)!.eventId)
        const ask = (limit: number) => get(`backfill/${path(roomId)}?v=${last}&limit=${limit}`)
        const three = yield* askS1(played, "s2", ask(3))
        expect(contentsOf(three.body.pdus)).toEqual(["message 109", "message 108", "message 107"])
        expect(three.body).toMatchObject({ origin: "s1" })
        for (const [limit, given] of [
          [0, 0],
          [-1, 0],
          [1_000, 100],
        ] as const) {
          const { body } = yield* askS1(played, "s2", ask(limit))
          expect((body.pdus as readonly unknown[]).length).toBe(given)
        }
      }),
    )
  })
})

describe("get_missing_events", () => {
  const between = (
    played: Played,
    roomId: string,
    earliest: readonly Event[],
    latest: readonly Event[],
    more: JsonObject = {},
  ) => {
    const ask = endpoints.get_missing_events!(roomId, "")
    const body = { earliest_events: idsOf(earliest), latest_events: idsOf(latest), ...more }
    return Effect.map(askS1(played, "s2", { ...ask, body }), (answer) => contentsOf(answer.body.events))
  }

  it("gives what is between, without both ends, ten or as many as are asked for, twenty at most", async () => {
    await inRoom({ messages: 30 }, (played, roomId, said) =>
      Effect.gen(function* () {
        const [first, last] = [said[2]!, said.at(-1)!]
        expect(yield* between(played, roomId, [first], [said[5]!])).toEqual(["message 3", "message 4"])
        expect((yield* between(played, roomId, [first], [last])).length).toBe(10)
        expect((yield* between(played, roomId, [first], [last], { limit: 100 })).length).toBe(20)
        expect(yield* between(played, roomId, [first], [last], { limit: -5 })).toEqual([])
        const depth = Number(said[26]!.depth)
        expect(yield* between(played, roomId, [first], [last], { min_depth: depth })).toEqual([
          "message 26",
          "message 27",
          "message 28",
        ])
      }),
    )
  })

  it("walks breadth first: of two branches both are given before what is further back in either", async () => {
    await inRoom({ messages: 1 }, (played, roomId, [fork]) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.partition(["s1"], ["s2"])
        for (const number of [1, 2, 3]) {
          yield* stage.user("@alice:s1").say(roomId, `west ${number}`)
          yield* stage.user("@bob:s2").say(roomId, `east ${number}`)
          yield* stage.wait(100)
        }
        yield* stage.heal
        yield* stage.user("@bob:s2").say(roomId, "healed")
        yield* stage.quiet
        const merge = yield* stage.user("@alice:s1").say(roomId, "merge")
        const found = yield* between(played, roomId, [fork!], [merge], { limit: 4 })
        expect(found.toSorted()).toEqual(["east 3", "healed", "west 2", "west 3"])
        const all = yield* between(played, roomId, [fork!], [merge], { limit: 20 })
        expect(all.length).toBe(7)
        expect(all.indexOf("west 1")).toBeLessThan(all.indexOf("west 2"))
        expect(all.indexOf("east 1")).toBeLessThan(all.indexOf("east 2"))
      }),
    )
  })
})

describe("state, state_ids and event_auth", () => {
  it("tell the state before the event, and auth chains without a hole", async () => {
    for (const roomVersion of ["10", "12"]) {
      await inRoom({ roomVersion }, (played, roomId) =>
        Effect.gen(function* () {
          const alice = played.stage.user("@alice:s1")
          const old = yield* alice.setState(roomId, "m.room.topic", { topic: "old" })
          const topic = yield* alice.setState(roomId, "m.room.topic", { topic: "new" })
          const dag = dagOf(played, "s1", roomId)
          const before = dag.eventIdsIn(dag.timeline(topic.eventId)!.stateBefore).sort()
          const chain = idsOf(authChain(dag, before)).toSorted()
          expect(before).toContain(old.eventId)
          const ids = (yield* askS1(played, "s2", endpoints.state_ids!(roomId, topic.eventId))).body
          expect(ids).toEqual({ pdu_ids: before, auth_chain_ids: chain })
          const { pdus, auth_chain } = (yield* askS1(played, "s2", endpoints.state!(roomId, topic.eventId)))
            .body
          const held = (eventIds: readonly string[]) => eventIds.map((id) => dag.record(id)!.event.pdu)
          expect(pdus).toEqual(held(before))
          expect(auth_chain).toEqual(expect.arrayContaining([...held(chain)]))
          const own = (yield* askS1(played, "s2", endpoints.event_auth!(roomId, topic.eventId))).body
          const ownChain = authChain(dag, [topic.eventId]).map(({ pdu }) => pdu)
          expect(own.auth_chain).toEqual(roomVersion === "12" ? [dag.create()!.pdu, ...ownChain] : ownChain)
        }),
      )
    }
  })
})

describe("a server that is no longer in the room", () => {
  it("is told about its own kick and what came before, and nothing that came after", async () => {
    await inRoom({}, (played, roomId, said) =>
      Effect.gen(function* () {
        const alice = played.stage.user("@alice:s1")
        const kick = yield* alice.kick(roomId, "@bob:s2")
        const later = yield* alice.say(roomId, "he is gone")
        yield* played.stage.quiet
        const asked = (eventId: string) => askS1(played, "s2", endpoints.backfill!(roomId, eventId))
        expect(contentsOf((yield* asked(said[1]!.eventId)).body.pdus)).toContain("message 1")
        expect((yield* asked(kick.eventId)).outcome).toBe("200")
        expect((yield* asked(later.eventId)).outcome).toBe("403 M_FORBIDDEN")
        expect((yield* askS1(played, "s2", endpoints.event!(roomId, later.eventId))).outcome).toBe(
          "403 M_FORBIDDEN",
        )
      }),
    )
  })

  it("is told of the state before its join, for it may know part of it, and of branches that its kick builds on", async () => {
    await inRoom({}, (played, roomId, said) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.partition(["s1", "s3"], ["s2"])
        const aside = yield* stage.user("@bob:s2").say(roomId, "of her nothing is known here")
        const join = yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.heal
        yield* stage.quiet
        const kick = yield* stage.user("@alice:s1").kick(roomId, "@carol:s3")
        expect(kick.prevEvents).toContain(aside.eventId)
        const later = yield* stage.user("@alice:s1").say(roomId, "she is gone")
        const asked = (about: Event) =>
          Effect.map(
            askS1(played, "s3", endpoints.state_ids!(roomId, about.eventId)),
            ({ outcome }) => outcome,
          )
        const outcomes = yield* Effect.forEach([said[0]!, join, aside, kick, later], asked)
        expect(outcomes).toEqual(["403 M_FORBIDDEN", "200", "200", "200", "403 M_FORBIDDEN"])
      }),
    )
  })

  it("is let in by one of the first events that it asks about, and not by the thousandth: that would be work", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const kick = yield* played.stage.user("@alice:s1").kick(roomId, "@bob:s2")
        const ask = (latest_events: readonly string[]) => ({
          ...endpoints.get_missing_events!(roomId, kick.eventId),
          body: { earliest_events: [], latest_events },
        })
        const others = Array.from({ length: 1_000 }, (_, at) => `$${at}`)
        const first = yield* askS1(played, "s2", ask([kick.eventId, ...others]))
        const last = yield* askS1(played, "s2", ask([...others, kick.eventId]))
        expect([first.outcome, last.outcome]).toEqual(["200", "403 M_FORBIDDEN"])
      }),
    )
  })
})

describe("an id that two rooms hold, as servers of rooms 1 and 2 may pick it", () => {
  it("is that of the room that the asking server is in", async () => {
    await play({ servers: 3, roomVersion: "1" }, (played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const pdus: JsonObject[] = []
        for (const guests of [["@carol:s3"], ["@carol:s3", "@bob:s2"]]) {
          const roomId = yield* stage.user("@alice:s1").createRoom()
          for (const guest of guests) yield* stage.user(guest).join(roomId, "s1")
          yield* stage.quiet
          const draft = message("@carol:s3", `for ${guests.length}`)
          pdus.push(yield* craftPdu(played, "s3", roomId, draft, (pdu) => ({ ...pdu, event_id: "$same:s3" })))
        }
        const { client } = servers.get("s3")!
        for (const [at, pdu] of pdus.entries()) {
          const params = { transactionId: `same-${at}` }
          yield* client.call("s1", (api) => api.transactions.send({ params, payload: { pdus: [pdu] } }))
        }
        const { outcome, body } = yield* askS1(played, "s2", endpoints.event!("", "$same:s3"))
        expect([outcome, contentsOf(body.pdus)]).toEqual(["200", ["for 2"]])
      }),
    )
  })
})
