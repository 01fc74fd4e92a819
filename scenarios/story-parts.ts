/** What several stories need. */
import { Context, Effect } from "effect"
import type { ServerView } from "#sim/world/scenario.ts"
import type { Actor, Stage, StageFailure } from "#sim/world/stage.ts"
import type { Event } from "#spec-impl/core/event.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { roomVersion, roomVersions } from "#spec-impl/core/room-version.ts"
import { type Room, Rooms } from "#spec-impl/homeserver/rooms.ts"

/** What a server knows that is from before room version 11. */
export const oldVersions = roomVersions.slice(0, 10)

/** Whether such a server knows that room version, too. */
export const isKnownToAll = (id: string): boolean => oldVersions.some((version) => version.id === id)

/** Power levels with the creator at the top: at 100, or unsaid where creators have infinite power (room 12). */
export const levelsWith = (
  stage: Pick<Stage, "roomVersion">,
  creator: string,
  levels: Readonly<Record<string, number>>,
): JsonObject => ({
  users: roomVersion(stage.roomVersion)?.auth.privilegedCreators ? levels : { [creator]: 100, ...levels },
})

/** The level that an m.room.power_levels event gives a user by name. */
export const levelOf = (powerLevels: Event | undefined, userId: string): JsonValue | undefined => {
  const users = powerLevels?.content.users
  return isJsonObject(users) ? users[userId] : undefined
}

/** Whether every room that the server holds goes by one of those names, and is as it should be. */
export const roomsAre = (
  { services }: ServerView,
  wanted: Readonly<Record<string, (room: Room) => boolean>>,
): boolean =>
  Context.get(services, Rooms)
    .all()
    .every((room) => {
      const name = room.dag.eventIn(room.dag.currentState(), "m.room.name", "")?.content.name
      return wanted[String(name)]?.(room) ?? false
    })

/** Whether the story has written down all of that, under those names. */
export const notesAre = ({ noted }: ServerView, wanted: Readonly<Record<string, JsonValue>>): boolean =>
  Object.entries(wanted).every(([name, value]) => canonicalJson(noted(name) ?? null) === canonicalJson(value))

/** What a user is told whose act is refused; a story cannot go on where it is not. */
export const refusalOf = <A>(act: Effect.Effect<A, StageFailure>): Effect.Effect<string, StageFailure> =>
  Effect.matchEffect(act, {
    onFailure: (failure) =>
      Effect.succeed(failure._tag === "StoreFailure" ? failure.detail : failure.message),
    onSuccess: () => Effect.die("an act was allowed that the story wants refused"),
  })

/** The status and code of a Matrix error that `refusalOf` told. */
export const codeOf = (refusal: string): string => refusal.slice(0, refusal.indexOf(":"))

const pauseMs = 400

/** Says `count` things, with a breath after each. */
export const sayMany = (
  stage: Stage,
  actor: Actor,
  roomId: string,
  count: number,
): Effect.Effect<void, StageFailure> =>
  Effect.forEach(
    Array.from({ length: count }, (_, at) => at + 1),
    (number) => actor.say(roomId, `message ${number} of ${count}`).pipe(Effect.andThen(stage.wait(pauseMs))),
    { discard: true },
  )
