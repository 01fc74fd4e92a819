/** Client-server API §API Standards, §Legacy API: what every request has in common, accounts and sessions. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { LocalDevices } from "#spec-impl/federation/devices/local-devices.ts"
import { askAsClient, type ClientAnswer, clientOf, registerClient } from "./testing/client.ts"
import { play } from "./testing/play.ts"

const open = { servers: 1, settings: { enableRegistration: true } }
const v3 = "/_matrix/client/v3"
const errorOf = ({ status, body }: ClientAnswer) => `${status} ${String(body.errcode)}`

const logIn = (played: Parameters<typeof askAsClient>[0], more: Record<string, string> = {}) =>
  askAsClient(played, "s1", "POST", `${v3}/login`, {
    body: {
      type: "m.login.password",
      identifier: { type: "m.id.user", user: "alice" },
      password: "secret alice",
      ...more,
    },
  })

describe("any request of a client", () => {
  it("is told which versions of the specification there are, without logging in", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        const answer = yield* askAsClient(played, "s1", "GET", "/_matrix/client/versions")
        expect(answer.status).toBe(200)
        expect(answer.body.versions).toContain("v1.1")
      }),
    ))

  it.each([
    ["GET", "/_matrix/client/v3/nonsense", "404 M_UNRECOGNIZED"],
    ["GET", "/_matrix/federation/v1/version", "404 M_UNRECOGNIZED"],
    ["DELETE", "/_matrix/client/v3/login", "405 M_UNRECOGNIZED"],
    ["GET", "/_matrix/client/v3/account/whoami", "401 M_MISSING_TOKEN"],
  ])("%s %s is answered with %s, for pages of any origin", (method, target, error) =>
    play(open, (played) =>
      Effect.gen(function* () {
        const answer = yield* askAsClient(played, "s1", method, target)
        expect(errorOf(answer)).toBe(error)
        expect(answer.headers["access-control-allow-origin"]).toBe("*")
      }),
    ),
  )

  it("may be asked for by OPTIONS, and does nothing then", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        for (const path of ["/account/whoami", "/nonsense", "/register"]) {
          const answer = yield* askAsClient(played, "s1", "OPTIONS", `${v3}${path}`)
          expect(answer.status).toBe(204)
          expect(answer.headers["access-control-allow-methods"]).toBe("GET, POST, PUT, DELETE, OPTIONS")
        }
      }),
    ))

  it.each([
    ["{", "400 M_NOT_JSON"],
    ["", "400 M_NOT_JSON"],
    ["[]", "400 M_BAD_JSON"],
    ['{"type": 5}', "400 M_BAD_JSON"],
    ["{}", "400 M_BAD_JSON"],
  ])("with the body %j is answered with %s", (text, error) =>
    play(open, (played) =>
      Effect.gen(function* () {
        const bytes = new TextEncoder().encode(text)
        expect(errorOf(yield* askAsClient(played, "s1", "POST", `${v3}/login`, { bytes }))).toBe(error)
      }),
    ),
  )

  it("carries its access token in a header, or, as of old, in the query", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        const alice = yield* registerClient(played, "s1", "alice", "secret alice")
        expect((yield* alice.get("/account/whoami")).body).toEqual({
          user_id: "@alice:s1",
          device_id: alice.deviceId,
          is_guest: false,
        })
        const path = `${v3}/account/whoami?access_token=`
        expect((yield* askAsClient(played, "s1", "GET", path + alice.accessToken)).status).toBe(200)
        expect(errorOf(yield* askAsClient(played, "s1", "GET", `${path}wrong`))).toBe("401 M_UNKNOWN_TOKEN")
        const wrong = { accessToken: "wrong" }
        expect(errorOf(yield* askAsClient(played, "s1", "GET", `${v3}/account/whoami`, wrong))).toBe(
          "401 M_UNKNOWN_TOKEN",
        )
      }),
    ))
})

describe("registration", () => {
  const register = (played: Parameters<typeof askAsClient>[0], body: Record<string, unknown>, query = "") =>
    askAsClient(played, "s1", "POST", `${v3}/register${query}`, { body: body as never })
  const auth = { type: "m.login.dummy" }

  it("is off unless the settings say otherwise, and never for guests", () =>
    play({ servers: 1 }, (played) =>
      Effect.gen(function* () {
        expect(errorOf(yield* register(played, { username: "alice", auth }))).toBe("403 M_FORBIDDEN")
      }),
    ).then(() =>
      play(open, (played) =>
        Effect.gen(function* () {
          expect(errorOf(yield* register(played, { auth }, "?kind=guest"))).toBe("403 M_FORBIDDEN")
          expect(errorOf(yield* register(played, { auth }, "?kind=bot"))).toBe("400 M_UNKNOWN")
        }),
      ),
    ))

  it("asks for the dummy stage first, with a session", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        const wish = { username: "alice", password: "secret", device_id: "PHONE" }
        const asked = yield* register(played, wish)
        expect(asked.status).toBe(401)
        expect(asked.body).toMatchObject({ flows: [{ stages: ["m.login.dummy"] }], params: {} })
        expect(asked.body.errcode).toBeUndefined()
        const unknown = yield* register(played, { ...wish, auth: { ...auth, session: "unknown" } })
        expect(unknown.status).toBe(401)
        expect(unknown.body.session).not.toBe("unknown")
        const done = yield* register(played, { ...wish, auth: { ...auth, session: asked.body.session } })
        expect(done.status).toBe(200)
        expect(done.body).toMatchObject({ user_id: "@alice:s1", device_id: "PHONE" })
        expect((yield* clientOf(played, "s1", done).get("/account/whoami")).body.device_id).toBe("PHONE")
      }),
    ))

  it("refuses names that are taken, or are none, before anything else", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        yield* registerClient(played, "s1", "alice", "secret alice")
        expect(errorOf(yield* register(played, { username: "alice" }))).toBe("400 M_USER_IN_USE")
        for (const username of ["Alice", "al ice", "", "a:b", "é", "a".repeat(300)]) {
          expect(errorOf(yield* register(played, { username }))).toBe("400 M_INVALID_USERNAME")
        }
        const available = (username: string) =>
          askAsClient(played, "s1", "GET", `${v3}/register/available?username=${username}`)
        expect((yield* available("bob")).body).toEqual({ available: true })
        expect(errorOf(yield* available("alice"))).toBe("400 M_USER_IN_USE")
      }),
    ))

  it("gives one name to one of two who want it at once", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        const wish = register(played, { username: "alice", password: "x", auth })
        const answers = yield* Effect.all([wish, wish], { concurrency: "unbounded" })
        expect(answers.map(({ status }) => status).sort()).toEqual([200, 400])
      }),
    ))

  it("makes up a name where none is given, and does not log in where that is not wanted", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        const { body } = yield* register(played, { auth, inhibit_login: true, password: "x" })
        expect(body.user_id).toMatch(/^@[0-9a-f]{16}:s1$/)
        expect(body.access_token).toBeUndefined()
      }),
    ))
})

describe("login", () => {
  it("takes the password of a user, by id, localpart, or the form of old", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        yield* registerClient(played, "s1", "alice", "secret alice")
        const flows = yield* askAsClient(played, "s1", "GET", `${v3}/login`)
        expect(flows.body).toEqual({ flows: [{ type: "m.login.password" }] })
        expect((yield* logIn(played)).status).toBe(200)
        const other = (body: Record<string, unknown>) =>
          askAsClient(played, "s1", "POST", `${v3}/login`, {
            body: { type: "m.login.password", password: "secret alice", ...body } as never,
          })
        expect((yield* other({ user: "@alice:s1" })).status).toBe(200)
        expect(errorOf(yield* other({ user: "alice", password: "wrong" }))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* other({ user: "nobody" }))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* other({}))).toBe("400 M_MISSING_PARAM")
        expect(errorOf(yield* other({ type: "m.login.magic" }))).toBe("400 M_UNKNOWN")
        expect(errorOf(yield* other({ identifier: { type: "m.id.phone" } }))).toBe("400 M_UNKNOWN")
      }),
    ))

  it("of twenty passwords in a minute for one user none is tried any more, whatever it is", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        yield* registerClient(played, "s1", "alice", "secret alice")
        yield* registerClient(played, "s1", "bob", "secret bob")
        const as = (user: string, password: string) =>
          askAsClient(played, "s1", "POST", `${v3}/login`, {
            body: { type: "m.login.password", identifier: { type: "m.id.user", user }, password },
          })
        for (let nth = 0; nth < 20; nth++)
          expect(errorOf(yield* as("alice", "guess"))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* as("@alice:s1", "secret alice"))).toBe("429 M_LIMIT_EXCEEDED")
        expect((yield* as("bob", "secret bob")).status).toBe(200)
        yield* played.stage.wait(60_000)
        expect((yield* as("alice", "secret alice")).status).toBe(200)
      }),
    ))

  it("takes a device that is there, whose older tokens are no longer valid", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        yield* registerClient(played, "s1", "alice", "secret alice")
        const first = clientOf(played, "s1", yield* logIn(played, { device_id: "PHONE" }))
        const second = clientOf(played, "s1", yield* logIn(played, { device_id: "PHONE" }))
        expect(errorOf(yield* first.get("/account/whoami"))).toBe("401 M_UNKNOWN_TOKEN")
        expect((yield* second.get("/account/whoami")).body.device_id).toBe("PHONE")
      }),
    ))

  it("survives a restart, as does its end", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        const alice = yield* registerClient(played, "s1", "alice", "secret alice")
        const gone = clientOf(played, "s1", yield* logIn(played))
        yield* gone.post("/logout")
        yield* played.stage.restart("s1")
        expect((yield* alice.get("/account/whoami")).body.user_id).toBe("@alice:s1")
        expect(errorOf(yield* gone.get("/account/whoami"))).toBe("401 M_UNKNOWN_TOKEN")
        expect((yield* logIn(played)).status).toBe(200)
      }),
    ))
})

describe("logout", () => {
  it("ends one session with its device, or all of them", () =>
    play(open, (played) =>
      Effect.gen(function* () {
        const alice = yield* registerClient(played, "s1", "alice", "secret alice")
        const other = clientOf(played, "s1", yield* logIn(played))
        expect((yield* other.post("/logout")).body).toEqual({})
        expect(errorOf(yield* other.get("/account/whoami"))).toBe("401 M_UNKNOWN_TOKEN")
        const devices = () =>
          Object.keys(
            Context.get(played.servers.get("s1")!.services, LocalDevices).listOf("@alice:s1")?.devices ?? {},
          )
        expect(devices()).toEqual([alice.deviceId])
        const third = clientOf(played, "s1", yield* logIn(played))
        yield* alice.post("/logout/all")
        expect(errorOf(yield* third.get("/account/whoami"))).toBe("401 M_UNKNOWN_TOKEN")
        expect(errorOf(yield* alice.get("/account/whoami"))).toBe("401 M_UNKNOWN_TOKEN")
        expect(devices()).toEqual([])
      }),
    ))
})
