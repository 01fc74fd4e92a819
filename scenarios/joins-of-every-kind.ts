import { Context, Effect, Fiber } from "effect"
import { delay } from "#sim/network/rules.ts"
import type { Scenario, ServerView } from "#sim/world/scenario.ts"
import type { Actor, Stage } from "#sim/world/stage.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { Rooms } from "#spec-impl/homeserver/rooms.ts"
import { levelsWith, oldVersions, sayMany } from "./story-parts.ts"

/** The room whose members may go into others; of a version that every server of the story knows. */
const loungeVersion = "10"

const mallory = "@mallory:s3"

const nameOf = (name: string) => [{ type: "m.room.name", stateKey: "", content: { name } }]

/** The strictest way in by which members of another room need no invite, as far as the version has one. */
const studyRule = (stage: Stage): "knock_restricted" | "restricted" | "knock" | "invite" => {
  const { knock, restricted, knockRestricted } = roomVersion(stage.roomVersion)!.auth
  return knockRestricted ? "knock_restricted" : restricted ? "restricted" : knock ? "knock" : "invite"
}

/** Alice's room that lets members of the lounge in; where the version has no such rule each of them is invited. */
const openTo = Effect.fnUntraced(function* (
  stage: Stage,
  owner: Actor,
  name: string,
  joinRule: ReturnType<typeof studyRule>,
  lounge: string,
) {
  const isRestricted = joinRule === "restricted" || joinRule === "knock_restricted"
  const room = yield* owner.createRoom({
    joinRule: isRestricted ? "invite" : joinRule,
    initialState: nameOf(name),
    powerLevels: { ...levelsWith(stage, owner.userId, {}), invite: 50 },
  })
  const allow = [{ type: "m.room_membership", room_id: lounge }]
  if (isRestricted) yield* owner.setState(room, "m.room.join_rules", { join_rule: joinRule, allow })
  /** Comes in by the condition, or is asked in. */
  const letIn = Effect.fnUntraced(function* (guest: Actor, via: readonly string[]) {
    if (joinRule === "knock") yield* guest.knock(room, "s1")
    if (!isRestricted) yield* owner.invite(room, guest.userId)
    yield* stage.quiet
    yield* guest.join(room, via)
  })
  return { room, letIn }
})

/** Every way into a room, on servers that do not all know its version. */
export const joinsOfEveryKind: Scenario = {
  name: "joins-of-every-kind",
  title: "Every way into a room",
  about:
    "A public hall, a club for members of the lounge, and a study on whose door one may also knock. Bob joins " +
    "as everybody does; Carol's server takes the hall up before it knows who is in it; Dan's server is too old for " +
    "new rooms. Mallory is banned between two steps of his join, and Bob leaves, only to come back after a netsplit " +
    "by way of another server. Whoever was let in must be in everywhere, and Mallory nowhere.",
  serversDefault: 4,
  roomVersionsDefault: ["10", "12"],
  settingsOf: (server) =>
    server === "s4" ? { roomVersions: oldVersions } : { partialStateJoins: server === "s3" },
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const carol = stage.user("@carol:s3")
    const dan = stage.user("@dan:s4")

    const lounge = yield* alice.createRoom({ roomVersion: loungeVersion, initialState: nameOf("Lounge") })
    const powerLevels = levelsWith(stage, alice.userId, { [bob.userId]: 50, [carol.userId]: 50 })
    const hall = yield* alice.createRoom({ initialState: nameOf("Hall"), powerLevels })
    yield* bob.join(hall, "s1")
    yield* stage.tell(`Alice (s1) opens a hall of version ${stage.roomVersion}, and Bob (s2) walks in.`)

    const slow = { path: /\/send_join\//, body: isOfMallory }
    yield* stage.rule("slow-mallory", slow, delay(5_000))
    const joining = yield* Effect.forkChild(Effect.result(stage.user(mallory).join(hall, "s1")))
    yield* stage.wait(2_000)
    yield* alice.ban(hall, mallory)
    const { _tag: outcome } = yield* Fiber.join(joining)
    yield* stage.tell(
      `Mallory (s3) asks for a join, and is banned before he hands it in: ${outcome === "Failure" ? "refused" : "let in"}.`,
    )

    yield* stage.rule("slow-state", { source: "s3", path: /\/state(_ids)?\// }, delay(8_000))
    yield* carol.join(hall, "s1")
    yield* bob.say(hall, "Carol, can you hear me, though you cannot see me?")
    yield* carol.say(hall, "I can. Who else is here?")
    yield* stage.tell(
      "Carol's server (s3) is told no members, and yet she talks with Bob; the rest comes later.",
    )
    yield* stage.quiet

    yield* dan.join(lounge, "s1")
    yield* dan.join(hall, "s1").pipe(
      Effect.andThen(stage.tell("Dan's old server (s4) knows this version: he comes along.")),
      Effect.catchTag("MatrixError", ({ message }) =>
        stage.tell(`Dan's old server (s4) gets no further than the lounge: ${message}.`),
      ),
    )
    for (const guest of [bob, carol]) yield* guest.join(lounge, "s1")
    yield* stage.quiet

    const clubRule = roomVersion(stage.roomVersion)!.auth.restricted ? "restricted" : "invite"
    const club = yield* openTo(stage, alice, "Club", clubRule, lounge)
    yield* club.letIn(bob, ["s1"])
    yield* stage.quiet
    yield* club.letIn(carol, ["s2", "s1"])
    yield* stage.tell(
      clubRule === "restricted"
        ? "The club lets in whoever is in the lounge: Bob by way of s1; Carol asks s2, where nobody may invite, and then s1."
        : "Rooms this old know no conditions: Alice invites Bob and Carol to the club.",
    )
    const study = yield* openTo(stage, alice, "Study", studyRule(stage), lounge)
    yield* study.letIn(carol, ["s1"])
    yield* stage.tell(`Carol comes into the study, whose rule is ${studyRule(stage)}.`)
    yield* stage.quiet

    yield* bob.leave(hall)
    yield* stage.quiet
    yield* stage.partition(["s1", "s2"], ["s3", "s4"])
    yield* alice.setState(hall, "m.room.topic", { topic: "Bob has left" })
    yield* sayMany(stage, alice, hall, 4)
    yield* carol.setState(hall, "m.room.topic", { topic: "the east's topic" })
    yield* sayMany(stage, carol, hall, 14)
    yield* stage.quiet
    yield* stage.tell("Bob leaves; the network splits, and both sides go on without him.")

    yield* stage.heal
    yield* alice.say(hall, "are you there?")
    yield* carol.say(hall, "we are")
    yield* stage.quiet
    yield* bob.join(hall, ["s3", "s1"])
    yield* bob.say(hall, "what did I miss?")
    yield* stage.quiet
    yield* stage.tell("The links heal, and Bob comes back, by way of s3.")
    return [hall, lounge, club.room, study.room]
  }),
  wanted: (view) =>
    isAsMeant(view, "Hall", ["@alice:s1", "@bob:s2", "@carol:s3"]) &&
    isAsMeant(view, "Lounge", ["@alice:s1", "@bob:s2", "@carol:s3", "@dan:s4"]) &&
    isAsMeant(view, "Club", ["@alice:s1", "@bob:s2", "@carol:s3"]) &&
    isAsMeant(view, "Study", ["@alice:s1", "@carol:s3"]),
}

/** Whether a request hands in a join of Mallory's. */
const isOfMallory = (body: unknown): boolean =>
  typeof body === "object" && body !== null && "sender" in body && body.sender === mallory

/** A server that holds the room knows all of it: those are in, and nobody else but Dan, Mallory least of all. */
const isAsMeant = (view: ServerView, name: string, members: readonly string[]): boolean => {
  const room = Context.get(view.services, Rooms)
    .all()
    .find(({ dag }) => dag.eventIn(dag.currentState(), "m.room.name", "")?.content.name === name)
  if (room === undefined) return true
  const membershipOf = (userId: string): unknown =>
    view.state("m.room.member", userId, room.roomId)?.content.membership
  return (
    room.partial === undefined &&
    members.every((userId) => membershipOf(userId) === "join") &&
    membershipOf(mallory) === (name === "Hall" ? "ban" : undefined)
  )
}
