import { Effect } from "effect"
import type { Scenario } from "#sim/world/scenario.ts"
import { levelsWith, sayMany } from "./story-parts.ts"

/** A plain partition: what every correct server must survive, in every room version. */
export const netsplitAndHeal: Scenario = {
  name: "netsplit-and-heal",
  title: "A netsplit, and its healing",
  about:
    "Five servers share a room and split two against three. Both sides talk on, and change the same things: " +
    "topic, name, and who may do what. Then the links heal. No server lies: all fill the gap by asking each " +
    "other for the state at its edge, and all must come to show the same room.",
  serversDefault: 5,
  roomVersionsDefault: ["10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const carol = stage.user("@carol:s3")
    const dan = stage.user("@dan:s4")
    const erin = stage.user("@erin:s5")

    const levels = { "@bob:s2": 50, "@carol:s3": 90, "@dan:s4": 50 }
    const powerLevels = levelsWith(stage, "@alice:s1", levels)
    const room = yield* alice.createRoom({ roomVersion: stage.roomVersion, powerLevels })
    for (const guest of [bob, carol, dan, erin]) {
      yield* guest.join(room, "s1")
      yield* stage.quiet
    }
    yield* stage.tell("Alice (s1), Bob (s2), Carol (s3), Dan (s4) and Erin (s5) share a room.")

    yield* stage.partition(["s1", "s2"], ["s3", "s4", "s5"])
    yield* bob.setState(room, "m.room.topic", { topic: "the west's topic" })
    yield* sayMany(stage, bob, room, 10)
    yield* alice.setState(room, "m.room.name", { name: "West" })
    yield* sayMany(stage, alice, room, 14)
    yield* stage.quiet
    yield* stage.tell("The network splits: s1 and s2 on one side set topic and name, and talk on.")

    yield* dan.setState(room, "m.room.topic", { topic: "the east's topic" })
    yield* sayMany(stage, erin, room, 12)
    yield* carol.setState(room, "m.room.name", { name: "East" })
    yield* carol.setState(
      room,
      "m.room.power_levels",
      levelsWith(stage, "@alice:s1", { ...levels, "@erin:s5": 50 }),
    )
    yield* sayMany(stage, dan, room, 12)
    yield* stage.quiet
    yield* stage.tell("s3, s4 and s5 on the other set their own, and Carol gives Erin a say.")

    yield* stage.heal
    yield* bob.say(room, "can you hear us?")
    yield* carol.say(room, "we can")
    yield* stage.quiet
    yield* stage.tell("The links heal.")
    return room
  }),
  wanted: (view) => {
    const topic = view.state("m.room.topic", "")?.content.topic
    const name = view.state("m.room.name", "")?.content.name
    const isJoined = (userId: string): boolean =>
      view.state("m.room.member", userId)?.content.membership === "join"
    return (
      (topic === "the west's topic" || topic === "the east's topic") &&
      (name === "West" || name === "East") &&
      ["@alice:s1", "@bob:s2", "@carol:s3", "@dan:s4", "@erin:s5"].every(isJoined)
    )
  },
}
