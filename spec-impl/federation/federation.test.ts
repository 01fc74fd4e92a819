/** Calls over a wire in memory arrive as they were meant, come back as they were answered, and are authenticated. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { JsonFloat, type JsonObject, repeatedKeys } from "../core/json/value.ts"
import type { FederationCalls } from "./client.ts"
import { matrixErrorFromAnswer } from "./matrix-error.ts"
import { carry, keyFromByte, makeWire, signedBy, startServer } from "./testing/servers.ts"
import { WireError, type WireRequest, type WireResponse } from "./wire.ts"

const keyOne = keyFromByte("ed25519:a", 1)

/** Two servers, the first with a port in its name, and a call of the first to the second. */
const pair = Effect.gen(function* () {
  const wire = makeWire()
  const one = yield* startServer(wire, "one.test:8448", keyOne)
  const two = yield* startServer(wire, "two.test", keyFromByte("ed25519:b", 2))
  return { wire, one, two }
})

const bytes = (json: string) => new TextEncoder().encode(json)
const errorOf = (response: WireResponse) => {
  const { status, errcode } = matrixErrorFromAnswer(response.status, response.body)
  return [status, errcode]
}

/** The send of one PDU, with a content that a test may tamper with. */
const sendOne = (api: FederationCalls) =>
  api.transactions.send({ params: { transactionId: "t1" }, payload: { pdus: [{ key: "value" }] } })

describe("calls", () => {
  it.effect("of endpoints that ask for no signature carry none", () =>
    Effect.gen(function* () {
      const { wire, one } = yield* pair
      const version = yield* one.client.call("two.test", (api) => api.discovery.version())
      expect(version.server?.name).toBe("netsplit")
      const keys = yield* one.client.call("two.test", (api) => api.keys.serverKeys())
      expect(keys.server_name).toBe("two.test")
      const params = { keyId: "ed25519:b" }
      expect(yield* one.client.call("two.test", (api) => api.keys.serverKeysById({ params }))).toEqual(keys)
      expect(wire.sent.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined, undefined])
    }),
  )

  it.effect("bring identifiers, queries and their origin over unharmed", () =>
    Effect.gen(function* () {
      const { one, two } = yield* pair
      const params = { roomId: "!a/b%2F?:one.test", userId: "@ä #+;&=\u{1f600}:one.test:8448" }
      const query = { ver: ["9", "10", "x+y &=%"] }
      yield* one.client.call("two.test", (api) => api.rooms.makeJoin({ params, query }))
      const join = { params: { roomId: "!r", eventId: "$x+/y" }, query: { omit_members: true }, payload: {} }
      yield* one.client.call("two.test", (api) => api.rooms.sendJoin(join))
      const backfill = { params: { roomId: "!r" }, query: { v: ["$a+/b"], limit: 5 } }
      yield* one.client.call("two.test", (api) => api.history.backfill(backfill))
      expect(two.received).toEqual([
        { origin: "one.test:8448", params, query, payload: undefined },
        { origin: "one.test:8448", ...join },
        { origin: "one.test:8448", ...backfill, payload: undefined },
      ])
    }),
  )

  it.effect("bring over what JSON.parse would lose", () =>
    Effect.gen(function* () {
      const { wire, one, two } = yield* pair
      const content = {
        float: new JsonFloat(1.5),
        big: 12345678901234567890n,
        max: 9007199254740991,
        ["__proto__"]: "a key like any other",
      }
      const event = { content }
      const answer = yield* one.client.call("two.test", (api) =>
        api.rooms.sendJoin({ params: { roomId: "!r", eventId: "$e" }, query: {}, payload: event }),
      )
      const check = (given: unknown) => {
        const { content } = given as { readonly content: JsonObject }
        expect(content.float).toEqual(new JsonFloat(1.5))
        expect(content.big).toBe(12345678901234567890n)
        expect(content.max).toBe(9007199254740991)
      }
      check(two.received[0]?.payload)
      check(answer.event)
      wire.tamper = (request) =>
        Effect.succeed({ ...request, body: bytes('{"pdus":[{"key":"first","key":"value"}]}') })
      yield* one.client.call("two.test", sendOne)
      const { pdus } = two.received[1]!.payload as { readonly pdus: readonly JsonObject[] }
      expect(pdus[0]).toMatchObject({ key: "value" })
      expect(Reflect.get(pdus[0]!, repeatedKeys)).toEqual(["key"])
    }),
  )

  it.effect("come back with the errors of the other server", () =>
    Effect.gen(function* () {
      const { wire, one } = yield* pair
      const params = { roomId: "!r", userId: "@u" }
      const makeJoin = Effect.flip(
        one.client.call("two.test", (api) => api.rooms.makeJoin({ params, query: { ver: ["1"] } })),
      )
      expect(yield* makeJoin).toMatchObject({
        _tag: "MatrixError",
        status: 400,
        errcode: "M_INCOMPATIBLE_ROOM_VERSION",
        details: { room_version: "10" },
      })
      const answers: [status: number, body: string, errcode: string][] = [
        [418, '{"errcode":"ORG.TEAPOT","error":"short and stout"}', "ORG.TEAPOT"],
        [429, '{"errcode":"M_LIMIT_EXCEEDED","error":""}', "M_LIMIT_EXCEEDED"],
        [502, "<html>Bad gateway</html>", "M_UNKNOWN"],
        [404, "", "M_UNKNOWN"],
        [302, '{"errcode":7}', "M_UNKNOWN"],
      ]
      for (const [status, body, errcode] of answers) {
        wire.tamperAnswer = () => ({ status, headers: {}, body: bytes(body) })
        expect(yield* makeJoin).toMatchObject({ _tag: "MatrixError", status, errcode })
      }
    }),
  )

  it.effect("fail where there is no answer that makes sense", () =>
    Effect.gen(function* () {
      const { wire, one } = yield* pair
      const failure = (destination: string, request = sendOne) =>
        Effect.map(Effect.flip(one.client.call(destination, request)), (error) => [
          error._tag,
          "reason" in error ? error.reason : error.errcode,
        ])
      expect(yield* failure("three.test")).toEqual(["FederationUnreachable", "refused"])
      wire.tamper = () => new WireError({ reason: "reset" })
      expect(yield* failure("two.test")).toEqual(["FederationUnreachable", "reset"])
      wire.tamper = Effect.succeed
      for (const body of ["", "{", "[]", "7"]) {
        wire.tamperAnswer = () => ({ status: 200, headers: {}, body: bytes(body) })
        expect(yield* failure("two.test")).toEqual(["FederationUnreachable", "malformed-answer"])
      }
      const sent = wire.sent.length
      for (const eventId of [".", "..", "\ud800"]) {
        const params = { eventId }
        const ask = (api: FederationCalls) => Effect.asVoid(api.history.event({ params }))
        const error = yield* Effect.flip(one.client.call("two.test", ask))
        expect(error).toMatchObject({ _tag: "FederationUnreachable", reason: "unsendable" })
      }
      expect(wire.sent.length).toBe(sent)
    }),
  )

  it.effect("end when the time of their endpoint is over", () =>
    Effect.gen(function* () {
      const { wire, one } = yield* pair
      wire.tamper = () => Effect.never
      const call = yield* Effect.forkChild(Effect.flip(one.client.call("two.test", sendOne)))
      yield* TestClock.adjust("59 seconds")
      expect(call.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      expect(call.pollUnsafe()).toMatchObject({ value: { reason: "timed-out" } })
    }),
  )
})

it.effect("a call is made and answered at once: no promise, no event loop, no chance", () =>
  Effect.gen(function* () {
    const { one } = yield* pair
    const call = one.client.call("two.test", sendOne)
    yield* call
    const promised = vi.spyOn(Promise.prototype, "then")
    const random = vi.spyOn(Math, "random")
    expect(Effect.runSync(call)).toMatchObject({ pdus: {} })
    expect([promised.mock.calls.length, random.mock.calls.length]).toEqual([0, 0])
    promised.mockRestore()
    random.mockRestore()
  }),
)

describe("authentication refuses", () => {
  const refused = (text: string, tamper: (request: WireRequest) => WireRequest) =>
    Effect.gen(function* () {
      const { wire, one, two } = yield* pair
      yield* one.client.call("two.test", sendOne)
      wire.tamper = (request) => Effect.succeed(request.method === "PUT" ? tamper(request) : request)
      const error = yield* Effect.flip(one.client.call("two.test", sendOne))
      expect(error).toMatchObject({ status: 401, errcode: "M_UNAUTHORIZED", error: text })
      expect(two.received.length).toBe(1)
    })
  const withHeader = (text: string, change: (header: string) => string) =>
    refused(text, (request) => ({
      ...request,
      headers: { ...request.headers, authorization: change(request.headers.authorization ?? "") },
    }))

  const unreadable = "the Authorization header cannot be read"
  const wrong = "the signature with ed25519:a of one.test:8448 is wrong"

  it.effect("a request without a signature", () =>
    refused("the request is not signed", ({ headers: { authorization: _, ...headers }, ...request }) => ({
      ...request,
      headers,
    })),
  )
  it.effect("a header that cannot be read", () => withHeader(unreadable, () => "X-Matrix ???"))
  it.effect("another destination", () =>
    withHeader("the request is for three.test, and this is two.test", (header) =>
      header.replace("two.test", "three.test"),
    ),
  )
  it.effect("a request that was signed for another server, and does not say so", () =>
    refused(wrong, (request) => {
      const signed = signedBy(keyOne, { ...request, destination: "three.test" })
      const authorization = signed.headers.authorization!.replace('destination="three.test",', "")
      return { ...request, headers: { ...signed.headers, authorization } }
    }),
  )
  it.effect("another origin", () =>
    withHeader("ed25519:a of two.test: not one of its current keys", (header) =>
      header.replace("one.test:8448", "two.test"),
    ),
  )
  it.effect("an origin that does not exist", () =>
    withHeader("ed25519:a of three.test: three.test: refused", (header) =>
      header.replace("one.test:8448", "three.test"),
    ),
  )
  it.effect("an origin that is no server name", () =>
    withHeader(unreadable, (header) => header.replace("one.test:8448", "one.test/../")),
  )
  it.effect("a key that the origin does not have", () =>
    withHeader("ed25519:z of one.test:8448: not one of its current keys", (header) =>
      header.replace("ed25519:a", "ed25519:z"),
    ),
  )
  it.effect("a signature that is not base64", () =>
    withHeader(wrong, (header) => header.replace('sig="', 'sig="?')),
  )
  it.effect("another body", () =>
    refused(wrong, (request) => ({ ...request, body: bytes('{"pdus":[{"key":"other"}]}') })),
  )
  it.effect("another path", () => refused(wrong, (request) => ({ ...request, target: `${request.target}2` })))
  it.effect("another query", () =>
    refused(wrong, (request) => ({ ...request, target: `${request.target}?a` })),
  )
  it.effect("the same path, encoded otherwise", () =>
    refused(wrong, (request) => ({ ...request, target: request.target.replace("t1", "%741") })),
  )
})

describe("authentication accepts", () => {
  it.effect("a header without destination, and a signature over another form of the same JSON", () =>
    Effect.gen(function* () {
      const { wire, one, two } = yield* pair
      wire.tamper = (request) =>
        Effect.succeed({
          ...request,
          headers: {
            ...request.headers,
            ...(request.headers.authorization === undefined
              ? {}
              : { authorization: request.headers.authorization.replace('destination="two.test",', "") }),
          },
          body: request.body.length === 0 ? request.body : bytes(' { "pdus" : [ {"k\\u0065y":"value"} ] } '),
        })
      yield* one.client.call("two.test", sendOne)
      expect(two.received).toMatchObject([{ payload: { pdus: [{ key: "value" }] } }])
    }),
  )
})

describe("a request with several signatures", () => {
  const keyTwo = keyFromByte("ed25519:b", 3)
  const keyUnknown = keyFromByte("ed25519:unknown", 4)
  const old = { ...keyFromByte("ed25519:old", 5), expiredTs: 5 }

  /** What comes of a request that is signed with each of those keys, of those servers. */
  const asked = (...keys: readonly (typeof keyOne)[]) =>
    Effect.gen(function* () {
      const wire = makeWire()
      yield* startServer(wire, "one.test", keyOne, [old])
      yield* startServer(wire, "two.test", keyTwo)
      const request = {
        ...{ source: "one.test", destination: "two.test", method: "GET", headers: {} },
        ...{ target: "/_matrix/federation/v1/event/%24e", body: bytes("") },
      }
      const signed = keys.map((key) => signedBy(key, request).headers.authorization)
      const headers = { authorization: signed.join(", ") }
      const { status, body } = yield* carry(wire)({ ...request, headers })
      return status === 200 ? "good" : matrixErrorFromAnswer(status, body).message
    })
  const refused = (text: string) => expect.stringContaining(`401 M_UNAUTHORIZED: ${text}`)

  it.effect("is good where one is by a current key and no known one is wrong", () =>
    Effect.gen(function* () {
      expect(yield* asked(keyOne)).toBe("good")
      expect(yield* asked(keyUnknown, keyOne)).toBe("good")
      expect(yield* asked(old, keyOne)).toBe("good")
      const wrong = { ...keyTwo, keyId: keyOne.keyId }
      expect(yield* asked(keyOne, wrong)).toEqual(
        refused("the signature with ed25519:a of one.test is wrong"),
      )
    }),
  )

  it.effect("is refused where no current key signed: an old one is for events only", () =>
    Effect.gen(function* () {
      const notCurrent = "not one of its current keys"
      expect(yield* asked(old)).toEqual(refused(`ed25519:old of one.test: ${notCurrent}`))
      expect(yield* asked(old, keyUnknown)).toEqual(
        refused(`ed25519:old of one.test: ${notCurrent}; ed25519:unknown of one.test: ${notCurrent}`),
      )
    }),
  )
})

describe("requests that are not as the API has them", () => {
  const raw = (method: string, target: string): WireRequest => ({
    source: "nobody",
    destination: "two.test",
    method,
    target,
    headers: {},
    body: bytes(""),
  })

  it.effect("unknown paths and methods", () =>
    Effect.gen(function* () {
      const { wire } = yield* pair
      const answers: [method: string, target: string, status: number][] = [
        ["GET", "/", 404],
        ["GET", "/_matrix/federation/v1/nothing", 404],
        ["GET", "/_matrix/federation/v1/version/", 404],
        ["GET", "/_matrix/federation/v1/%E0%A4%A", 404],
        ["POST", "/_matrix/federation/v1/version", 405],
        ["DELETE", "/_matrix/federation/v1/event/%24a%2Fb?x=1", 405],
        ["PROPFIND", "/_matrix/key/v2/server", 405],
      ]
      for (const [method, target, status] of answers) {
        expect(errorOf(yield* carry(wire)(raw(method, target)))).toEqual([status, "M_UNRECOGNIZED"])
      }
    }),
  )

  /** Sends one body in the place of another, signed all the same. */
  const bodyInstead = (body: string, headers: Readonly<Record<string, string>> = {}) =>
    Effect.gen(function* () {
      const { wire, one, two } = yield* pair
      wire.tamper = (request) =>
        Effect.succeed(
          request.method === "GET"
            ? request
            : {
                ...request,
                body: bytes(body),
                headers: { authorization: "", ...request.headers, ...headers },
              },
        )
      const result = yield* Effect.result(one.client.call("two.test", sendOne))
      return { result, two }
    })

  it.effect("a body that is not JSON, or no object", () =>
    Effect.gen(function* () {
      for (const [body, errcode] of [
        ["", "M_NOT_JSON"],
        ['{"pdus":', "M_NOT_JSON"],
        ["[]", "M_BAD_JSON"],
      ] as const) {
        const { result } = yield* bodyInstead(body)
        expect(result).toMatchObject({ failure: { status: 400, errcode } })
      }
      const { result } = yield* bodyInstead("\u0000")
      expect(result).toMatchObject({ failure: { status: 400, errcode: "M_NOT_JSON" } })
    }),
  )

  it.effect("a content type that is wrong or missing makes no difference", () =>
    Effect.gen(function* () {
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]) {
        const { two } = yield* bodyInstead('{"pdus":[{"key":"value"}]}', { "content-type": type })
        expect(two.received.length).toBe(1)
      }
    }),
  )

  it.effect("bodies and queries that are not what the endpoint wants", () =>
    Effect.gen(function* () {
      const { wire } = yield* pair
      const tooMany = JSON.stringify({ pdus: Array.from({ length: 51 }, () => ({})) })
      const answers: [method: string, target: string, body: string, errcode: string][] = [
        ["PUT", "/_matrix/federation/v1/send/t", "{}", "M_BAD_JSON"],
        ["PUT", "/_matrix/federation/v1/send/t", '{"pdus":{}}', "M_BAD_JSON"],
        ["PUT", "/_matrix/federation/v1/send/t", tooMany, "M_BAD_JSON"],
        ["POST", "/_matrix/federation/v1/get_missing_events/!r", '{"latest_events":[7]}', "M_BAD_JSON"],
        ["GET", "/_matrix/federation/v1/state_ids/!r", "", "M_MISSING_PARAM"],
        ["GET", "/_matrix/federation/v1/backfill/!r?v=$e", "", "M_MISSING_PARAM"],
        ["GET", "/_matrix/federation/v1/backfill/!r?v=$e&limit=x", "", "M_INVALID_PARAM"],
        ["PUT", "/_matrix/federation/v2/send_join/!r/$e?omit_members=2", "{}", "M_INVALID_PARAM"],
      ]
      for (const [method, target, body, errcode] of answers) {
        const request = signedBy(keyOne, {
          ...raw(method, target),
          source: "one.test:8448",
          body: bytes(body),
        })
        expect(errorOf(yield* carry(wire)(request))).toEqual([400, errcode])
      }
    }),
  )

  it.effect("a handler that dies is answered with a bare 500", () =>
    Effect.gen(function* () {
      const { one } = yield* pair
      const ask = { params: { roomId: "!r" }, query: { event_id: "$e" } }
      const error = yield* Effect.flip(one.client.call("two.test", (api) => api.history.state(ask)))
      expect(error).toMatchObject({ _tag: "MatrixError", status: 500, errcode: "M_UNKNOWN" })
    }),
  )
})
