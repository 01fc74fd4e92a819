/** What users say in rooms, and take back (client-server API §Sending events to a room, §Redactions). */
import { Effect, Schema } from "effect"
import { type Cast, defineAction } from "./action.ts"

const { String: Text } = Schema
const room = { room: Text }
const someRoom = ({ draws, rooms }: Cast) => ({ room: draws.pick(rooms, "room") })

/** Some say one thing, some say many. */
const someCount = ({ draws, burstMax }: Cast): number =>
  draws.chance(0.45, "single") ? 1 : 1 + draws.integer(burstMax, "count")

export const message = defineAction({
  name: "message",
  about: "says something, `count` times, one after the other",
  weight: 6,
  fields: {
    ...room,
    count: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 }))),
  },
  draw: (cast) => ({ ...someRoom(cast), count: someCount(cast) }),
  perform: Effect.fnUntraced(function* ({ user, entryId, roomId, made }, action) {
    const id = yield* roomId(action.room)
    for (let nth = 1; nth <= (action.count ?? 1); nth++) made(yield* user.say(id, `${entryId} ${nth}`))
  }),
})

export const redact = defineAction({
  name: "redact",
  about: "redacts what that entry of the plan made",
  weight: 1,
  fields: { ...room, of: Text },
  draw: ({ draws, earlier }) => {
    if (earlier.length === 0) return undefined
    const { id, room: of } = draws.pick(earlier, "of")
    return { room: of, of: id }
  },
  perform: Effect.fnUntraced(function* ({ user, roomId, eventOf, made }, action) {
    made(yield* user.redact(yield* roomId(action.room), (yield* eventOf(action.of)).eventId))
  }),
})

export const typing = defineAction({
  name: "typing",
  about: "types in a room",
  weight: 0.5,
  fields: room,
  makesEvent: false,
  draw: someRoom,
  perform: Effect.fnUntraced(function* ({ user, roomId }, action) {
    yield* user.startTyping(yield* roomId(action.room))
  }),
})

export const read = defineAction({
  name: "read",
  about: "has read up to what that entry of the plan made",
  weight: 0.5,
  fields: { ...room, upTo: Text },
  makesEvent: false,
  draw: ({ draws, earlier }) => {
    if (earlier.length === 0) return undefined
    const { id, room: upTo } = draws.pick(earlier, "up-to")
    return { room: upTo, upTo: id }
  },
  perform: Effect.fnUntraced(function* ({ user, roomId, eventOf }, action) {
    yield* user.read(yield* roomId(action.room), (yield* eventOf(action.upTo)).eventId)
  }),
})
