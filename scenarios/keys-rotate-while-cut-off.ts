import { Context, Effect } from "effect"
import type { Scenario } from "#sim/world/scenario.ts"
import type { Actor } from "#sim/world/stage.ts"
import { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import { Rooms } from "#spec-impl/homeserver/rooms.ts"
import { isKnownToAll, levelsWith, oldVersions } from "./story-parts.ts"

const dayMs = 24 * 60 * 60 * 1_000
/** Beside the room of the run: one whose events ask no validity of keys, and one that every server can be in. */
const otherVersions = ["4", "10"]

const topic = "set before the key was changed"
const name = "Set with the new key"
const lastName = "Dan, on his way out"

/** Joins where the server knows the room's version, and does without where it does not. */
const joinIfKnown = (actor: Actor, roomId: string, via: string) =>
  Effect.asVoid(actor.join(roomId, via)).pipe(
    Effect.catchIf(
      (error) => error instanceof MatrixError && error.errcode === "M_INCOMPATIBLE_ROOM_VERSION",
      () => Effect.void,
    ),
  )

/** Keys change, run out and are lost to sight while servers cannot hear each other. */
export const keysRotateWhileCutOff: Scenario = {
  name: "keys-rotate-while-cut-off",
  title: "New signing keys behind a cut",
  about:
    "Five servers share rooms of several versions; s3 knows rooms 1–10 only. For more than a day s2 and s4 are cut " +
    "off, long enough for what is known of their keys to run out, and s2 changes its key: events of the old key " +
    "and of the new one arrive together when the links heal. Then s4 changes its key too, is heard by s1 alone, and " +
    "goes down. Whoever meets its last event now can ask for the key only where it was heard: s1, their notary, " +
    "which has itself been restarted in the meantime.",
  serversDefault: 5,
  roomVersionsDefault: ["4", "10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) => ({
    notaries: ["s1"],
    ...(server === "s3" ? { roomVersions: oldVersions } : {}),
  }),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const carol = stage.user("@carol:s3")
    const dan = stage.user("@dan:s4")
    const erin = stage.user("@erin:s5")

    const rooms: string[] = []
    const versions = [stage.roomVersion, ...otherVersions.filter((id) => id !== stage.roomVersion)]
    for (const roomVersion of versions) {
      const powerLevels = levelsWith({ roomVersion }, alice.userId, { [bob.userId]: 50 })
      rooms.push(yield* alice.createRoom({ roomVersion, powerLevels }))
    }
    const inEach = <E>(act: (roomId: string) => Effect.Effect<unknown, E>) =>
      Effect.forEach(rooms, act, { discard: true })
    yield* inEach((room) => bob.join(room, "s1"))
    yield* inEach((room) => joinIfKnown(carol, room, "s1"))
    yield* inEach((room) => dan.join(room, "s1"))
    yield* stage.quiet
    const closed = isKnownToAll(stage.roomVersion)
      ? ""
      : `; room ${stage.roomVersion} is too new for Carol's server`
    yield* stage.tell(
      `Alice (s1) makes rooms of versions ${versions.join(", ")}; Bob (s2), Carol (s3) and Dan (s4) join${closed}.`,
    )

    yield* stage.partition(["s1", "s3", "s5"], ["s2", "s4"])
    yield* stage.wait(dayMs + 60 * 60 * 1_000)
    yield* inEach((room) => bob.setState(room, "m.room.topic", { topic }))
    yield* stage.wait(10_000)
    yield* stage.rotateKey("s2")
    yield* inEach((room) => bob.setState(room, "m.room.name", { name }))
    yield* inEach((room) => dan.say(room, "nice name"))
    yield* inEach((room) => alice.say(room, "where is everybody?"))
    yield* inEach((room) => Effect.ignore(carol.say(room, "I am here")))
    yield* stage.wait(10_000)
    yield* stage.tell(
      "s2 and s4 are cut off for a day. Bob sets a topic, s2 changes its signing key, and Bob sets a name.",
    )

    yield* stage.heal
    yield* inEach((room) => bob.say(room, "there you are"))
    yield* stage.quiet
    yield* stage.tell(
      "The links heal: what the old key signed and what the new one signed reach s1 and s3 together.",
    )

    yield* stage.partition(["s1", "s4"], ["s1", "s2", "s3", "s5"])
    yield* stage.rotateKey("s4")
    const leaving = { membership: "join", displayname: lastName }
    yield* inEach((room) => dan.setState(room, "m.room.member", leaving, dan.userId))
    yield* stage.wait(5_000)
    yield* stage.crash("s4")
    yield* stage.heal
    yield* stage.tell(
      "s1 alone can hear s4, which changes its key too. Dan takes a new name, and s4 goes down.",
    )

    yield* stage.restart("s1")
    yield* inEach((room) => alice.say(room, "farewell, Dan"))
    yield* stage.quiet
    yield* stage.tell(
      "s1 is restarted. Alice answers Dan: s2 and s3 get what he did from s1, and the key to it from s1 as notary.",
    )

    yield* inEach((room) => erin.join(room, "s1"))
    yield* inEach((room) => erin.say(room, "what have I missed?"))
    yield* stage.quiet
    yield* stage.tell(
      "Erin (s5) joins: her server has never heard s4, and believes what it signed on the word of s1.",
    )
    return rooms
  }),
  wanted: ({ services, state }) =>
    Context.get(services, Rooms)
      .all()
      .every(
        ({ roomId }) =>
          state("m.room.topic", "", roomId)?.content.topic === topic &&
          state("m.room.name", "", roomId)?.content.name === name &&
          state("m.room.member", "@dan:s4", roomId)?.content.displayname === lastName &&
          state("m.room.member", "@erin:s5", roomId)?.content.membership === "join",
      ),
}
