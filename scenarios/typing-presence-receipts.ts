import { Effect } from "effect"
import type { Scenario } from "#sim/world/scenario.ts"
import type { Actor } from "#sim/world/stage.ts"
import { isKnownToAll, levelsWith, notesAre, oldVersions, refusalOf } from "./story-parts.ts"

/** What one user sees of another's receipts in a room: the thread, and what was read of it. */
const readBy = (actor: Actor, roomId: string, userId: string): readonly string[] =>
  actor
    .seesReceipts(roomId)
    .filter((receipt) => receipt.userId === userId)
    .map(({ threadId, eventId }) => `${threadId ?? "room"}: ${eventId}`)

/** What servers tell each other in passing, and what a cut makes of it. */
export const typingPresenceReceipts: Scenario = {
  name: "typing-presence-receipts",
  title: "Typing, presence and receipts across a cut",
  about:
    "What passes is not history, and a cut takes a different toll on each kind of it. Typing is of the moment: what was " +
    "typed behind the cut is never told. Of presence the last word counts, and of receipts the last of each thread: both " +
    "arrive once the cut is healed. Private receipts stay at home, and a server that the ACL denies is heard by nobody.",
  serversDefault: 4,
  roomVersionsDefault: ["10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) => (server === "s3" ? { roomVersions: oldVersions } : {}),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const carol = stage.user("@carol:s3")
    const mallory = stage.user("@mallory:s4")

    const powerLevels = levelsWith(stage, "@alice:s1", { "@bob:s2": 50 })
    const hall = yield* alice.createRoom({ powerLevels })
    const parlour = yield* alice.createRoom({ roomVersion: "10" })
    for (const [guest, room] of [
      [bob, hall],
      [mallory, hall],
      [bob, parlour],
      [carol, parlour],
    ] as const) {
      yield* guest.join(room, "s1")
      yield* stage.quiet
    }
    yield* stage.tell(
      "Alice (s1), Bob (s2) and Mallory (s4) are in the hall; Alice, Bob and Carol (s3) are in the parlour.",
    )
    if (!isKnownToAll(stage.roomVersion)) {
      yield* stage.tell(
        `The hall is closed to Carol's old server: ${yield* refusalOf(carol.join(hall, "s1"))}.`,
      )
    }

    const first = yield* alice.say(hall, "welcome")
    yield* stage.quiet
    yield* bob.read(hall, first.eventId)
    yield* bob.read(hall, first.eventId, { threadId: "main" })
    yield* bob.setPresence("online", "here")
    yield* alice.startTyping(hall)
    yield* stage.wait(2_000)
    yield* stage.note("before: bob sees typing", yield* bob.seesTyping(hall))
    yield* stage.note("before: carol sees bob", yield* carol.seesPresence(bob.userId))
    yield* stage.note("before: alice sees read", readBy(alice, hall, bob.userId).length)
    yield* stage.tell("Alice types, and Bob sees it. Bob has read her welcome, and is online: all are told.")

    yield* alice.setState(hall, "m.room.server_acl", { allow: ["*"], deny: ["s4"] })
    yield* stage.quiet
    yield* mallory.startTyping(hall)
    yield* mallory.read(hall, first.eventId)
    yield* stage.wait(2_000)
    yield* stage.note("denied: alice sees typing", yield* alice.seesTyping(hall))
    yield* stage.note("denied: alice sees read", readBy(alice, hall, mallory.userId).length)
    yield* stage.tell("Alice denies s4: Mallory types and reads, and nobody knows.")

    yield* stage.partition(["s1", "s3"], ["s2", "s4"])
    yield* alice.setState(hall, "m.room.topic", { topic: "where is everybody?" })
    yield* bob.setState(hall, "m.room.topic", { topic: "it is quiet in here" })
    yield* stage.wait(2_000)
    yield* bob.startTyping(hall)
    yield* bob.setPresence("unavailable")
    yield* bob.setPresence("online", "back from lunch")
    const second = yield* bob.say(hall, "is anybody here?")
    const reply = yield* bob.say(parlour, "or here?")
    yield* bob.read(hall, second.eventId)
    yield* bob.read(parlour, reply.eventId, { threadId: reply.eventId })
    yield* bob.read(parlour, reply.eventId, { isPrivate: true })
    yield* stage.wait(20_000)
    yield* stage.note("during: alice sees bob type", (yield* alice.seesTyping(hall)).includes(bob.userId))
    yield* stage.note("during: carol sees bob", yield* carol.seesPresence(bob.userId))
    yield* stage.tell(
      "Bob's side is cut off. He types, is away, comes back, reads on: Alice and Carol see none of it.",
    )

    yield* stage.heal
    yield* stage.quiet
    yield* stage.note("after: alice sees bob type", (yield* alice.seesTyping(hall)).includes(bob.userId))
    yield* stage.note("after: carol sees bob", yield* carol.seesPresence(bob.userId))
    yield* stage.note("after: alice sees read", [
      ...readBy(alice, hall, bob.userId),
      ...readBy(alice, parlour, bob.userId),
    ])
    yield* stage.note("what bob read", [
      `main: ${first.eventId}`,
      `room: ${second.eventId}`,
      `${reply.eventId}: ${reply.eventId}`,
    ])
    yield* stage.note("after: carol sees read", readBy(carol, parlour, bob.userId).length)
    yield* alice.setState(hall, "m.room.server_acl", { allow: ["*"] })
    yield* stage.tell(
      "The link heals. What Bob typed is gone; that he is back from lunch, and how far he has read, is told.",
    )
    return [hall, parlour]
  }),
  wanted: (view) =>
    notesAre(view, {
      "before: bob sees typing": ["@alice:s1"],
      "before: carol sees bob": 'online: "here"',
      "before: alice sees read": 2,
      "denied: alice sees typing": ["@alice:s1"],
      "denied: alice sees read": 0,
      "during: alice sees bob type": false,
      "during: carol sees bob": 'online: "here"',
      "after: alice sees bob type": false,
      "after: carol sees bob": 'online: "back from lunch"',
      "after: alice sees read": view.noted("what bob read") ?? null,
      "after: carol sees read": 1,
    }),
}
