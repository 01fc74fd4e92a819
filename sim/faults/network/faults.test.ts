/** Each fault of the network does what it says, to what it says, and is over once it is undone. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { inRoom, say, shows, traced } from "../testing/with-fault.ts"

describe("loss", () => {
  it("loses requests, which are repeated until one arrives", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const undo = yield* stage.fault({ fault: "loss", between: [["s1", "s2"]], share: 1 })
        const lost = yield* say(played, "s1", roomId)
        yield* stage.wait(60_000)
        expect(shows(played, "s2", roomId, lost)).toBe(false)
        expect(traced(played, "lost").length).toBeGreaterThan(0)
        yield* undo
        yield* stage.wait(600_000)
        expect(shows(played, "s2", roomId, lost)).toBe(true)
      }),
    )
  })
})
