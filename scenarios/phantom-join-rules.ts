import { Effect } from "effect"
import { replacingInAnswer } from "#sim/network/rules.ts"
import type { Scenario } from "#sim/world/scenario.ts"
import { levelsWith, sayMany } from "./story-parts.ts"

/** S01: MSC4297 problem A. */
export const phantomJoinRules: Scenario = {
  name: "phantom-join-rules",
  title: "The phantom join rules",
  about:
    "Alice makes a public room invite-only and leaves. One server comes back from an outage, and the state it " +
    "is told for a point that it missed still holds the old join rules. When it resolves that against what it " +
    "knows, neither join rule can be authorised any more, for Alice is gone: the room has no join rules at all " +
    "(MSC4297 problem A; seen in synapse#16629).",
  serversDefault: 3,
  roomVersionsDefault: ["10", "12"],
  expected: (roomVersion) =>
    roomVersion === "12"
      ? { agree: "yes", wanted: "yes", live: "yes" }
      : { agree: "no", wanted: "no", live: "yes" },
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const dora = stage.user("@dora:s1")
    const bob = stage.user("@bob:s2")
    const charlie = stage.user("@charlie:s3")

    const powerLevels = levelsWith(stage, "@alice:s1", { "@bob:s2": 100 })
    const room = yield* alice.createRoom({ roomVersion: stage.roomVersion, powerLevels })
    for (const guest of [bob, charlie, dora]) yield* guest.join(room, "s1")
    yield* stage.quiet
    const publicRule = stage.stateOf("s1", room, "m.room.join_rules")!
    yield* stage.tell("Alice (s1) makes a public room; Bob (s2), Charlie (s3) and Dora (s1) join.")

    const inviteRule = yield* alice.setState(room, "m.room.join_rules", { join_rule: "invite" })
    yield* alice.leave(room)
    yield* stage.quiet
    yield* stage.tell("Alice makes it invite-only, and leaves. All three servers know.")

    yield* stage.partition(["s1", "s2"], ["s3"])
    yield* sayMany(stage, bob, room, 16)
    yield* charlie.say(room, "is anybody there?")
    yield* stage.tell("s3 is cut off. Bob says 16 things that it does not hear; Charlie says one.")

    yield* stage.rule(
      "stale-state-ids",
      { source: "s3", path: /\/state_ids\// },
      replacingInAnswer(inviteRule.eventId, publicRule.eventId),
    )
    yield* stage.heal
    yield* bob.say(room, "welcome back")
    yield* stage.quiet
    yield* stage.tell(
      "The link heals. s3 asks for the state in the gap and is told the old, public join rule.",
    )
    return room
  }),
  wanted: (view) => view.state("m.room.join_rules", "")?.content.join_rule === "invite",
}
