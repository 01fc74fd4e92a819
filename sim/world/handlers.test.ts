/** Handlers are of the server that they answer for. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { type Played, play } from "./testing/play.ts"
import { sendRaw } from "./testing/raw-request.ts"

const history = Effect.fnUntraced(function* (played: Played, roomId: string) {
  const latest = played.servers.get("s1")!.rooms.find(roomId)!.dag.forwardExtremities()[0]!
  const target = `/_matrix/federation/v1/backfill/${encodeURIComponent(roomId)}?v=${encodeURIComponent(latest)}&limit=1`
  return yield* sendRaw(played, { from: "s2", to: "s1", method: "GET", target })
})

const inRoom = (story: (played: Played, roomId: string) => Effect.Effect<unknown, unknown>) =>
  play({}, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user("@alice:s1").createRoom()
      yield* stage.user("@bob:s2").join(roomId, "s1")
      yield* stage.quiet
      yield* story(played, roomId)
    }),
  )

describe("a handler", () => {
  it("tells the time by its server's clock", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { kernel } = played
        kernel.setClockOffsetMs("s1", 3_600_000)
        const sentMs = kernel.nowMs
        const { body } = yield* history(played, roomId)
        const answeredTs = Number(body.origin_server_ts)
        expect(answeredTs).toBeGreaterThanOrEqual(sentMs + 3_600_000)
      }),
    ))
})
