/** History that a server missed while it had part of a room's state alone (MSC3706, MSC3902). */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { reply } from "../network/rules.ts"
import { ofState, partialOn, withoutState } from "./testing/partial-room.ts"
import { play } from "./testing/play.ts"
import { stateAsker } from "./testing/state-asker.ts"
import { roomOn } from "./testing/views.ts"

describe("after the rest of the state", () => {
  it("comes what was missing behind a gap meanwhile, asked for until somebody tells it", async () => {
    const settingsOf = (server: string) => ({ ...partialOn("s3")(server), ...stateAsker })
    await play({ servers: 3, roomVersion: "11", settingsOf }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const alice = stage.user("@alice:s1")
        const roomId = yield* alice.createRoom({
          initialState: [{ type: "m.room.name", stateKey: "", content: { name: "the room" } }],
        })
        yield* stage.user("@bob:s2").join(roomId, "s1")
        yield* stage.quiet
        const join = yield* withoutState(
          played,
          Effect.tap(stage.user("@nina:s3").join(roomId, "s1"), stage.wait(1_000)),
        )
        const ofJoin = { ...ofState, eventId: join.eventId }
        yield* withoutState(
          played,
          Effect.gen(function* () {
            const gap = Effect.gen(function* () {
              yield* Effect.scoped(
                played.network
                  .rule({ source: "s1", destination: "s3", path: /\/send\// }, reply(200, { pdus: {} }))
                  .pipe(
                    Effect.andThen(alice.say(roomId, "one")),
                    Effect.andThen(alice.say(roomId, "one more")),
                    Effect.andThen(stage.wait(1_000)),
                  ),
              )
              yield* alice.say(roomId, "two")
              yield* alice.say(roomId, "three")
              yield* stage.wait(3_000)
              expect(roomOn(played, "s3", roomId).partial).toBeDefined()
            })
            yield* withoutState(played, gap, ofJoin)
            yield* stage.wait(60_000)
            expect(roomOn(played, "s3", roomId).partial).toBeUndefined()
          }),
          { source: "s3", path: /\/backfill\// },
        )
        yield* stage.wait(300_000)
        const [here, there] = ["s3", "s1"].map((server) => roomOn(played, server, roomId).dag)
        for (const { event } of there!.records())
          if (event.content.msgtype === "m.text") expect(here!.isInHistory(event.eventId)).toBe(true)
      }),
    )
  })
})
