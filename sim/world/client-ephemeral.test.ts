/** Client-server API: typing, receipts, presence, account data and push rules, as devices tell and are told. */
import { Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { registerClient } from "./testing/client.ts"
import { alice, bob, inRoom, waitingSync, withClients } from "./testing/client-stories.ts"
import { Syncing } from "./testing/syncing.ts"

const bothSynced = (...syncing: readonly Syncing[]) => Effect.forEach(syncing, (one) => one.next())

describe("typing", () => {
  it("wakes those who share the room, and ends when the user stops or says no more", () =>
    inRoom((played, roomId, own, other) =>
      Effect.gen(function* () {
        yield* bothSynced(own, other)
        const waiting = yield* waitingSync(played, other)
        const typing = `/rooms/${roomId}/typing/${alice}`
        expect((yield* own.client.put(typing, { typing: true, timeout: 20_000 })).body).toEqual({})
        expect((yield* Fiber.join(waiting)).joined(roomId).ephemeral("m.typing")).toEqual({
          user_ids: [alice],
        })
        yield* own.client.put(typing, { typing: false })
        yield* played.stage.quiet
        expect((yield* other.next()).joined(roomId).ephemeral("m.typing")).toEqual({ user_ids: [] })
        expect((yield* own.next()).joined(roomId).ephemeral("m.typing")).toEqual({ user_ids: [] })
        yield* own.client.put(typing, { typing: true, timeout: 5_000 })
        const first = yield* other.next({ timeout: "30000" })
        expect(first.joined(roomId).ephemeral("m.typing")).toEqual({ user_ids: [alice] })
        const before = played.kernel.elapsedMs
        const second = yield* other.next({ timeout: "30000" })
        expect(second.joined(roomId).ephemeral("m.typing")).toEqual({ user_ids: [] })
        expect(played.kernel.elapsedMs - before).toBeLessThan(6_000)
      }),
    ))

  it("of a server that falls silent ends by itself, for who waits as well", () =>
    inRoom((played, roomId, own, other) =>
      Effect.gen(function* () {
        yield* bothSynced(own, other)
        yield* own.client.put(`/rooms/${roomId}/typing/${alice}`, { typing: true, timeout: 50_000 })
        yield* other.next({ timeout: "5000" })
        yield* played.stage.partition(["s1"], ["s2"])
        const before = played.kernel.elapsedMs
        const ended = yield* other.next({ timeout: "120000" })
        expect(ended.joined(roomId).ephemeral("m.typing")).toEqual({ user_ids: [] })
        expect(played.kernel.elapsedMs - before).toBeGreaterThan(55_000)
        expect(played.kernel.elapsedMs - before).toBeLessThan(61_000)
      }),
    ))

  it("is for oneself alone, and for members", () =>
    inRoom((_played, roomId, { client }) =>
      Effect.gen(function* () {
        const path = `/rooms/${roomId}/typing`
        expect((yield* client.put(`${path}/${bob}`, { typing: true })).body.errcode).toBe("M_FORBIDDEN")
        expect((yield* client.put(`${path}/${alice}`, { typing: "yes" })).body.errcode).toBe("M_BAD_JSON")
        const elsewhere = yield* client.put(`/rooms/!nowhere/typing/${alice}`, { typing: true })
        expect([elsewhere.status, elsewhere.body.errcode]).toEqual([404, "M_NOT_FOUND"])
      }),
    ))
})

describe("receipts", () => {
  it("are told to all members, private ones to oneself, with their threads; and outlive a restart", () =>
    inRoom((played, roomId, own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        const { eventId } = yield* stage.user(bob).say(roomId, "read me")
        const carol = new Syncing(yield* registerClient(played, "s1", "carol"))
        yield* stage.user("@carol:s1").join(roomId)
        yield* stage.quiet
        yield* bothSynced(own, other, carol)
        const path = (type: string) => `/rooms/${roomId}/receipt/${type}/${encodeURIComponent(eventId)}`
        expect((yield* own.client.post(path("m.read"), {})).body).toEqual({})
        yield* own.client.post(path("m.read"), { thread_id: "main" })
        yield* own.client.post(path("m.read.private"))
        yield* stage.quiet
        const seen = yield* other.next()
        const events = seen.joined(roomId).json?.ephemeral.events ?? []
        expect(events.map(({ content }) => content)).toEqual([
          { [eventId]: { "m.read": { [alice]: { ts: expect.any(Number), thread_id: "main" } } } },
          { [eventId]: { "m.read": { [alice]: { ts: expect.any(Number) } } } },
        ])
        const mine = (yield* own.next()).joined(roomId).json?.ephemeral.events ?? []
        expect(JSON.stringify(mine)).toContain("m.read.private")
        expect(JSON.stringify(events)).not.toContain("m.read.private")
        const near = (yield* carol.next()).joined(roomId).json?.ephemeral.events ?? []
        expect(near.map(({ content }) => content)).toEqual(events.map(({ content }) => content))
        yield* stage.crash("s1")
        yield* stage.restart("s1")
        const again = new Syncing(own.client)
        expect(JSON.stringify((yield* again.next()).joined(roomId).json?.ephemeral)).toContain(
          "m.read.private",
        )
      }),
    ))

  it("that are none are refused", () =>
    inRoom((played, roomId, { client }) =>
      Effect.gen(function* () {
        const { eventId } = yield* played.stage.user(alice).say(roomId, "read me")
        const event = encodeURIComponent(eventId)
        const code = (path: string, body: object = {}) =>
          Effect.map(client.post(`/rooms/${roomId}/${path}`, { ...body }), (answer) => answer.body.errcode)
        expect(yield* code(`receipt/m.unread/${event}`)).toBe("M_INVALID_PARAM")
        expect(yield* code(`receipt/m.read/${event}`, { thread_id: "" })).toBe("M_INVALID_PARAM")
        expect(yield* code(`receipt/m.read/${event}`, { thread_id: 1 })).toBe("M_INVALID_PARAM")
        expect(yield* code(`receipt/m.read/${event}`, { thread_id: "$other" })).toBe("M_INVALID_PARAM")
        expect(yield* code(`receipt/m.fully_read/${event}`, { thread_id: "main" })).toBe("M_INVALID_PARAM")
        expect(yield* code("receipt/m.read/$nothing")).toBe("M_NOT_FOUND")
        expect(yield* code("read_markers", { "m.fully_read": "$nothing" })).toBe("M_NOT_FOUND")
      }),
    ))

  it("and the read marker are set together", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        const { eventId } = yield* played.stage.user(alice).say(roomId, "read me")
        yield* own.next()
        yield* own.client.post(`/rooms/${roomId}/read_markers`, {
          "m.fully_read": eventId,
          "m.read": eventId,
        })
        const room = (yield* own.next()).joined(roomId)
        expect(room.json?.account_data.events).toEqual([
          { type: "m.fully_read", content: { event_id: eventId } },
        ])
        expect(room.ephemeral("m.receipt")).toHaveProperty([eventId, "m.read", alice])
      }),
    ))
})

describe("unread notifications", () => {
  it("are counted by the push rules, up to what the user has read or said", () =>
    inRoom((played, roomId, own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        const counts = Effect.map(own.next(), (synced) => synced.joined(roomId).json?.unread_notifications)
        const count = (notified: number, highlighted = 0) => ({
          notification_count: notified,
          highlight_count: highlighted,
        })
        expect(yield* counts).toEqual(count(0))
        yield* stage.user(bob).say(roomId, "one")
        const mention = { msgtype: "m.text", body: "Alice!", "m.mentions": { user_ids: [alice] } }
        const two = yield* other.client.put(`/rooms/${roomId}/send/m.room.message/two`, mention)
        yield* stage.user(bob).say(roomId, "three")
        yield* stage.quiet
        expect(yield* counts).toEqual(count(3, 1))
        yield* own.client.post(
          `/rooms/${roomId}/receipt/m.read.private/${encodeURIComponent(String(two.body.event_id))}`,
        )
        expect(yield* counts).toEqual(count(1))
        yield* stage.user(alice).say(roomId, "I have read that")
        expect(yield* counts).toEqual(count(0))
        yield* stage.user(bob).say(roomId, "four")
        yield* stage.quiet
        const muted = { actions: [], conditions: [] }
        yield* own.client.put("/pushrules/global/override/mute", muted)
        expect(yield* counts).toEqual(count(0))
      }),
    ))

  it("are counted thread by thread for who wants that", () =>
    inRoom((played, roomId, own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        const filter = JSON.stringify({ room: { timeline: { unread_thread_notifications: true } } })
        const root = yield* stage.user(bob).say(roomId, "root")
        const relation = { "m.relates_to": { rel_type: "m.thread", event_id: root.eventId } }
        const reply = { msgtype: "m.text", body: "in the thread", ...relation }
        const sent = yield* other.client.put(`/rooms/${roomId}/send/m.room.message/reply`, reply)
        yield* stage.quiet
        const one = { notification_count: 1, highlight_count: 0 }
        expect((yield* own.next({ filter })).joined(roomId).json).toMatchObject({
          unread_notifications: one,
          unread_thread_notifications: { [root.eventId]: one },
        })
        const path = `/rooms/${roomId}/receipt/m.read/${encodeURIComponent(String(sent.body.event_id))}`
        yield* own.client.post(path, { thread_id: root.eventId })
        const read = (yield* own.next({ filter })).joined(roomId).json
        expect(read).toMatchObject({ unread_notifications: one })
        expect(read).not.toHaveProperty("unread_thread_notifications")
      }),
    ))
})

describe("presence", () => {
  it("is told to who shares a room, and read by them alone", () =>
    inRoom((played, _roomId, own, other) =>
      Effect.gen(function* () {
        yield* bothSynced(own, other)
        const path = `/presence/${alice}/status`
        expect((yield* own.client.put(path, { presence: "online", status_msg: "here" })).body).toEqual({})
        yield* played.stage.quiet
        const content = { presence: "online", status_msg: "here", currently_active: true }
        expect((yield* other.next()).events("presence")).toMatchObject([{ sender: alice, content }])
        expect((yield* other.client.get(path)).body).toMatchObject(content)
        const carol = yield* registerClient(played, "s2", "carol")
        expect((yield* carol.get(path)).status).toBe(403)
        expect((yield* other.client.put(path, { presence: "online" })).status).toBe(403)
        expect((yield* own.client.put(path, { presence: "busy" })).body.errcode).toBe("M_BAD_JSON")
      }),
    ))

  it("is `online` for who syncs, told once and with the status message that was there", () =>
    inRoom((played, _roomId, own, other) =>
      Effect.gen(function* () {
        yield* own.client.put(`/presence/${alice}/status`, { presence: "unavailable", status_msg: "tea" })
        yield* played.stage.quiet
        yield* bothSynced(other)
        yield* own.next({ set_presence: "online" })
        yield* played.stage.quiet
        expect((yield* other.next()).events("presence")).toMatchObject([
          { content: { presence: "online", status_msg: "tea" } },
        ])
        yield* own.next({ set_presence: "online" })
        yield* played.stage.quiet
        expect((yield* other.next()).events("presence")).toEqual([])
      }),
    ))
})

describe("account data", () => {
  it("of a room and of none is told to the user's other devices, and kept", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        yield* own.next()
        const waiting = yield* waitingSync(played, own)
        const path = `/user/${alice}/account_data/org.example`
        expect((yield* own.client.get(path)).body.errcode).toBe("M_NOT_FOUND")
        yield* own.client.put(path, { a: 1 })
        expect((yield* Fiber.join(waiting)).events("account_data")).toEqual([
          { type: "org.example", content: { a: 1 } },
        ])
        const ofRoom = `/user/${alice}/rooms/${roomId}/account_data/org.example`
        yield* own.client.put(ofRoom, { b: 2 })
        yield* own.client.put(`/user/${alice}/rooms/${roomId}/tags/m.favourite`, { order: 1 })
        expect((yield* own.next()).joined(roomId).json?.account_data.events).toEqual([
          { type: "m.tag", content: { tags: { "m.favourite": { order: 1 } } } },
          { type: "org.example", content: { b: 2 } },
        ])
        yield* played.stage.crash("s1")
        yield* played.stage.restart("s1")
        expect((yield* own.client.get(path)).body).toEqual({ a: 1 })
        expect((yield* own.client.get(ofRoom)).body).toEqual({ b: 2 })
        expect((yield* own.client.get(`/user/${alice}/rooms/${roomId}/tags`)).body).toEqual({
          tags: { "m.favourite": { order: 1 } },
        })
        yield* own.client.delete(`/user/${alice}/rooms/${roomId}/tags/m.favourite`)
        expect((yield* own.client.get(`/user/${alice}/rooms/${roomId}/tags`)).body).toEqual({ tags: {} })
        // What is not known to have been told before the restart is told again.
        expect((yield* own.next()).events("account_data").map(({ type }) => type)).toEqual([
          "m.push_rules",
          "org.example",
        ])
        expect((yield* own.next()).events("account_data")).toEqual([])
      }),
    ))

  it("is nobody else's, and some of it the server's own", () =>
    withClients((_played, { client }) =>
      Effect.gen(function* () {
        const code = (path: string, body: object = {}) =>
          Effect.map(client.put(path, { ...body }), ({ status, body: { errcode } }) => [status, errcode])
        expect(yield* code(`/user/${bob}/account_data/x`)).toEqual([403, "M_FORBIDDEN"])
        expect(yield* code(`/user/${alice}/account_data/m.fully_read`)).toEqual([405, "M_BAD_JSON"])
        expect(yield* code(`/user/${alice}/rooms/nothing/account_data/x`)).toEqual([400, "M_INVALID_PARAM"])
        expect((yield* client.get(`/user/${bob}/account_data/x`)).status).toBe(403)
      }),
    ))

  it("names users whose messages and invites are not shown", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* own.next()
        yield* own.client.put(`/user/${alice}/account_data/m.ignored_user_list`, {
          ignored_users: { [bob]: {} },
        })
        yield* stage.user(bob).say(roomId, "unheard")
        const other = yield* stage.user(bob).createRoom()
        yield* stage.user(bob).invite(other, alice)
        yield* stage.user("@carol:s2").join(roomId, "s1")
        yield* stage.quiet
        const synced = yield* own.next()
        expect(synced.joined(roomId).bodies).toEqual([])
        expect(synced.joined(roomId).timeline).toHaveLength(1)
        expect(synced.section("invite")).toEqual({})
      }),
    ))
})

describe("push rules", () => {
  it("are the server's own at first, and can be changed", () =>
    withClients((_played, own) =>
      Effect.gen(function* () {
        const { client } = own
        const [first] = (yield* own.next()).events("account_data")
        expect(first).toMatchObject({ type: "m.push_rules" })
        expect((yield* client.get("/pushrules/")).body).toEqual(first?.content)
        const master = "/pushrules/global/override/.m.rule.master"
        expect((yield* client.get(`${master}/enabled`)).body).toEqual({ enabled: false })
        expect((yield* client.put(`${master}/enabled`, { enabled: true })).body).toEqual({})
        expect((yield* client.get(`${master}/enabled`)).body).toEqual({ enabled: true })
        const cake = { actions: ["notify"], pattern: "cake" }
        expect((yield* client.put("/pushrules/global/content/cake", cake)).body).toEqual({})
        yield* client.put("/pushrules/global/content/pie?before=cake", { actions: [], pattern: "pie" })
        yield* client.put("/pushrules/global/override/mine", { actions: [], conditions: [] })
        const { global } = (yield* client.get("/pushrules/")).body as unknown as {
          readonly global: Readonly<Record<string, readonly { readonly rule_id: string }[]>>
        }
        expect(global.content?.map(({ rule_id: id }) => id)).toEqual(["pie", "cake"])
        expect(global.override?.slice(0, 2).map(({ rule_id: id }) => id)).toEqual([".m.rule.master", "mine"])
        expect((yield* client.get("/pushrules/global/content/cake")).body).toEqual({
          rule_id: "cake",
          default: false,
          enabled: true,
          ...cake,
        })
        expect((yield* own.next()).events("account_data")).toMatchObject([{ content: { global } }])
        expect((yield* client.delete("/pushrules/global/content/cake")).body).toEqual({})
        expect((yield* client.delete("/pushrules/global/content/cake")).status).toBe(404)
        expect((yield* client.delete(master)).status).toBe(404)
        expect((yield* client.put("/pushrules/global/content/.mine", cake)).body.errcode).toBe(
          "M_INVALID_PARAM",
        )
        expect((yield* client.put("/pushrules/global/content/x", { actions: [] })).status).toBe(400)
        expect((yield* client.get("/pushrules/global/nothing/x")).status).toBe(404)
      }),
    ))
})
