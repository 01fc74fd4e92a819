/** Profiles, aliases, the room directory, spaces, and OpenID. */
import { Context, Effect } from "effect"
import { PublishedRooms } from "#spec-impl/federation/directory/published-rooms.ts"
import { OpenIdTokens } from "#spec-impl/federation/openid/tokens.ts"
import { Aliases } from "#spec-impl/federation/queries/aliases.ts"
import { Profiles } from "#spec-impl/federation/queries/profiles.ts"
import type { Played } from "../testing/play.ts"
import { casesOf, get, path, post } from "./cases.ts"

const alice = "@alice:s1"
const v1 = "/_matrix/federation/v1"

/** Alice of s1, with a name and a room that has an alias and is published. */
const known = Effect.fnUntraced(function* ({ stage, servers }: Played) {
  const roomId = yield* stage.user(alice).createRoom()
  const { services } = servers.get("s1")!
  yield* Context.get(services, Profiles).set(alice, "displayname", "Alice")
  yield* Context.get(services, Aliases).create(alice, "#room:s1", roomId)
  yield* Context.get(services, PublishedRooms).publish(alice, roomId, true)
  const { accessToken } = yield* Context.get(services, OpenIdTokens).make(alice)
  return { roomId, room: path(roomId), accessToken }
})

const profile = (userId: string, field = "") => get(`query/profile?user_id=${path(userId)}${field}`)
const directory = (alias: string) => get(`query/directory?room_alias=${path(alias)}`)

export const queryCases = casesOf(known, {
  [`GET ${v1}/query/{queryType}`]: {
    succeeds: () => profile(alice),
    answers: () => ({ displayname: "Alice" }),
    refuses: { "404 M_UNRECOGNIZED": () => get("query/weather?place=here") },
  },
  [`GET ${v1}/query/directory`]: {
    succeeds: () => directory("#room:s1"),
    answers: ({ roomId }) => ({ room_id: roomId, servers: ["s1"] }),
    refuses: {
      "400 M_MISSING_PARAM": () => get("query/directory"),
      "404 M_NOT_FOUND": () => [directory("#other:s1"), directory("#room:s2")],
    },
  },
  [`GET ${v1}/query/profile`]: {
    succeeds: () => profile(alice, "&field=displayname"),
    answers: () => ({ displayname: "Alice" }),
    refuses: {
      "400 M_MISSING_PARAM": () => get("query/profile"),
      "403 M_FORBIDDEN": {
        options: { settings: { answersProfileQueries: false } },
        asks: () => profile(alice),
      },
      "404 M_NOT_FOUND": () => [
        profile("@nobody:s1"),
        profile("@bob:s2"),
        profile("nonsense"),
        profile(alice, "&field=avatar_url"),
      ],
    },
  },
  [`GET ${v1}/publicRooms`]: {
    succeeds: () => get("publicRooms?limit=1"),
    answers: ({ roomId }) => ({ chunk: [{ room_id: roomId }], total_room_count_estimate: 1 }),
    refuses: { "400 M_INVALID_PARAM": () => [get("publicRooms?limit=many"), get("publicRooms?since=x")] },
  },
  [`POST ${v1}/publicRooms`]: {
    succeeds: () => post("publicRooms", { limit: 1 }),
    answers: ({ roomId }) => ({ chunk: [{ room_id: roomId }], total_room_count_estimate: 1 }),
    refuses: {
      "400 M_BAD_JSON": () => post("publicRooms", { limit: "x" }),
      "400 M_INVALID_PARAM": () => post("publicRooms", { since: "x" }),
    },
  },
  [`GET ${v1}/hierarchy/{roomId}`]: {
    succeeds: ({ room }) => get(`hierarchy/${room}`),
    answers: ({ roomId }) => ({ room: { room_id: roomId }, children: [], inaccessible_children: [] }),
    refuses: {
      "400 M_INVALID_PARAM": ({ room }) => get(`hierarchy/${room}?suggested_only=perhaps`),
      "404 M_NOT_FOUND": (_, { stage }) =>
        Effect.map(stage.user(alice).createRoom({ joinRule: "invite" }), (closed) => [
          get(`hierarchy/${path(closed)}`),
          get(`hierarchy/${path("!unknown:s1")}`),
        ]),
    },
  },
  [`GET ${v1}/openid/userinfo`]: {
    succeeds: ({ accessToken }) => get(`openid/userinfo?access_token=${accessToken}`),
    answers: () => ({ sub: alice }),
    refuses: {
      "401 M_MISSING_TOKEN": () => get("openid/userinfo"),
      "401 M_UNKNOWN_TOKEN": () => get("openid/userinfo?access_token=x"),
    },
  },
})
