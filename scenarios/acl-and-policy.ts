import { Effect } from "effect"
import type { Scenario } from "#sim/world/scenario.ts"
import type { Actor } from "#sim/world/stage.ts"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import type { Room } from "#spec-impl/homeserver/rooms.ts"
import { joinedMembers } from "#spec-impl/homeserver/shared-rooms.ts"
import { codeOf, isKnownToAll, levelsWith, oldVersions, refusalOf, roomsAre } from "./story-parts.ts"

const spam = "buy cheap spam"
const topic = "what s1 would not hear"
const island = "can anybody hear me?"

/** Two ways to keep things out of a room, and how far each of them reaches. */
export const aclAndPolicy: Scenario = {
  name: "acl-and-policy",
  title: "The doorman and the censor",
  about:
    "Alice's room denies one server by its ACL, and puts all events before a policy server. Bob's server is from before " +
    "there were policy servers: what it sends is unsigned, and others ask for a signature when it comes. While the " +
    "policy server is cut off they cannot, and soft-fail what Bob does, each by what it can reach: they differ by " +
    "design. After healing somebody builds on it, and all show it. The denied server has talked to nobody all the " +
    "while; when the ACL is lifted its island is found.",
  serversDefault: 5,
  roomVersionsDefault: ["10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) => ({
    ...(server === "s2" ? { readings: { ...readingsDefault, policyServers: "unknown" as const } } : {}),
    ...(server === "s3"
      ? { policy: ({ content }) => (content.body === spam ? "no spam in this room" : undefined) }
      : {}),
    ...(server === "s4" ? { roomVersions: oldVersions } : {}),
  }),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const watch = stage.user("@watch:s3")
    const dora = stage.user("@dora:s4")
    const mallory = stage.user("@mallory:s5")

    const powerLevels = levelsWith(stage, "@alice:s1", { "@bob:s2": 50 })
    const named = (name: string) => [{ type: "m.room.name", stateKey: "", content: { name } }]
    const square = yield* alice.createRoom({ powerLevels, initialState: named("square") })
    const annex = yield* alice.createRoom({ roomVersion: "10", initialState: named("annex") })
    const enter = Effect.fnUntraced(function* (room: string, guests: readonly Actor[]) {
      for (const guest of guests) {
        yield* guest.join(room, "s1")
        yield* stage.quiet
      }
    })
    yield* enter(
      square,
      isKnownToAll(stage.roomVersion) ? [bob, watch, mallory, dora] : [bob, watch, mallory],
    )
    yield* enter(annex, [watch, dora])
    yield* stage.tell(
      "Alice (s1), Bob (s2), the watch (s3) and Mallory (s5) are on the square, Dora (s4) in the annex.",
    )
    if (!isKnownToAll(stage.roomVersion)) {
      const refusal = yield* refusalOf(dora.join(square, "s1"))
      yield* stage.tell(`The square is closed to Dora's old server: ${refusal}.`)
    }

    yield* alice.setState(square, "m.room.server_acl", { allow: ["*"], deny: ["S5"] })
    yield* stage.quiet
    yield* mallory.say(square, island)
    const policy = { via: "s3", public_keys: { ed25519: stage.policyServerKeyOf("s3") } }
    for (const room of [square, annex]) yield* alice.setState(room, "m.room.policy", policy)
    yield* stage.quiet
    yield* stage.tell(
      "Alice denies s5: Mallory talks to nobody. And from now on s3, the policy server, must sign all that is said.",
    )

    yield* stage.tell(`Alice says "${spam}": ${yield* refusalOf(alice.say(square, spam))}.`)
    yield* bob.say(square, spam)
    yield* stage.quiet
    yield* stage.tell("Bob says it too. His old server asks nobody and sends it; the others do not show it.")
    yield* stage.tell(
      `For Mallory nothing is signed at all: ${codeOf(yield* refusalOf(mallory.say(square, "let me in")))}, by the ACL.`,
    )

    yield* stage.partition(["s1", "s2"], ["s3", "s4", "s5"])
    yield* stage.tell(
      `s3 is cut off from s1 and s2. Alice says hello, and cannot send it: ${yield* refusalOf(alice.say(square, "hello?"))}.`,
    )
    yield* bob.setState(square, "m.room.topic", { topic })
    yield* watch.say(square, "all quiet here")
    yield* dora.say(annex, "and here")
    yield* stage.wait(3_000)
    const shown = stage.stateOf("s1", square, "m.room.topic") === undefined ? "does not show" : "shows"
    yield* stage.tell(`Bob sets a topic. s2 shows it; s1 ${shown} it, for it cannot get it signed.`)

    yield* stage.heal
    yield* bob.say(square, "can you hear us?")
    yield* stage.quiet
    yield* alice.say(square, "we can, topic and all")
    yield* stage.quiet
    yield* stage.tell("The links heal. What Bob says next builds on his topic, and so all come to show it.")

    yield* alice.setState(square, "m.room.server_acl", { allow: ["*"] })
    yield* stage.quiet
    yield* mallory.say(square, "I have been here all the time")
    yield* stage.quiet
    yield* stage.tell(
      "Alice lifts the ACL. Mallory speaks, and with it comes all that she had said to nobody.",
    )
    return [square, annex]
  }),
  wanted: (view) =>
    roomsAre(view, {
      square: (room) => {
        const guests = isKnownToAll(room.version.id) ? ["@dora:s4"] : []
        return (
          joinedMembers(room).join() ===
            ["@alice:s1", "@bob:s2", ...guests, "@mallory:s5", "@watch:s3"].join() &&
          view.state("m.room.topic", "", room.roomId)?.content.topic === topic &&
          isSeen(room, island) &&
          isSeen(room, spam) === (view.server === "s2")
        )
      },
      annex: (room) => joinedMembers(room).join() === "@alice:s1,@dora:s4,@watch:s3",
    }),
}

/** Whether the server's users were shown a message of those words. */
const isSeen = ({ dag }: Room, body: string): boolean =>
  [...dag.records()].some(({ event, verdict }) => event.content.body === body && verdict === "accepted")
