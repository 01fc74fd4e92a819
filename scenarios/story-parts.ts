/** What several stories need. */
import { Context, Effect } from "effect"
import type { ServerView } from "#sim/world/scenario.ts"
import type { Actor, Stage, StageFailure } from "#sim/world/stage.ts"
import type { Event } from "#spec-impl/core/event.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { roomVersion, roomVersions } from "#spec-impl/core/room-version.ts"
import { type Room, Rooms } from "#spec-impl/homeserver/rooms.ts"
import type { HomeserverSettings } from "#spec-impl/homeserver/settings.ts"

/** Power levels with the creator at the top: at 100, or unsaid where creators have infinite power (room 12). */
export const levelsWith = (
  stage: Stage,
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

/** Of a server that is older than rooms 11 and 12. */
export const knowsRoomsUpTo10: Partial<HomeserverSettings> = {
  roomVersions: roomVersions.filter(({ id }) => Number(id) <= 10),
}

/** A room with that name, as `createRoom` takes it. */
export const named = (name: string) => ({ type: "m.room.name", stateKey: "", content: { name } })

/** The room of that name, where the server holds it. */
export const roomNamed = ({ services }: Pick<ServerView, "services">, name: string): Room | undefined =>
  Context.get(services, Rooms)
    .all()
    .find(({ dag }) => dag.eventIn(dag.currentState(), "m.room.name", "")?.content.name === name)

/** What an act comes to where it is refused: the error's text. */
export const refusalOf = <A>(act: Effect.Effect<A, StageFailure>): Effect.Effect<string | undefined> =>
  Effect.match(act, { onFailure: (error) => error.message, onSuccess: () => undefined })
