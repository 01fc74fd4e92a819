import { Effect } from "effect"
import { replacingInAnswer } from "#sim/network/rules.ts"
import type { Scenario } from "#sim/world/scenario.ts"
import { levelOf, levelsWith, sayMany } from "./story-parts.ts"

/** S02: MSC4297 problem B. */
export const lostPromotionChain: Scenario = {
  name: "lost-promotion-chain",
  title: "The lost promotion chain",
  about:
    "Alice promotes Bob, and Bob promotes Charlie. One server is told, for a point that it missed, the state " +
    "with the first power levels, and one of its users acts on it. When that branch meets an honest one, Bob's " +
    "promotion of Charlie is replayed without Alice's promotion of Bob, which both branches hold and neither " +
    "therefore brings along: both promotions are gone (MSC4297 problem B).",
  serversDefault: 3,
  roomVersionsDefault: ["10", "12"],
  expected: (roomVersion) =>
    roomVersion === "12"
      ? { agree: "no", wanted: "yes", live: "yes" }
      : { agree: "no", wanted: "no", live: "yes" },
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const zara = stage.user("@zara:s1")
    const bob = stage.user("@bob:s2")
    const charlie = stage.user("@charlie:s3")
    const eve = stage.user("@eve:s3")

    const promote = (levels: Record<string, number>) => levelsWith(stage, "@alice:s1", levels)
    const room = yield* alice.createRoom({ roomVersion: stage.roomVersion, powerLevels: promote({}) })
    const first = stage.stateOf("s1", room, "m.room.power_levels")!
    for (const guest of [bob, charlie]) yield* guest.join(room, "s1")
    yield* stage.quiet
    yield* alice.setState(room, "m.room.power_levels", promote({ "@bob:s2": 50 }))
    yield* stage.quiet
    const chain = promote({ "@bob:s2": 50, "@charlie:s3": 50 })
    const last = yield* bob.setState(room, "m.room.power_levels", chain)
    yield* stage.quiet
    yield* eve.join(room)
    yield* stage.quiet
    yield* stage.tell("Alice (s1) promotes Bob (s2), Bob promotes Charlie (s3), Eve (s3) joins.")

    yield* stage.partition(["s1"], ["s2"], ["s3"])
    yield* zara.join(room)
    yield* sayMany(stage, bob, room, 16)
    yield* stage.tell("All three servers lose each other. Zara joins on s1; Bob says 16 things on s2.")

    yield* stage.rule(
      "stale-state-ids",
      { source: "s3", path: /\/state_ids\// },
      replacingInAnswer(last.eventId, first.eventId),
    )
    yield* stage.partition(["s1"], ["s2", "s3"])
    yield* bob.say(room, "hello, s3")
    yield* stage.quiet
    yield* eve.setState(room, "m.room.member", { membership: "join", displayname: "Eve" }, eve.userId)
    yield* stage.quiet
    yield* stage.tell("s3 hears s2 again, is told the first power levels for the gap, and Eve takes a name.")

    yield* stage.partition(["s1", "s2"], ["s3"])
    yield* bob.say(room, "hello, s1")
    yield* stage.quiet
    yield* stage.heal
    yield* zara.say(room, "hello, everybody")
    yield* stage.quiet
    yield* stage.tell("s1 hears s2, then s3: Zara's branch and Eve's meet.")
    return room
  }),
  wanted: (view) => {
    const levels = view.state("m.room.power_levels", "")
    return levelOf(levels, "@bob:s2") === 50 && levelOf(levels, "@charlie:s3") === 50
  },
}
