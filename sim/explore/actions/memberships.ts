/** How users come into rooms, and go (client-server API §Room membership). */
import { Context, Effect, Schema } from "effect"
import { InvitePermission } from "#spec-impl/homeserver/invite-permission.ts"
import { type Acting, type Cast, defineAction } from "./action.ts"

const { String: Text } = Schema
const room = { room: Text }
const target = { ...room, target: Text }
const via = Schema.optionalKey(Schema.Array(Text))

const someRoom = ({ draws, rooms }: Cast) => ({ room: draws.pick(rooms, "room") })
const someTarget = (cast: Cast) => ({ ...someRoom(cast), target: cast.draws.pick(cast.users, "target") })
const someVia = (cast: Cast) => ({ ...someRoom(cast), via: [cast.draws.pick(cast.servers, "via")] })

type Verb = "kick" | "ban" | "unban" | "invite"

/** What one user does to another. */
const toTarget = <const V extends Verb>(name: V, weight: number, about: string) =>
  defineAction({
    name,
    about,
    weight,
    fields: target,
    draw: someTarget,
    perform: Effect.fnUntraced(function* (acting: Acting, action) {
      const said = action as { readonly room: string; readonly target: string }
      const roomId = yield* acting.roomId(said.room)
      acting.made(yield* acting.server.users[name](acting.user.userId, roomId, said.target))
    }),
  })

export const join = defineAction({
  name: "join",
  about:
    "joins a room, by way of the first of those servers that lets them in; restricted rooms by their rules",
  weight: 3,
  fields: { ...room, via },
  draw: someVia,
  perform: Effect.fnUntraced(function* ({ user, roomId, made }, action) {
    made(yield* user.join(yield* roomId(action.room), action.via ?? []))
  }),
})

export const knock = defineAction({
  name: "knock",
  about: "asks to be let in",
  weight: 1,
  fields: { ...room, via },
  draw: someVia,
  perform: Effect.fnUntraced(function* ({ user, roomId, made }, action) {
    made(yield* user.knock(yield* roomId(action.room), action.via?.[0]))
  }),
})

export const leave = defineAction({
  name: "leave",
  about: "leaves, turns an invite down, or takes a knock back",
  weight: 2,
  fields: room,
  draw: someRoom,
  perform: Effect.fnUntraced(function* ({ user, roomId, made }, action) {
    made(yield* user.leave(yield* roomId(action.room)))
  }),
})

export const rename = defineAction({
  name: "rename",
  about: "takes another display name in a room",
  weight: 0.5,
  fields: { ...room, displayName: Text },
  draw: (cast) => ({ ...someRoom(cast), displayName: `name ${cast.draws.integer(1_000, "name")}` }),
  perform: Effect.fnUntraced(function* ({ user, roomId, made }, action) {
    const content = { membership: "join", displayname: action.displayName }
    made(yield* user.setState(yield* roomId(action.room), "m.room.member", content, user.userId))
  }),
})

export const invite = toTarget("invite", 2, "invites a user")
export const kick = toTarget("kick", 1.5, "removes a user")
export const ban = toTarget("ban", 1.5, "bans a user")
export const unban = toTarget("unban", 1, "lifts a ban")

export const blockInvites = defineAction({
  name: "block-invites",
  about: "wants no invites any more, or wants them again",
  weight: 0.3,
  fields: { block: Schema.Boolean },
  makesEvent: false,
  draw: ({ draws }) => ({ block: draws.chance(0.7, "block") }),
  perform: ({ user, server }, { block }) =>
    Context.get(server.services, InvitePermission).configure(user.userId, {
      default_action: block ? "block" : "allow",
    }),
})
