/** What servers may see of a room's past, by m.room.history_visibility, and what is kept of what they may not. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { Event } from "#spec-impl/core/event.ts"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { TimestampSearch } from "#spec-impl/federation/history/timestamp-search.ts"
import { drop } from "../network/rules.ts"
import { craftPdu } from "./testing/craft-event.ts"
import { type Played, type PlayOptions, play, refusal } from "./testing/play.ts"

const bob = "@bob:s2"

/**
 * Alice (s1) speaks before Bob (s2) is invited, while he is, and once he has joined; and sets a topic anew in each
 * of these times. s3 has been in the room from the start.
 */
const withPast = <A, E>(
  options: PlayOptions & { readonly visibility: string | undefined },
  story: (played: Played, roomId: string, events: Readonly<Record<string, Event>>) => Effect.Effect<A, E>,
) =>
  play({ servers: 3, ...options }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const alice = stage.user("@alice:s1")
      const name = { type: "m.room.name", stateKey: "", content: { name: "the room" } }
      const content = { history_visibility: options.visibility ?? "" }
      const visibility = { type: "m.room.history_visibility", stateKey: "", content }
      const initialState = options.visibility === undefined ? [name] : [visibility, name]
      const roomId = yield* alice.createRoom({ initialState })
      const events: Record<string, Event> = {}
      const speak = Effect.fnUntraced(function* (when: string) {
        yield* stage.wait(100)
        events[`topic ${when}`] = yield* alice.setState(roomId, "m.room.topic", { topic: when })
        events[when] = yield* alice.say(roomId, when)
        yield* stage.wait(100)
      })
      yield* stage.user("@carol:s3").join(roomId, "s1")
      yield* speak("before")
      events.invite = yield* alice.invite(roomId, bob)
      yield* speak("invited")
      yield* stage.user(bob).join(roomId, "s1")
      yield* speak("joined")
      yield* stage.quiet
      return yield* story(played, roomId, events)
    }),
  )

const sightOf = (pdu: JsonObject | undefined): string =>
  pdu === undefined ? "nothing" : Object.keys(pdu.content as object).length === 0 ? "redacted" : "whole"

/** How `server` gets one event from s1 by each endpoint that tells of the past. */
const sights = (played: Played, server: string, roomId: string, { eventId }: Event, tip: Event) =>
  Effect.gen(function* () {
    const { client } = played.servers.get(server)!
    const asked = yield* client.call("s1", (api) => api.history.event({ params: { eventId } }))
    const back = yield* client.call("s1", (api) =>
      api.history.backfill({ params: { roomId }, query: { v: [eventId], limit: 1 } }),
    )
    const payload = { earliest_events: [], latest_events: [tip.eventId], limit: 20 }
    const missing = yield* client.call("s1", (api) =>
      api.history.getMissingEvents({ params: { roomId }, payload }),
    )
    const dag = played.servers.get("s1")!.rooms.find(roomId)!.dag
    const wanted = dag.record(eventId)!.event.pdu.hashes as JsonObject
    const isIt = (pdu: JsonObject) => (pdu.hashes as JsonObject).sha256 === wanted.sha256
    return [asked.pdus[0], back.pdus[0], missing.events.find(isIt)].map(sightOf)
  })

const thrice = (sight: string) => [sight, sight, sight]

describe("what a server sees of the time before its user came", () => {
  const expected: readonly (readonly [string | undefined, before: string, invited: string])[] = [
    ["world_readable", "whole", "whole"],
    ["shared", "whole", "whole"],
    [undefined, "whole", "whole"],
    ["no such thing", "whole", "whole"],
    ["invited", "redacted", "whole"],
    ["joined", "redacted", "redacted"],
  ]
  for (const [visibility, before, invited] of expected) {
    it(`${visibility ?? "nothing said"}: ${before} before the invite, ${invited} while invited`, async () => {
      await withPast({ visibility }, (played, roomId, events) =>
        Effect.gen(function* () {
          const tip = yield* played.stage.user("@alice:s1").say(roomId, "tip")
          const seen = (server: string, name: string) => sights(played, server, roomId, events[name]!, tip)
          expect(yield* seen("s2", "before")).toEqual(thrice(before))
          expect(yield* seen("s2", "topic before")).toEqual(thrice(before))
          expect(yield* seen("s2", "invited")).toEqual(thrice(invited))
          expect(yield* seen("s2", "invite")).toEqual(thrice("whole"))
          expect(yield* seen("s2", "joined")).toEqual(thrice("whole"))
          expect(yield* seen("s3", "before")).toEqual(thrice("whole"))
        }),
      )
    })
  }

  it("what is in the room's state now, and what events are authorised by, is whole: it is told with any state", async () => {
    await withPast({ visibility: "joined" }, (played, roomId, events) =>
      Effect.gen(function* () {
        const { client } = played.servers.get("s2")!
        const dag = played.servers.get("s1")!.rooms.find(roomId)!.dag
        const name = played.stage.stateOf("s1", roomId, "m.room.name")!
        for (const { eventId, pdu } of [dag.create()!, name, events["topic joined"]!]) {
          const { pdus } = yield* client.call("s1", (api) => api.history.event({ params: { eventId } }))
          expect(pdus).toEqual([pdu])
        }
      }),
    )
  })

  it("who has left still sees what was shared before", async () => {
    await withPast({ visibility: "shared" }, (played, roomId, events) =>
      Effect.gen(function* () {
        const leave = yield* played.stage.user(bob).leave(roomId)
        yield* played.stage.quiet
        const { client } = played.servers.get("s2")!
        const { pdus } = yield* client.call("s1", (api) =>
          api.history.backfill({ params: { roomId }, query: { v: [leave.eventId], limit: 20 } }),
        )
        expect(pdus).toContainEqual(events.before!.pdu)
      }),
    )
  })

  it("a change of visibility is seen by whom it lets see, before or after it", async () => {
    await withPast({ visibility: "joined" }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const alice = stage.user("@alice:s1")
        const set = (history_visibility: string) =>
          alice.setState(roomId, "m.room.history_visibility", { history_visibility, body: "why" })
        yield* stage.user(bob).leave(roomId)
        yield* stage.quiet
        const opened = yield* set("world_readable")
        const said = yield* alice.say(roomId, "open to all")
        const closed = yield* set("joined")
        const hidden = yield* alice.say(roomId, "closed again")
        yield* set("joined")
        yield* stage.user(bob).join(roomId, "s1")
        const { client } = servers.get("s2")!
        const seen: string[] = []
        for (const { eventId } of [opened, said, closed, hidden]) {
          const { pdus } = yield* client.call("s1", (api) => api.history.event({ params: { eventId } }))
          seen.push("body" in (pdus[0]!.content as object) ? "whole" : "redacted")
        }
        expect(seen).toEqual(["whole", "whole", "whole", "redacted"])
      }),
    )
  })

  it("a redacted copy never takes the place of an event that is held whole", async () => {
    await withPast({ visibility: "joined" }, (played, roomId, events) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        // Bob's look-up has s2 fetch the room's past; the last topic before his join came whole with the join.
        const search = Context.get(servers.get("s2")!.services, TimestampSearch)
        yield* Effect.ignore(search.closest(bob, roomId, 0, "f"))
        const dag = servers.get("s2")!.rooms.find(roomId)!.dag
        expect(dag.timeline(events.before!.eventId)?.event.content).toEqual({})
        expect(dag.timeline(events["topic before"]!.eventId)?.event.content).toEqual({})
        expect(dag.timeline(events["topic invited"]!.eventId)?.event.content).toEqual({ topic: "invited" })
        expect(dag.forwardExtremities()).toEqual([events.joined!.eventId])
        yield* stage.quiet
      }),
    )
  })
})

describe("events that a server rejected or soft-failed", () => {
  /** Bob is banned on s1 while he speaks on s2: s1 soft-fails what he says. Gives that and what cites it. */
  const withSoftFailed = <A, E>(
    story: (
      played: Played,
      roomId: string,
      softFailed: Event,
      citing: Event,
      ban: Event,
    ) => Effect.Effect<A, E>,
  ) =>
    play({ servers: 3 }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const alice = stage.user("@alice:s1")
        const roomId = yield* alice.createRoom()
        yield* stage.user(bob).join(roomId, "s1")
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.quiet
        yield* stage.partition(["s1"], ["s2", "s3"])
        const ban = yield* alice.ban(roomId, bob)
        const softFailed = yield* stage.user(bob).say(roomId, "I am still here")
        yield* stage.wait(1_000)
        const citing = yield* stage.user("@carol:s3").say(roomId, "I heard him")
        yield* stage.wait(1_000)
        yield* stage.heal
        yield* stage.quiet
        return yield* story(played, roomId, softFailed, citing, ban)
      }),
    )

  it("soft-failed: told to who asks for it or for what cites it, and otherwise not", async () => {
    await withSoftFailed((played, roomId, { eventId }, citing, ban) =>
      Effect.gen(function* () {
        const dag = played.servers.get("s1")!.rooms.find(roomId)!.dag
        expect(dag.timeline(eventId)?.verdict).toBe("soft-failed")
        const { client } = played.servers.get("s3")!
        const hash = dag.record(eventId)!.event.pdu.hashes
        const has = (pdus: readonly JsonObject[]) =>
          pdus.some((pdu) => JSON.stringify(pdu.hashes) === JSON.stringify(hash))
        const one = yield* client.call("s1", (api) => api.history.event({ params: { eventId } }))
        expect(has(one.pdus)).toBe(true)
        for (const [tip, told] of [
          [citing, true],
          [ban, false],
        ] as const) {
          const payload = { earliest_events: [], latest_events: [tip.eventId], limit: 20 }
          const missing = yield* client.call("s1", (api) =>
            api.history.getMissingEvents({ params: { roomId }, payload }),
          )
          expect(has(missing.events)).toBe(told)
          const back = yield* client.call("s1", (api) =>
            api.history.backfill({ params: { roomId }, query: { v: [tip.eventId], limit: 100 } }),
          )
          expect(has(back.pdus)).toBe(told)
        }
        const later = Number(dag.record(eventId)!.event.originServerTs)
        const found = yield* client.call("s1", (api) =>
          api.history.timestampToEvent({ params: { roomId }, query: { ts: later, dir: "f" } }),
        )
        expect(found.event_id).not.toBe(eventId)
      }),
    )
  })

  it("rejected: told like all others, for each server judges for itself", async () => {
    await withSoftFailed((played, roomId) =>
      Effect.gen(function* () {
        const draft = { type: "m.room.topic", sender: "@carol:s3", stateKey: "", content: { topic: "mine" } }
        const pdu = yield* craftPdu(played, "s3", roomId, draft)
        const eventId = eventIdOf(pdu, roomVersion("12")!)!
        const { client } = played.servers.get("s3")!
        yield* client.call("s1", (api) =>
          api.transactions.send({ params: { transactionId: "rejected" }, payload: { pdus: [pdu] } }),
        )
        const dag = played.servers.get("s1")!.rooms.find(roomId)!.dag
        expect(dag.timeline(eventId)?.verdict).toBe("rejected")
        const one = yield* client.call("s1", (api) => api.history.event({ params: { eventId } }))
        expect(one.pdus).toEqual([pdu])
        const back = yield* client.call("s1", (api) =>
          api.history.backfill({ params: { roomId }, query: { v: [eventId], limit: 2 } }),
        )
        expect(back.pdus[0]).toEqual(pdu)
        const ts = Number(pdu.origin_server_ts)
        const found = yield* client.call("s1", (api) =>
          api.history.timestampToEvent({ params: { roomId }, query: { ts, dir: "b" } }),
        )
        expect(found.event_id).not.toBe(eventId)
      }),
    )
  })

  it("what was dropped is no more told than what never came", async () => {
    await play({ servers: 2 }, ({ stage, servers }) =>
      Effect.gen(function* () {
        const roomId = yield* stage.user("@alice:s1").createRoom()
        yield* stage.user(bob).join(roomId, "s1")
        yield* stage.rule("lost", { source: "s2", path: /\/send\// }, drop)
        const said = yield* stage.user(bob).say(roomId, "lost")
        const asked = servers
          .get("s2")!
          .client.call("s1", (api) => api.history.event({ params: { eventId: said.eventId } }))
        expect(yield* refusal(asked)).toContain("404 M_NOT_FOUND")
      }),
    )
  })
})
