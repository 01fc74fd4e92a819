/** For tests: a room that s3 joins without being told who is in it. */
import { Effect } from "effect"
import { expect } from "vitest"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { findInconsistencies } from "../../checks/room-consistency.ts"
import { type RequestMatch, reply } from "../../network/rules.ts"
import { type Played, type PlayOptions, play } from "./play.ts"
import { roomOn } from "./views.ts"

export const derek = "@derek:s2"
export const partialOn =
  (...names: readonly string[]) =>
  (server: string) => ({ partialStateJoins: names.includes(server), notaries: ["s1"] })
export const ofState: RequestMatch = { source: "s3", path: /\/state(_ids)?\// }

/** While `story` is told nobody tells s3 the state of a room. */
export const withoutState = <A, E, R>({ network }: Played, story: Effect.Effect<A, E, R>, match = ofState) =>
  Effect.scoped(
    network.rule(match, reply(404, { errcode: "M_NOT_FOUND", error: "not now" })).pipe(Effect.andThen(story)),
  )

/** Alice's named room on s1 with Derek and Bob of s2; Derek has a say. s3 joins by way of s1, told part of it. */
export const joined = <A>(
  roomVersionId: string,
  before: (played: Played, roomId: string) => Effect.Effect<unknown, unknown>,
  meanwhile: (played: Played, roomId: string) => Effect.Effect<A, unknown>,
  after: (played: Played, roomId: string, was: A) => Effect.Effect<unknown, unknown>,
  settingsOf: PlayOptions["settingsOf"] = () => ({}),
) => {
  const settings = (server: string) => ({ ...partialOn("s3")(server), ...settingsOf(server) })
  return play({ servers: 4, roomVersion: roomVersionId, settingsOf: settings }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const users = { [derek]: 50, "@bob:s2": 60 }
      const isCreatorNamed = !roomVersion(roomVersionId)!.auth.privilegedCreators
      const powerLevels = { users: { ...users, ...(isCreatorNamed ? { "@alice:s1": 100 } : {}) } }
      const initialState = [{ type: "m.room.name", stateKey: "", content: { name: "the room" } }]
      const roomId = yield* stage.user("@alice:s1").createRoom({ initialState, powerLevels })
      yield* stage.user("@bob:s2").join(roomId, "s1")
      yield* stage.user(derek).join(roomId, "s1")
      yield* stage.quiet
      yield* before(played, roomId)
      yield* stage.quiet
      const was = yield* withoutState(
        played,
        Effect.gen(function* () {
          yield* stage.user("@nina:s3").join(roomId, "s1")
          yield* stage.user("@frank:s4").join(roomId, "s1")
          yield* stage.wait(3_000)
          expect(roomOn(played, "s3", roomId).partial?.servers).toEqual(["s1", "s2"])
          return yield* meanwhile(played, roomId)
        }),
      )
      yield* stage.quiet
      expect(roomOn(played, "s3", roomId).partial).toBeUndefined()
      yield* after(played, roomId, was)
      expect(findInconsistencies(roomOn(played, "s3", roomId).dag)).toEqual([])
    }),
  )
}
export const nothing = () => Effect.void
