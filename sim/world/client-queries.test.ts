/** Client-server API: profiles, aliases, the directory, OpenID, media, spaces and the like, for clients. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { askAsClient, registerClient } from "./testing/client.ts"
import { alice, bob, inRoom, withClients } from "./testing/client-stories.ts"

describe("profiles", () => {
  it("are set field by field, told to rooms, and looked up over federation", () =>
    inRoom((played, roomId, { client }, other) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* other.next()
        const path = `/profile/${alice}`
        expect((yield* client.put(`${path}/displayname`, { displayname: "Alice" })).body).toEqual({})
        yield* client.put(`${path}/avatar_url`, { avatar_url: "mxc://s1/cat" })
        yield* client.put(`${path}/m.tz`, { "m.tz": "Europe/London" })
        yield* client.put(`${path}/org.example.x`, { "org.example.x": { any: ["json"] } })
        yield* stage.quiet
        const profile = {
          displayname: "Alice",
          avatar_url: "mxc://s1/cat",
          "m.tz": "Europe/London",
          "org.example.x": { any: ["json"] },
        }
        expect((yield* other.client.get(path)).body).toEqual(profile)
        expect((yield* other.client.get(`${path}/displayname`)).body).toEqual({ displayname: "Alice" })
        const { timeline } = (yield* other.next()).joined(roomId)
        expect(timeline.at(-1)?.content).toMatchObject({ displayname: "Alice", avatar_url: "mxc://s1/cat" })
        yield* client.delete(`${path}/org.example.x`)
        expect((yield* client.get(`${path}/org.example.x`)).status).toBe(404)
      }),
    ))

  it("are one's own to change, and have limits", () =>
    withClients((played, { client }) =>
      Effect.gen(function* () {
        const code = (path: string, body: object) =>
          Effect.map(client.put(`/profile/${path}`, { ...body }), ({ status, body: { errcode } }) => [
            status,
            errcode,
          ])
        const text = "x".repeat(70_000)
        expect(yield* code(`${bob}/displayname`, { displayname: "x" })).toEqual([403, "M_FORBIDDEN"])
        expect(yield* code(`${alice}/displayname`, {})).toEqual([400, "M_MISSING_PARAM"])
        expect(yield* code(`${alice}/displayname`, { displayname: 1 })).toEqual([400, "M_INVALID_PARAM"])
        expect(yield* code(`${alice}/avatar_url`, { avatar_url: "http://x" })).toEqual([
          400,
          "M_INVALID_PARAM",
        ])
        expect(yield* code(`${alice}/Nonsense`, { Nonsense: 1 })).toEqual([400, "M_INVALID_PARAM"])
        expect(yield* code(`${alice}/a.b`, { "a.b": text })).toEqual([400, "M_PROFILE_TOO_LARGE"])
        const name = `a.${"b".repeat(260)}`
        expect(yield* code(`${alice}/${name}`, { [name]: 1 })).toEqual([400, "M_KEY_TOO_LARGE"])
        const ask = (user: string) => askAsClient(played, "s1", "GET", `/_matrix/client/v3/profile/${user}`)
        expect(yield* ask(alice)).toMatchObject({ status: 200, body: {} })
        expect(yield* ask("@nobody:s1")).toMatchObject({ status: 404, body: { errcode: "M_NOT_FOUND" } })
        expect((yield* ask("nonsense")).status).toBe(400)
        expect((yield* ask("@x:nowhere")).status).toBe(502)
      }),
    ))
})

describe("the directory", () => {
  it("names rooms, and finds them by their names on any server", () =>
    inRoom((_played, roomId, { client }, { client: other }) =>
      Effect.gen(function* () {
        const path = `/directory/room/${encodeURIComponent("#here:s1")}`
        expect((yield* other.get(path)).body.errcode).toBe("M_NOT_FOUND")
        expect((yield* client.put(path, { room_id: roomId })).body).toEqual({})
        expect((yield* client.put(path, { room_id: roomId })).status).toBe(409)
        expect((yield* other.get(path)).body).toEqual({ room_id: roomId, servers: ["s1", "s2"] })
        expect((yield* client.get(`/rooms/${roomId}/aliases`)).body).toEqual({ aliases: ["#here:s1"] })
        expect((yield* other.get(`/rooms/${roomId}/aliases`)).body).toEqual({ aliases: [] })
        expect((yield* client.put("/directory/room/nothing", { room_id: roomId })).body.errcode).toBe(
          "M_INVALID_PARAM",
        )
        expect((yield* client.delete(path)).body).toEqual({})
        expect((yield* client.delete(path)).status).toBe(404)
      }),
    ))

  it("lists rooms that are published, here and on other servers", () =>
    inRoom((played, roomId, { client }, { client: other }) =>
      Effect.gen(function* () {
        const path = `/directory/list/room/${roomId}`
        expect((yield* client.get(path)).body).toEqual({ visibility: "private" })
        expect((yield* other.put(path, { visibility: "public" })).status).toBe(403)
        expect((yield* client.put(path, { visibility: "public" })).body).toEqual({})
        expect((yield* client.put(path, { visibility: "secret" })).body.errcode).toBe("M_BAD_JSON")
        const room = { room_id: roomId, name: "Here", num_joined_members: 2 }
        const anybody = askAsClient(played, "s1", "GET", "/_matrix/client/v3/publicRooms?limit=5")
        expect((yield* anybody).body).toMatchObject({ chunk: [room], total_room_count_estimate: 1 })
        expect((yield* other.get("/publicRooms")).body.chunk).toEqual([])
        expect((yield* other.get("/publicRooms?server=s1")).body).toMatchObject({ chunk: [room] })
        const search = (term: string) =>
          other.post("/publicRooms?server=s1", { filter: { generic_search_term: term } })
        expect((yield* search("her")).body.chunk).toHaveLength(1)
        expect((yield* search("else")).body.chunk).toHaveLength(0)
        expect((yield* other.get("/publicRooms?since=nonsense")).body.errcode).toBe("M_INVALID_PARAM")
        yield* client.put(path, { visibility: "private" })
        expect((yield* client.get(path)).body).toEqual({ visibility: "private" })
        expect((yield* client.get("/directory/list/room/!nowhere")).status).toBe(404)
      }),
    ))
})

describe("OpenID", () => {
  it("gives a token by which another server learns who the user is", () =>
    withClients((played, { client }) =>
      Effect.gen(function* () {
        const { body } = yield* client.post(`/user/${alice}/openid/request_token`, {})
        expect(body).toMatchObject({ token_type: "Bearer", matrix_server_name: "s1", expires_in: 3_600 })
        const path = `/_matrix/federation/v1/openid/userinfo?access_token=${body.access_token}`
        const asked = yield* played.network.send({
          source: "s2",
          destination: "s1",
          method: "GET",
          target: path,
          headers: {},
          body: new Uint8Array(0),
        })
        expect(new TextDecoder().decode(asked.body)).toContain(alice)
        expect((yield* client.post(`/user/${bob}/openid/request_token`, {})).status).toBe(403)
      }),
    ))
})

describe("media", () => {
  const bytes = new TextEncoder().encode("hello, world")

  it("is uploaded, and downloaded on either server", () =>
    withClients(
      (played, { client }, { client: other }) =>
        Effect.gen(function* () {
          const ask = (server: string, method: string, path: string, body?: Uint8Array) =>
            askAsClient(played, server, method, path, {
              accessToken: (server === "s1" ? client : other).accessToken,
              ...(body === undefined ? {} : { bytes: body }),
              headers: { "content-type": "text/plain" },
            })
          const { body } = yield* ask("s1", "POST", "/_matrix/media/v3/upload?filename=a.txt", bytes)
          const uri = String(body.content_uri).slice("mxc://".length)
          for (const server of ["s1", "s2"]) {
            const file = yield* ask(server, "GET", `/_matrix/client/v1/media/download/${uri}`)
            expect([file.status, file.headers["content-type"], file.headers["content-disposition"]]).toEqual([
              200,
              "text/plain",
              'inline; filename="a.txt"',
            ])
            expect(file.bytes).toEqual(bytes)
          }
          const named = yield* ask("s1", "GET", `/_matrix/client/v1/media/download/${uri}/b.txt`)
          expect(named.headers["content-disposition"]).toBe('inline; filename="b.txt"')
          const thumbnail = yield* ask(
            "s1",
            "GET",
            `/_matrix/client/v1/media/thumbnail/${uri}?width=8&height=8`,
          )
          expect([thumbnail.status, thumbnail.body.errcode]).toEqual([400, "M_UNKNOWN"])
          expect((yield* ask("s1", "GET", "/_matrix/client/v1/media/download/s1/nothing")).status).toBe(404)
          expect((yield* ask("s1", "GET", "/_matrix/client/v1/media/config")).body).toEqual({
            "m.upload.size": 100,
          })
          const large = yield* ask("s1", "POST", "/_matrix/media/v3/upload", new Uint8Array(101))
          expect([large.status, large.body.errcode]).toEqual([413, "M_TOO_LARGE"])
          const anybody = yield* askAsClient(played, "s1", "GET", `/_matrix/client/v1/media/download/${uri}`)
          expect(anybody.status).toBe(401)
        }),
      { settings: { mediaBytesMax: 100 } },
    ))

  it("is announced, waited for, and uploaded once, by who announced it", () =>
    withClients((played, { client }) =>
      Effect.gen(function* () {
        const carol = yield* registerClient(played, "s1", "carol")
        const ask = (accessToken: string, method: string, path: string, body?: Uint8Array) =>
          askAsClient(played, "s1", method, path, {
            accessToken,
            ...(body === undefined ? {} : { bytes: body }),
          })
        const created = (yield* ask(client.accessToken, "POST", "/_matrix/media/v1/create")).body
        expect(created.unused_expires_at).toBeGreaterThan(0)
        const uri = String(created.content_uri).slice("mxc://".length)
        const download = ask(
          client.accessToken,
          "GET",
          `/_matrix/client/v1/media/download/${uri}?timeout_ms=100`,
        )
        expect((yield* download).body.errcode).toBe("M_NOT_YET_UPLOADED")
        const upload = (accessToken: string, to = uri) =>
          Effect.map(
            ask(accessToken, "PUT", `/_matrix/media/v3/upload/${to}`, bytes),
            ({ status, body: { errcode } }) => [status, errcode],
          )
        expect(yield* upload(carol.accessToken)).toEqual([403, "M_FORBIDDEN"])
        expect(yield* upload(client.accessToken, "s1/nothing")).toEqual([404, "M_NOT_FOUND"])
        expect(yield* upload(client.accessToken)).toEqual([200, undefined])
        expect(yield* upload(client.accessToken)).toEqual([409, "M_CANNOT_OVERWRITE_MEDIA"])
        expect((yield* download).bytes).toEqual(bytes)
      }),
    ))
})

describe("questions about rooms", () => {
  it("a space is walked page by page", () =>
    withClients((played, { client }) =>
      Effect.gen(function* () {
        const user = played.stage.user(alice)
        const space = yield* user.createRoom()
        const rooms: string[] = []
        for (let count = 0; count < 3; count++) rooms.push(yield* user.createRoom())
        for (const [order, room] of rooms.entries()) {
          const content = { via: ["s1"], order: String(order) }
          yield* user.setState(space, "m.space.child", content, room)
        }
        const ask = (query: string) =>
          askAsClient(played, "s1", "GET", `/_matrix/client/v1/rooms/${space}/hierarchy?${query}`, {
            accessToken: client.accessToken,
          })
        const idsIn = (body: { readonly rooms?: unknown }) =>
          (body.rooms as readonly { readonly room_id: string }[]).map(({ room_id: id }) => id)
        const first = (yield* ask("limit=2")).body
        expect(idsIn(first)).toEqual([space, rooms[0]])
        const rest = (yield* ask(`limit=2&from=${first.next_batch}`)).body
        expect([idsIn(rest), rest.next_batch]).toEqual([rooms.slice(1), undefined])
        expect(idsIn((yield* ask("max_depth=0")).body)).toEqual([space])
        const other = yield* ask(`suggested_only=true&from=${first.next_batch}`)
        expect([other.status, other.body.errcode]).toEqual([400, "M_INVALID_PARAM"])
        expect((yield* ask("limit=0")).status).toBe(400)
        const nowhere = yield* askAsClient(played, "s1", "GET", "/_matrix/client/v1/rooms/!x/hierarchy", {
          accessToken: client.accessToken,
        })
        expect([nowhere.status, nowhere.body.errcode]).toEqual([403, "M_FORBIDDEN"])
      }),
    ))

  it("the event closest to a time is found", () =>
    inRoom((played, roomId, { client }) =>
      Effect.gen(function* () {
        yield* played.stage.wait(10_000)
        const event = yield* played.stage.user(alice).say(roomId, "then")
        const ask = (query: string) =>
          askAsClient(played, "s1", "GET", `/_matrix/client/v1/rooms/${roomId}/timestamp_to_event?${query}`, {
            accessToken: client.accessToken,
          })
        const ts = Number(event.originServerTs)
        expect((yield* ask(`ts=${ts - 5_000}&dir=f`)).body).toEqual({
          event_id: event.eventId,
          origin_server_ts: ts,
        })
        expect((yield* ask(`ts=${ts + 1}&dir=f`)).status).toBe(404)
        expect((yield* ask(`ts=${ts}&dir=x`)).body.errcode).toBe("M_INVALID_PARAM")
      }),
    ))

  it("capabilities name the room versions", () =>
    withClients((_played, { client }) =>
      Effect.gen(function* () {
        const { body } = yield* client.get("/capabilities")
        expect(body.capabilities).toMatchObject({
          "m.room_versions": { default: "12", available: { "1": "stable", "12": "stable" } },
        })
      }),
    ))
})
