/** Backfill, missing events, state, single events: what members' servers are told of a room's past. */
import { Effect } from "effect"
import { expect } from "vitest"
import type { Played } from "../testing/play.ts"
import { casesOf, get, path, post } from "./cases.ts"

/** Alice's room on s1, with Bob of s2; s3 knows of neither. */
const inRoom = Effect.fnUntraced(function* ({ stage }: Played) {
  const roomId = yield* stage.user("@alice:s1").createRoom()
  yield* stage.user("@bob:s2").join(roomId, "s1")
  const { eventId } = yield* stage.user("@alice:s1").say(roomId, "hello")
  yield* stage.quiet
  return { roomId, eventId, room: path(roomId), event: path(eventId) }
})

type InRoom = Effect.Success<ReturnType<typeof inRoom>>

const roomOf = ({ roomId }: InRoom) => roomId
const v1 = "/_matrix/federation/v1"

const missing = (room: string, body = {}) =>
  post(`get_missing_events/${room}`, { earliest_events: [], latest_events: [], ...body })

export const historyCases = casesOf(inRoom, {
  [`GET ${v1}/event_auth/{roomId}/{eventId}`]: {
    succeeds: ({ room, event }: InRoom) => get(`event_auth/${room}/${event}`),
    answers: () => ({ auth_chain: expect.any(Array) }),
    roomOf,
    refuses: {
      "404 M_NOT_FOUND": ({ room, event }) => [
        get(`event_auth/${room}/${path("$unknown")}`),
        get(`event_auth/${path("!unknown:s1")}/${event}`),
      ],
      "403 M_FORBIDDEN": ({ room, event }) => ({ ...get(`event_auth/${room}/${event}`), from: "s3" }),
    },
  },
  [`GET ${v1}/backfill/{roomId}`]: {
    succeeds: ({ room, event }) => get(`backfill/${room}?v=${event}&limit=5`),
    answers: () => ({ origin: "s1", origin_server_ts: expect.any(Number), pdus: expect.any(Array) }),
    roomOf,
    refuses: {
      "400 M_MISSING_PARAM": ({ room, event }) => [
        get(`backfill/${room}?v=${event}`),
        get(`backfill/${room}?limit=5`),
      ],
      "400 M_INVALID_PARAM": ({ room, event }) => get(`backfill/${room}?v=${event}&limit=few`),
      "403 M_FORBIDDEN": ({ room, event }) => ({ ...get(`backfill/${room}?v=${event}&limit=5`), from: "s3" }),
      "404 M_NOT_FOUND": ({ event }) => get(`backfill/${path("!unknown:s1")}?v=${event}&limit=5`),
    },
  },
  [`POST ${v1}/get_missing_events/{roomId}`]: {
    succeeds: ({ room, eventId }) => missing(room, { latest_events: [eventId] }),
    answers: () => ({ events: expect.any(Array) }),
    roomOf,
    refuses: {
      "400 M_BAD_JSON": ({ room }) => [
        post(`get_missing_events/${room}`, { earliest_events: [] }),
        missing(room, { latest_events: [7] }),
        missing(room, { limit: "few" }),
      ],
      "403 M_FORBIDDEN": ({ room, eventId }) => ({
        ...missing(room, { latest_events: [eventId] }),
        from: "s3",
      }),
      "404 M_NOT_FOUND": () => missing(path("!unknown:s1")),
    },
  },
  ...Object.fromEntries(
    (["state", "state_ids"] as const).map((name) => [
      `GET ${v1}/${name}/{roomId}`,
      {
        succeeds: ({ room, event }: InRoom) => get(`${name}/${room}?event_id=${event}`),
        answers: () =>
          name === "state"
            ? { pdus: expect.any(Array), auth_chain: expect.any(Array) }
            : { pdu_ids: expect.any(Array), auth_chain_ids: expect.any(Array) },
        roomOf,
        refuses: {
          "400 M_MISSING_PARAM": ({ room }: InRoom) => get(`${name}/${room}`),
          "403 M_FORBIDDEN": ({ room, event }: InRoom) => ({
            ...get(`${name}/${room}?event_id=${event}`),
            from: "s3",
          }),
          "404 M_NOT_FOUND": ({ room, event }: InRoom) => [
            get(`${name}/${room}?event_id=${path("$unknown")}`),
            get(`${name}/${path("!unknown:s1")}?event_id=${event}`),
          ],
        },
      },
    ]),
  ),
  [`GET ${v1}/event/{eventId}`]: {
    succeeds: ({ event }) => get(`event/${event}`),
    answers: () => ({ origin: "s1", origin_server_ts: expect.any(Number), pdus: [expect.any(Object)] }),
    roomOf,
    refuses: {
      "403 M_FORBIDDEN": ({ event }) => ({ ...get(`event/${event}`), from: "s3" }),
      "404 M_NOT_FOUND": () => get(`event/${path("$unknown")}`),
    },
  },
  [`GET ${v1}/timestamp_to_event/{roomId}`]: {
    succeeds: ({ room }) => get(`timestamp_to_event/${room}?ts=0&dir=f`),
    answers: () => ({ event_id: expect.any(String), origin_server_ts: expect.any(Number) }),
    roomOf,
    refuses: {
      "400 M_MISSING_PARAM": ({ room }) => [
        get(`timestamp_to_event/${room}?dir=f`),
        get(`timestamp_to_event/${room}?ts=0`),
      ],
      "400 M_INVALID_PARAM": ({ room }) => [
        get(`timestamp_to_event/${room}?ts=0&dir=up`),
        get(`timestamp_to_event/${room}?ts=noon&dir=f`),
      ],
      "403 M_FORBIDDEN": ({ room }) => ({ ...get(`timestamp_to_event/${room}?ts=0&dir=f`), from: "s3" }),
      "404 M_NOT_FOUND": ({ room }) => [
        get(`timestamp_to_event/${room}?ts=9000000000000000&dir=f`),
        get(`timestamp_to_event/${path("!unknown:s1")}?ts=0&dir=f`),
      ],
    },
  },
})
