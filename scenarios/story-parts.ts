/** What several stories need. */
import { Effect } from "effect"
import type { Actor, Stage, StageFailure } from "#sim/world/stage.ts"
import type { Event } from "#spec-impl/core/event.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"

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
