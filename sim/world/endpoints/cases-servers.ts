/** What a server says of itself and of others' keys, and transactions. */
import { Effect } from "effect"
import { expect } from "vitest"
import { craftPdu, message } from "../testing/craft-event.ts"
import type { Played } from "../testing/play.ts"
import { casesOf, get, post, put } from "./cases.ts"

const v1 = "/_matrix/federation/v1"
const keys = "/_matrix/key/v2"

const ofS2 = { server_name: "s2", signatures: { s1: expect.any(Object), s2: expect.any(Object) } }
const whereOff = <A>(asks: A) => ({ options: { settings: { legacyEndpoints: false } }, asks })

export const serverCases = casesOf(() => Effect.void, {
  [`GET ${v1}/version`]: {
    succeeds: () => get("version"),
    answers: () => ({ server: { name: "netsplit", version: expect.any(String) } }),
    refuses: {},
  },
  [`GET ${keys}/server`]: {
    succeeds: () => get(`${keys}/server`),
    answers: () => ({ server_name: "s1", verify_keys: { "ed25519:1": expect.any(Object) } }),
    refuses: {},
  },
  [`GET ${keys}/server/{keyId}`]: {
    succeeds: () => get(`${keys}/server/ed25519:1`),
    answers: () => ({ server_name: "s1", verify_keys: { "ed25519:1": expect.any(Object) } }),
    refuses: { "404 M_UNRECOGNIZED": whereOff(() => get(`${keys}/server/ed25519:1`)) },
  },
  [`GET ${keys}/query/{serverName}`]: {
    succeeds: () => get(`${keys}/query/s2?minimum_valid_until_ts=5`),
    answers: () => ({ server_keys: [ofS2] }),
    refuses: { "400 M_INVALID_PARAM": () => get(`${keys}/query/s2?minimum_valid_until_ts=soon`) },
  },
  [`GET ${keys}/query/{serverName}/{keyId}`]: {
    succeeds: () => get(`${keys}/query/s2/ed25519:1`),
    answers: () => ({ server_keys: [ofS2] }),
    refuses: { "404 M_UNRECOGNIZED": whereOff(() => get(`${keys}/query/s2/ed25519:1`)) },
  },
  [`POST ${keys}/query`]: {
    succeeds: () => post(`${keys}/query`, { server_keys: { s2: {} } }),
    answers: () => ({ server_keys: [ofS2] }),
    refuses: {
      "400 M_BAD_JSON": () => [post(`${keys}/query`, {}), post(`${keys}/query`, { server_keys: { s2: 7 } })],
    },
  },
})

/** Where s1 sends those who look for it. */
export const delegationCases = casesOf(
  () => Effect.succeed({}),
  {
    "GET /.well-known/matrix/server": {
      succeeds: () => get("/.well-known/matrix/server"),
      answers: () => ({ "m.server": "elsewhere.test:4433" }),
      refuses: { "404 M_NOT_FOUND": () => ({ ...get("/.well-known/matrix/server"), to: "s3" }) },
    },
  },
  { settingsOf: (server) => (server === "s1" ? { delegatedTo: "elsewhere.test:4433" } : {}) },
)

/** Alice's room on s1, with Bob of s2, who says something. */
const transaction = Effect.fnUntraced(function* (played: Played) {
  const { stage } = played
  const roomId = yield* stage.user("@alice:s1").createRoom()
  yield* stage.user("@bob:s2").join(roomId, "s1")
  yield* stage.quiet
  const pdu = yield* craftPdu(played, "s2", roomId, message("@bob:s2", "hello"))
  return { roomId, body: { origin: "s2", origin_server_ts: 1, pdus: [pdu] } }
})

const many = (length: number) => Array.from({ length }, () => ({}))
const send = (body: Parameters<typeof put>[1]) => put("send/t1", body)

export const transactionCases = casesOf(transaction, {
  [`PUT ${v1}/send/{txnId}`]: {
    succeeds: ({ body }) => send(body),
    answers: () => ({ pdus: expect.any(Object) }),
    roomOf: ({ roomId }) => roomId,
    refuses: {
      "400 M_BAD_JSON": ({ body }) => [
        send({}),
        send({ ...body, pdus: {} }),
        send({ ...body, pdus: many(51) }),
        send({ ...body, edus: many(101) }),
      ],
    },
  },
})
