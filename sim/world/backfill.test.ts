/** What a server that was away makes of the history that another tells it page by page. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { Event } from "#spec-impl/core/event.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { reply } from "../network/rules.ts"
import { craftPdu, message } from "./testing/craft-event.ts"
import { alterAnswer } from "./testing/handshake.ts"
import { type Played, play } from "./testing/play.ts"
import { roomOn, verdictOn } from "./testing/views.ts"
import { unfinishedOn } from "./unfinished.ts"

const alice = "@alice:s1"
const isBackfill = { source: "s2", path: /\/backfill\// }
const nothing = alterAnswer((body) => ({ ...body, pdus: [] }))

/** Alice's room on s1 with Bob of s2 and Carol of s3. */
const inRoom = (story: (played: Played, roomId: string) => Effect.Effect<unknown, unknown>) =>
  play({ servers: 3, roomVersion: "11" }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user(alice).createRoom()
      for (const userId of ["@bob:s2", "@carol:s3"]) yield* stage.user(userId).join(roomId, "s1")
      yield* stage.quiet
      yield* story(played, roomId)
    }),
  )

const talk = Effect.fnUntraced(function* ({ stage }: Played, roomId: string, count: number) {
  const said: Event[] = []
  for (let number = 0; number < count; number++) {
    said.push(yield* stage.user(alice).say(roomId, `message ${number}`))
    yield* stage.wait(100)
  }
  return said
})

describe("backfill", () => {
  it("goes on without an event whose auth events are not to be had, and never asks of too many in one URL", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, requests } = played
        const create = roomOn(played, "s1", roomId).dag.create()!.eventId
        const odd = yield* craftPdu(played, "s1", roomId, message(alice, "odd"), (pdu) => ({
          ...pdu,
          depth: 2,
          prev_events: [create],
          auth_events: [...(pdu.auth_events as readonly string[]), `$${"x".repeat(43)}`],
        }))
        const wide = yield* craftPdu(played, "s1", roomId, message(alice, "wide"), (pdu) => ({
          ...pdu,
          depth: 3,
          prev_events: Array.from({ length: 300 }, (_, at) => `$${String(at).padStart(43, "y")}`),
        }))
        const adding = alterAnswer((body) => ({ ...body, pdus: [odd, wide, ...(body.pdus as JsonObject[])] }))
        yield* stage.rule("odd", isBackfill, adding)
        yield* stage.partition(["s1", "s3"], ["s2"])
        const said = yield* talk(played, roomId, 40)
        yield* stage.heal
        yield* stage.quiet
        const verdicts = said.map(({ eventId }) => verdictOn(played, "s2", roomId, eventId))
        expect(new Set(verdicts)).toEqual(new Set(["accepted"]))
        const asked = requests.filter(({ target }) => target.includes("/backfill/"))
        expect(asked.length).toBeGreaterThan(2)
        expect(Math.max(...asked.map(({ target }) => target.length))).toBeLessThan(4_000)
      }),
    ))

  it("keeps what came before a page that is not to be had", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.partition(["s1"], ["s2"], ["s3"])
        yield* talk(played, roomId, 120)
        const aside = yield* stage.user("@carol:s3").say(roomId, "meanwhile")
        yield* stage.partition(["s1", "s3"], ["s2"])
        yield* stage.quiet
        yield* talk(played, roomId, 15)
        let pages = 0
        const isLater = () => {
          pages += 1
          return pages > 1
        }
        yield* stage.rule("later pages", { ...isBackfill, body: isLater }, reply(500, {}))
        yield* stage.partition(["s1", "s2"], ["s3"])
        yield* stage.quiet
        expect(pages).toBeGreaterThan(1)
        expect(verdictOn(played, "s2", roomId, aside.eventId)).toBe("accepted")
      }),
    ))

  it("behind what is soft-failed finds no past: a topic that only a banned user's messages build on is the topic", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage
          .user(alice)
          .setState(roomId, "m.room.power_levels", { users: { [alice]: 100, "@carol:s3": 50 } })
        yield* stage.quiet
        let isLosing = true
        const lost = { destination: "s3", path: /\/send\//, body: () => isLosing }
        yield* stage.rule("lost", lost, reply(200, { pdus: {} }))
        const topic = yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "ours" })
        yield* stage.quiet
        const first = yield* stage.user("@bob:s2").say(roomId, "first")
        for (let number = 0; number < 40; number++) yield* stage.user("@bob:s2").say(roomId, `${number}`)
        yield* stage.quiet
        yield* stage.partition(["s1", "s2"], ["s3"])
        isLosing = false
        yield* stage.user("@bob:s2").say(roomId, "last")
        yield* stage.user("@carol:s3").ban(roomId, "@bob:s2")
        yield* stage.partition(["s1"], ["s2", "s3"])
        yield* stage.quiet
        const verdicts = [topic, first].map(({ eventId }) => verdictOn(played, "s3", roomId, eventId))
        expect(verdicts).toEqual(["accepted", "soft-failed"])
        expect(stage.stateOf("s3", roomId, "m.room.topic")?.content).toEqual({ topic: "ours" })
      }),
    ))

  it.each(["cannot be reached", "fails to answer"])("goes on for as long as who has the history %s", (how) =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        let isFailing = true
        yield* stage.rule("failing", { ...isBackfill, body: () => isFailing }, reply(500, {}))
        yield* stage.partition(["s1"], ["s2"], ["s3"])
        const [, , , , , missed] = yield* talk(played, roomId, 40)
        yield* stage.partition(["s1", "s2"], ["s3"])
        yield* stage.wait(10_000)
        expect(verdictOn(played, "s2", roomId, missed!.eventId)).toBeUndefined()
        if (how === "cannot be reached") {
          yield* stage.partition(["s1"], ["s2", "s3"])
          isFailing = false
        }
        yield* stage.wait(86_400_000)
        isFailing = false
        yield* stage.heal
        yield* stage.quiet
        expect(verdictOn(played, "s2", roomId, missed!.eventId)).toBe("accepted")
      }),
    ),
  )

  it("asks who made the event that builds on it, though no user of that server is in the room any more", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const lose = { source: "s1", destination: "s2", path: /\/send\// }
        yield* stage.rule("lost", lose, reply(200, { pdus: {} }))
        const [missed] = yield* talk(played, roomId, 40)
        yield* stage.user(alice).leave(roomId)
        yield* stage.quiet
        yield* stage.partition(["s1"], ["s2", "s3"])
        yield* stage.rule("forgetful", { source: "s2", destination: "s3", path: /\/backfill\// }, nothing)
        yield* stage.user("@carol:s3").say(roomId, "she is gone")
        yield* stage.wait(86_400_000)
        expect(verdictOn(played, "s2", roomId, missed!.eventId)).toBeUndefined()
        yield* stage.heal
        yield* stage.quiet
        expect(verdictOn(played, "s2", roomId, missed!.eventId)).toBe("accepted")
      }),
    ))

  it("asks who was in the room by the event that builds on it, though it was removed here", () =>
    play({ servers: 3, roomVersion: "11" }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const roomId = yield* stage.user(alice).createRoom()
        yield* stage.user("@bob:s2").join(roomId, "s1")
        // By this one s3 knows Alice's keys.
        yield* stage.user("@carol:s3").join(yield* stage.user(alice).createRoom(), "s1")
        yield* stage.quiet
        yield* stage.rule("lost", { source: "s2", path: /\/send\// }, reply(200, { pdus: {} }))
        yield* stage.partition(["s1"], ["s2", "s3"])
        const unheard = yield* stage.user("@bob:s2").say(roomId, "unheard")
        yield* stage.user("@carol:s3").join(roomId, "s2")
        yield* stage.user(alice).kick(roomId, "@bob:s2")
        yield* stage.partition(["s1", "s3"], ["s2"])
        const here = yield* stage.user("@carol:s3").say(roomId, "here")
        yield* stage.wait(10_000)
        expect(roomOn(played, "s1", roomId).dag.holds(here.eventId)).toBe(true)
        yield* stage.heal
        yield* stage.quiet
        expect(roomOn(played, "s1", roomId).dag.isInHistory(unheard.eventId)).toBe(true)
      }),
    ))

  it("waits for nobody once all have said for long that they have nothing, though one was away for a while", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        yield* stage.rule("empty", isBackfill, nothing)
        yield* stage.partition(["s1"], ["s2"], ["s3"])
        yield* talk(played, roomId, 40)
        yield* stage.partition(["s1", "s2"], ["s3"])
        yield* stage.wait(600_000)
        expect(unfinishedOn(servers.get("s2")!)).toHaveLength(1)
        yield* stage.heal
        yield* stage.quiet
        expect(servers.get("s2")!.resyncs.waiting()).toHaveLength(1)
        expect(unfinishedOn(servers.get("s2")!)).toEqual([])
      }),
    ))

  it("that was given up begins anew when there is one more gap, though that is not filled", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        let told = ""
        const telling = alterAnswer((body) => ({
          ...body,
          pdus: (body.pdus as JsonObject[]).filter(({ content }) => JSON.stringify(content).includes(told)),
        }))
        const apart = Effect.fnUntraced(function* (of: string, count: number) {
          yield* stage.partition(["s1", "s3"], ["s2"])
          const said: Event[] = []
          for (let at = 0; at < count; at++) {
            said.push(yield* stage.user(alice).say(roomId, `${of} ${at}`))
            yield* stage.wait(100)
          }
          yield* stage.heal
          yield* stage.quiet
          return said
        })
        yield* stage.rule("telling", isBackfill, telling)
        told = "nothing"
        const first = yield* apart("first", 40)
        yield* stage.wait(86_400_000)
        told = "first"
        const second = yield* apart("second", 120)
        yield* stage.wait(86_400_000)
        const verdicts = [first, second].map((said) => verdictOn(played, "s2", roomId, said[20]!.eventId))
        expect(verdicts).toEqual(["accepted", undefined])
      }),
    ))

  it("is given up where all servers say for long that they have nothing", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, requests } = played
        yield* stage.rule("empty", isBackfill, nothing)
        yield* stage.partition(["s1", "s3"], ["s2"])
        yield* talk(played, roomId, 40)
        yield* stage.heal
        yield* stage.wait(3_600_000)
        const asked = requests.filter(({ target }) => target.includes("/backfill/")).length
        expect(asked).toBeGreaterThan(10)
        yield* stage.wait(86_400_000)
        expect(requests.filter(({ target }) => target.includes("/backfill/"))).toHaveLength(asked)
      }),
    ))
})
