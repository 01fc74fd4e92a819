/** Messages that are out of memory: whatever is asked of a server, its answer is what it would be with them in it. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { type Client, registerClient } from "./testing/client.ts"
import { craftPdu } from "./testing/craft-event.ts"
import { type Played, play } from "./testing/play.ts"

const path = encodeURIComponent
const messages = 24
/** So many that of what is known of them most is out of memory too. */
const manyMessages = 400

/** Alice (s1) and Bob (s2) in a room; she has said much, and one thing was redacted. */
const withHistory = <A>(
  heldMessagesMax: number,
  story: (played: Played & Told) => Effect.Effect<A, unknown>,
  count = messages,
): Promise<A> =>
  play({ servers: 3, settings: { enableRegistration: true, heldMessagesMax } }, (played) =>
    Effect.gen(function* () {
      const alice = yield* registerClient(played, "s1", "alice")
      const bob = yield* registerClient(played, "s2", "bob")
      const { body } = yield* alice.post("/createRoom", { preset: "public_chat" })
      const roomId = String(body.room_id)
      const room = `/rooms/${path(roomId)}`
      yield* bob.post(`/join/${path(roomId)}?via=s1`)
      yield* played.stage.quiet
      const since = String((yield* alice.get("/sync")).body.next_batch)
      const ids: string[] = []
      for (let nth = 0; nth < count; nth++) {
        const said = yield* alice.put(`${room}/send/m.room.message/${nth}`, {
          msgtype: "m.text",
          body: `${nth}`,
        })
        ids.push(String(said.body.event_id))
        yield* played.stage.wait(1_000)
        if (nth === 9) yield* alice.put(`${room}/state/m.room.topic`, { topic: "ten" })
        if (nth === 12) yield* alice.put(`${room}/redact/${path(ids[3]!)}/r`, {})
      }
      yield* played.stage.quiet
      return yield* story({ ...played, alice, bob, roomId, room, ids, since })
    }),
  )

interface Told {
  readonly alice: Client
  readonly bob: Client
  readonly roomId: string
  readonly room: string
  readonly ids: readonly string[]
  /** Of her sync before she said anything. */
  readonly since: string
}

const evictedOn = ({ servers }: Played, name: string, roomId: string): number =>
  servers.get(name)!.rooms.find(roomId)!.dag.held.evicted.size

/** All that clients and servers can ask of the past. */
const answers = ({ alice, servers, stage, roomId, room, ids, since }: Played & Told) =>
  Effect.gen(function* () {
    const relation = (key: string) => ({
      "m.relates_to": { rel_type: "m.annotation", event_id: ids[1]!, key },
    })
    const asked: unknown[] = []
    const note = (answer: { readonly status: number; readonly body: JsonObject }) =>
      void asked.push([answer.status, answer.body])
    note(yield* alice.put(`${room}/send/m.reaction/a`, relation("+")))
    for (let nth = 0; nth < 4; nth++) {
      yield* alice.put(`${room}/send/m.room.message/after${nth}`, { msgtype: "m.text", body: "and on" })
    }
    note(yield* alice.put(`${room}/send/m.reaction/b`, relation("+")))
    for (const id of [ids[0]!, ids[3]!, ids[15]!]) {
      note(yield* alice.get(`${room}/event/${path(id)}`))
      note(yield* alice.get(`${room}/context/${path(id)}?limit=6`))
    }
    for (let from = "", page = 0; page < 12; page++) {
      const answer = yield* alice.get(`${room}/messages?dir=b&limit=5${from}`)
      note(answer)
      from = `&from=${String(answer.body.end)}`
      if (answer.body.end === undefined) break
    }
    note(yield* alice.get(`${room}/messages?dir=f&limit=50`))
    note(yield* alice.get(`/sync?since=${path(since)}`))
    note(yield* alice.get(`/sync?filter=${path(JSON.stringify({ room: { timeline: { limit: 40 } } }))}`))
    note(yield* alice.post(`${room}/receipt/m.read/${path(ids[5]!)}`, {}))
    note(yield* alice.get(`/sync?since=${path(since)}`))
    note(yield* alice.put(`${room}/redact/${path(ids[6]!)}/late`, {}))
    note(yield* alice.get(`${room}/event/${path(ids[6]!)}`))
    const { client } = servers.get("s2")!
    for (const id of [ids[2]!, ids[6]!, ids[14]!]) {
      asked.push(yield* client.call("s1", (api) => api.history.event({ params: { eventId: id } })))
      const about = { params: { roomId }, query: { event_id: id } }
      asked.push(yield* client.call("s1", (api) => api.history.stateIds(about)))
      asked.push(yield* client.call("s1", (api) => api.history.state(about)))
      const back = { params: { roomId }, query: { v: [id], limit: 10 } }
      asked.push(yield* client.call("s1", (api) => api.history.backfill(back)))
      const payload = { earliest_events: [ids[0]!], latest_events: [id], limit: 20, min_depth: 0 }
      asked.push(
        yield* client.call("s1", (api) => api.history.getMissingEvents({ params: { roomId }, payload })),
      )
    }
    const { origin_server_ts: ts } = (yield* alice.get(`${room}/event/${path(ids[8]!)}`)).body
    for (const dir of ["f", "b"] as const) {
      for (const at of [0, Number(ts), Number(ts) + 1, Number(ts) + 1_000_000]) {
        const question = { params: { roomId }, query: { ts: at, dir } }
        const call = client.call("s1", (api) => api.history.timestampToEvent(question))
        asked.push(yield* Effect.orElseSucceed(call, () => "none"))
      }
    }
    yield* stage.quiet
    return asked
  })

describe("messages that are out of memory", () => {
  it("are told as if they were in it, before a restart and after it", async () => {
    const told = (heldMessagesMax: number) =>
      withHistory(heldMessagesMax, (world) =>
        Effect.gen(function* () {
          const first = yield* answers(world)
          yield* world.stage.restart("s1")
          const again = yield* world.alice.get(`${world.room}/messages?dir=b&limit=50`)
          const evicted = evictedOn(world, "s1", world.roomId)
          return { told: [first, again.body], evicted }
        }),
      )
    const [limited, whole] = [await told(2), await told(Number.POSITIVE_INFINITY)]
    expect(whole.evicted).toBe(0)
    expect(limited.evicted).toBeGreaterThan(messages - 2)
    expect(limited.told).toEqual(whole.told)
  })

  it("are all but as many as the server wants to hold, the end of the history, and what decides", () =>
    withHistory(3, (world) =>
      Effect.gen(function* () {
        const inMemory = (name: string) =>
          [...world.servers.get(name)!.rooms.find(world.roomId)!.dag.held.allInMemory()].filter(
            ({ event }) => event.stateKey === undefined && event.redacts === undefined,
          )
        // The last one is at the end of the history.
        expect(inMemory("s1").length).toBeLessThanOrEqual(4)
        expect(inMemory("s2").length).toBeLessThanOrEqual(4)
        yield* world.stage.restart("s2")
        expect(inMemory("s2").length).toBeLessThanOrEqual(4)
      }),
    ))

  it("are what a late event builds on: it is judged by the state after them", () =>
    withHistory(0, buildOnEarly))
})

describe("messages of which what is known is mostly out of memory too", () => {
  it("are told, sent again and fetched as if all were in it, before a restart and after it", async () => {
    const told = (heldMessagesMax: number) =>
      withHistory(
        heldMessagesMax,
        (world) =>
          Effect.gen(function* () {
            const { pages } = world.servers.get("s1")!.rooms.find(world.roomId)!.dag.held.evicted
            const counts = [pages.count, pages.held] as const
            const first = [
              yield* sendAgain(world, "before"),
              yield* allMessages(world),
              yield* pastAsServersGetIt(world),
            ]
            const carol = yield* joinAndReadAll(world)
            yield* world.stage.restart("s1")
            const again = [
              yield* sendAgain(world, "after"),
              yield* allMessages(world),
              yield* pastAsServersGetIt(world),
            ]
            return { told: [first, carol, again], counts }
          }),
        manyMessages,
      )
    const [limited, whole] = [await told(0), await told(Number.POSITIVE_INFINITY)]
    expect(whole.counts).toEqual([0, 0])
    const [count, held] = limited.counts
    expect(held).toBe(4)
    expect(count).toBeGreaterThan(held * 2)
    expect(limited.told).toEqual(whole.told)
  })

  it("are what a late event builds on", () => withHistory(0, buildOnEarly, manyMessages))
})

/** Bob's server sends what Alice's sent it once more: some of the oldest, and some in the middle. */
const sendAgain = Effect.fnUntraced(function* (
  { servers, roomId, ids }: Played & Told,
  transactionId: string,
) {
  const { dag, timeline } = servers.get("s1")!.rooms.find(roomId)!
  const before = [timeline.length, dag.held.evicted.size, dag.forwardExtremities()]
  const again = [0, 1, 2, 150, 151, 300].map((nth) => ids[nth]!)
  const pdus = again.map((id) => dag.timeline(id)!.event.pdu)
  const answer = yield* servers
    .get("s2")!
    .client.call("s1", (api) => api.transactions.send({ params: { transactionId }, payload: { pdus } }))
  expect(answer.pdus).toEqual(Object.fromEntries(again.map((id) => [id, {}])))
  expect([timeline.length, dag.held.evicted.size, dag.forwardExtremities()]).toEqual(before)
  return answer
})

/** Page after page from the end of the room to its beginning. */
const allMessages = Effect.fnUntraced(function* ({ alice, room }: Pick<Told, "alice" | "room">) {
  const pages: JsonObject[] = []
  for (let from = ""; ; from = `&from=${String(pages.at(-1)!.end)}`) {
    const { body } = yield* alice.get(`${room}/messages?dir=b&limit=100${from}`)
    pages.push(body)
    if (body.end === undefined) return pages
  }
})

/** What Bob's server gets of gaps that it says it has, near and far. */
const pastAsServersGetIt = Effect.fnUntraced(function* ({ servers, roomId, ids }: Played & Told) {
  const { client } = servers.get("s2")!
  const got: unknown[] = []
  for (const nth of [20, 180, 380]) {
    const query = { v: [ids[nth]!], limit: 50 }
    got.push(yield* client.call("s1", (api) => api.history.backfill({ params: { roomId }, query })))
    const payload = { earliest_events: [ids[nth - 15]!], latest_events: [ids[nth]!], limit: 20, min_depth: 0 }
    const missing = yield* client.call("s1", (api) =>
      api.history.getMissingEvents({ params: { roomId }, payload }),
    )
    // Among the first ones are a topic and a redaction.
    expect(missing.events).toHaveLength(nth === 20 ? 16 : 14)
    got.push(missing)
  }
  return got
})

/** Carol joins on a third server, which fetches the past page by page as she goes back in it. */
const joinAndReadAll = Effect.fnUntraced(function* (world: Played & Told) {
  const { ids, room, roomId, stage } = world
  const carol = yield* registerClient(world, "s3", "carol")
  yield* carol.post(`/join/${path(roomId)}?via=s1`)
  yield* stage.quiet
  const pages = yield* allMessages({ alice: carol, room })
  const told = pages.flatMap(({ chunk }) => (chunk as readonly JsonObject[]).map((event) => event.event_id))
  expect(ids.filter((id) => !told.includes(id))).toEqual([])
  return told
})

/** Bob sends what follows on one of the first messages. */
const buildOnEarly = Effect.fnUntraced(function* (world: Played & Told) {
  const { servers, roomId, ids, bob } = world
  const { dag } = servers.get("s1")!.rooms.find(roomId)!
  expect(dag.held.evicted.find(ids[2]!)).toBeGreaterThanOrEqual(0)
  const { stateAfter, event } = dag.timeline(ids[2]!)!
  const draft = { type: "m.room.message", sender: bob.userId, content: { body: "late" } }
  const pdu = yield* craftPdu(world, "s2", roomId, draft, (complete) => ({
    ...complete,
    prev_events: [ids[2]!],
    depth: Number(event.depth) + 1,
  }))
  const eventId = eventIdOf(pdu, dag.rules.version)!
  const answer = yield* servers
    .get("s2")!
    .client.call("s1", (api) =>
      api.transactions.send({ params: { transactionId: "late" }, payload: { pdus: [pdu] } }),
    )
  expect(answer.pdus).toEqual({ [eventId]: {} })
  const late = dag.timeline(eventId)
  expect(late?.verdict).toBe("accepted")
  expect(late?.stateBefore).toBe(stateAfter)
  expect(dag.held.childrenOf(ids[2]!)).toEqual([ids[3], eventId])
})
