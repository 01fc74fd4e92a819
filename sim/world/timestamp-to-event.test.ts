/** The event closest to a time: among those held, and where history is missing by asking others. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { Event } from "#spec-impl/core/event.ts"
import type { Direction } from "#spec-impl/federation/history/timestamp-order.ts"
import { TimestampSearch } from "#spec-impl/federation/history/timestamp-search.ts"
import { reply } from "../network/rules.ts"
import { craftPdu, message } from "./testing/craft-event.ts"
import { type Played, play, refusal } from "./testing/play.ts"

const bob = "@bob:s2"

/** Alice (s1) and Carol (s3) speak ten times, a second apart; then Bob (s2) joins. `at` are those times. */
const withPast = <A, E>(
  story: (
    played: Played,
    roomId: string,
    said: readonly Event[],
    at: (position: number) => number,
  ) => Effect.Effect<A, E>,
  visibility = "shared",
) =>
  play({ servers: 3 }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const content = { history_visibility: visibility }
      const initialState = [{ type: "m.room.history_visibility", stateKey: "", content }]
      const roomId = yield* stage.user("@alice:s1").createRoom({ initialState })
      yield* stage.user("@carol:s3").join(roomId, "s1")
      const said: Event[] = []
      for (let count = 0; count < 10; count++) {
        yield* stage.wait(1_000)
        said.push(yield* stage.user(count % 2 === 0 ? "@alice:s1" : "@carol:s3").say(roomId, `${count}`))
        yield* stage.quiet
      }
      yield* stage.user(bob).join(roomId, "s1")
      yield* stage.quiet
      return yield* story(played, roomId, said, (position) => Number(said[position]!.originServerTs))
    }),
  )

const ask = ({ servers }: Played, roomId: string, ts: number, dir: Direction) =>
  servers
    .get("s3")!
    .client.call("s1", (api) => api.history.timestampToEvent({ params: { roomId }, query: { ts, dir } }))
const lookUp = (
  { servers }: Played,
  roomId: string,
  ts: number,
  dir: Direction,
  { userId = bob, server = "s2" } = {},
) => Context.get(servers.get(server)!.services, TimestampSearch).closest(userId, roomId, ts, dir)

describe("asked by another server", () => {
  it("the closest event in either direction is given, the time itself included", async () => {
    await withPast((played, roomId, said, at) =>
      Effect.gen(function* () {
        const answer = (position: number) => ({
          event_id: said[position]!.eventId,
          origin_server_ts: at(position),
        })
        expect(yield* ask(played, roomId, at(4), "f")).toEqual(answer(4))
        expect(yield* ask(played, roomId, at(4), "b")).toEqual(answer(4))
        expect(yield* ask(played, roomId, at(4) + 1, "f")).toEqual(answer(5))
        expect(yield* ask(played, roomId, at(4) - 1, "b")).toEqual(answer(3))
        expect(yield* refusal(ask(played, roomId, at(9) + 1e9, "f"))).toContain("404 M_NOT_FOUND")
        expect(yield* refusal(ask(played, roomId, 0, "b"))).toContain("404 M_NOT_FOUND")
        const create = played.servers.get("s1")!.rooms.find(roomId)!.dag.create()!
        expect((yield* ask(played, roomId, 0, "f")).event_id).toBe(create.eventId)
      }),
    )
  })

  it("of several events at one time the first by depth, then by id; backwards the last", async () => {
    await withPast((played, roomId, said, at) =>
      Effect.gen(function* () {
        const { client } = played.servers.get("s3")!
        const pdus = yield* Effect.forEach(["one", "other", "third"], (body) =>
          craftPdu(played, "s3", roomId, message("@carol:s3", body), (pdu) => ({
            ...pdu,
            origin_server_ts: at(4) + 500,
          })),
        )
        const { pdus: taken } = yield* client.call("s1", (api) =>
          api.transactions.send({ params: { transactionId: "twins" }, payload: { pdus } }),
        )
        const ids = Object.keys(taken as object).sort()
        expect((yield* ask(played, roomId, at(4) + 1, "f")).event_id).toBe(ids[0])
        expect((yield* ask(played, roomId, at(5) - 1, "b")).event_id).toBe(ids[2])
        expect((yield* ask(played, roomId, at(5), "b")).event_id).toBe(said[5]!.eventId)
      }),
    )
  })

  it("what the asking server may not see does not count", async () => {
    await withPast(
      (played, roomId, _, at) =>
        Effect.gen(function* () {
          const { client } = played.servers.get("s2")!
          const found = yield* client.call("s1", (api) =>
            api.history.timestampToEvent({ params: { roomId }, query: { ts: at(4), dir: "f" } }),
          )
          const join = played.stage.stateOf("s1", roomId, "m.room.member", bob)!
          expect(found.event_id).toBe(join.eventId)
        }),
      "joined",
    )
  })
})

describe("looked up by a user", () => {
  it("in a gap of the local history: another server is asked, and what it knows of the gap is fetched", async () => {
    await withPast((played, roomId, said, at) =>
      Effect.gen(function* () {
        const { dag } = played.servers.get("s2")!.rooms.find(roomId)!
        expect(dag.timeline(said[4]!.eventId)).toBeUndefined()
        const tips = dag.forwardExtremities()
        for (const [ts, dir, position] of [
          [at(4), "f", 4],
          [at(4) + 1, "f", 5],
          [at(4) - 1, "b", 3],
        ] as const) {
          expect((yield* lookUp(played, roomId, ts, dir)).eventId).toBe(said[position]!.eventId)
        }
        for (const { eventId } of said) expect(dag.timeline(eventId)?.verdict).toBe("accepted")
        expect(dag.forwardExtremities()).toEqual(tips)
      }),
    )
  })

  it("backwards from before the join too: what is hidden there lies behind the join", async () => {
    await withPast((played, roomId, said, at) =>
      Effect.gen(function* () {
        expect((yield* lookUp(played, roomId, at(7) + 1, "b")).eventId).toBe(said[7]!.eventId)
      }),
    )
  })

  it("where nothing is missing nobody is asked", async () => {
    await withPast((played, roomId, said, at) =>
      Effect.gen(function* () {
        const before = played.network.requests()
        const alice = { userId: "@alice:s1", server: "s1" }
        expect((yield* lookUp(played, roomId, at(4) + 1, "f", alice)).eventId).toBe(said[5]!.eventId)
        expect(yield* refusal(lookUp(played, roomId, 0, "b", alice))).toContain("404 M_NOT_FOUND")
        expect(played.network.requests()).toBe(before)
        const end = at(9) + 1e9
        expect(yield* refusal(lookUp(played, roomId, end, "f", alice))).toContain("404 M_NOT_FOUND")
        expect(played.network.requests()).toBe(before + 2)
      }),
    )
  })

  it("the server longest in the room is asked first, and the next where it does not answer", async () => {
    await withPast((played, roomId, said, at) =>
      Effect.gen(function* () {
        yield* played.network.cut("s1", "s2")
        expect((yield* lookUp(played, roomId, at(4), "f")).eventId).toBe(said[4]!.eventId)
        const asked = played.kernel.trace.records
          .filter(({ kind }) => kind === "request")
          .map(({ fields }) => fields.join(" "))
          .filter((line) => line.includes("/timestamp_to_event/"))
        expect(asked.length).toBe(2)
        expect(asked[0]).toContain("s1")
        expect(asked[1]).toContain("s3")
      }),
    )
  })

  it("where the gap cannot be filled the event itself is fetched; what is said of its time is not believed", async () => {
    await withPast((played, roomId, said, at) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.rule("no past", { source: "s2", path: /\/backfill\// }, reply(500, {}))
        expect((yield* lookUp(played, roomId, at(4), "f")).eventId).toBe(said[4]!.eventId)
        const dag = played.servers.get("s2")!.rooms.find(roomId)!.dag
        expect(dag.record(said[4]!.eventId)?.place).toBe("outlier")
        const { pdus } = yield* played.servers
          .get("s3")!
          .client.call("s2", (api) => api.history.event({ params: { eventId: said[4]!.eventId } }))
        // Where its place is not known, nor is who may see it.
        expect(pdus[0]!.content).toEqual({})
        const lie = { event_id: said[1]!.eventId, origin_server_ts: at(6) }
        yield* stage.rule("a lie", { source: "s2", path: /\/timestamp_to_event\// }, reply(200, lie))
        const join = stage.stateOf("s2", roomId, "m.room.member", bob)!
        expect((yield* lookUp(played, roomId, at(6), "f")).eventId).toBe(join.eventId)
      }),
    )
  })

  it("strangers and users of other servers are shown nothing", async () => {
    await withPast((played, roomId, _, at) =>
      Effect.gen(function* () {
        const dora = { userId: "@dora:s2", server: "s2" }
        expect(yield* refusal(lookUp(played, roomId, at(4), "f", dora))).toContain("404 M_NOT_FOUND")
        const alice = { userId: "@alice:s1", server: "s2" }
        expect(yield* refusal(lookUp(played, roomId, at(4), "f", alice))).toContain("403 M_FORBIDDEN")
        expect(yield* refusal(lookUp(played, "!nowhere:s1", at(4), "f"))).toContain("404 M_NOT_FOUND")
      }),
    )
  })
})
