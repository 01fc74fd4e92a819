import { Context, Effect } from "effect"
import type { Scenario, ServerView } from "#sim/world/scenario.ts"
import { isJsonArray } from "#spec-impl/core/json/value.ts"
import { Presence } from "#spec-impl/federation/presence/presence.ts"
import { Receipts } from "#spec-impl/federation/receipts/receipts.ts"
import type { Room } from "#spec-impl/homeserver/rooms.ts"
import { knowsRoomsUpTo10, named, refusalOf, roomNamed } from "./story-parts.ts"

const seen = "org.netsplit.seen"

/** Who is seen to type, as Carol writes it down. */
const wantedTyping: Readonly<Record<string, readonly string[]>> = {
  "Carol before": ["@bob:s2"],
  "Carol after the cut": [],
  "Carol while s2 is denied": [],
  "Carol in the end": ["@bob:s2"],
}

/** The receipts that every server shows in the hallway, as "user thread: what was said there". */
const wantedReceipts = ["@bob:s2 -: five", "@bob:s2 main: two", "@bob:s2 thread: three", "@carol:s3 -: two"]

const allowAll = { allow: ["*"], deny: [], allow_ip_literals: true }

/** What is told in passing, while servers lose each other and while one of them is denied. */
export const typingPresenceReceipts: Scenario = {
  name: "typing-presence-receipts",
  title: "Typing, presence and receipts across a cut",
  about:
    "Three servers, one of which knows no room version after 10, tell each other who types, who is there, and who " +
    "has read what. Then the network is cut: what was typed meanwhile is of the moment and lost, of presence the last " +
    "state arrives, of receipts the last in each thread, and private ones stay at home. While the room's ACL denies a " +
    "server, nothing that it tells of the room is believed.",
  serversDefault: 3,
  roomVersionsDefault: ["10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) => (server === "s3" ? knowsRoomsUpTo10 : {}),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const carol = stage.user("@carol:s3")

    const study = yield* alice.createRoom({ initialState: [named("Study")] })
    const powerLevels = { users: { [alice.userId]: 100 }, state_default: 0 }
    const hallway = yield* alice.createRoom({
      roomVersion: "10",
      powerLevels,
      initialState: [named("Hallway")],
    })
    yield* bob.join(study, "s1")
    const refusal = yield* refusalOf(carol.join(study, "s1"))
    for (const guest of [bob, carol]) yield* guest.join(hallway, "s1")
    yield* stage.quiet
    yield* stage.tell(
      refusal === undefined
        ? "Alice (s1), Bob (s2) and Carol (s3) share a study and a hallway."
        : `Alice (s1), Bob (s2) and Carol (s3) share a hallway; to the study Carol cannot come: ${refusal}.`,
    )

    const look = Effect.fnUntraced(function* (when: string) {
      const typing = yield* carol.whoTypes(hallway)
      yield* carol.setState(hallway, seen, { typing }, `Carol ${when}`)
      return typing.length === 0 ? "nobody types" : `${typing.join(" and ")} types`
    })

    yield* alice.setPresence("online", "in the garden")
    const said = []
    for (const body of ["one", "two", "three"]) said.push(yield* alice.say(hallway, body))
    const [one, two, three] = said as [(typeof said)[0], (typeof said)[0], (typeof said)[0]]
    const note = yield* alice.say(study, "a note")
    yield* stage.quiet
    yield* bob.startTyping(hallway)
    yield* stage.wait(2_000)
    yield* stage.tell(
      `On s3 ${yield* look("before")}; Alice is ${(yield* carol.presenceOf(alice.userId)).statusMsg}.`,
    )
    yield* stage.quiet

    yield* stage.partition(["s1"], ["s2", "s3"])
    yield* bob.read(hallway, one.eventId)
    yield* bob.read(hallway, two.eventId)
    yield* bob.read(hallway, two.eventId, { threadId: "main" })
    yield* bob.read(hallway, three.eventId, { threadId: one.eventId })
    yield* bob.read(study, note.eventId)
    yield* carol.read(hallway, two.eventId)
    yield* carol.read(hallway, three.eventId, { isPrivate: true })
    yield* alice.setPresence("online", "in the kitchen")
    yield* stage.wait(40_000)
    yield* alice.setPresence("unavailable", "asleep")
    yield* alice.startTyping(hallway)
    yield* stage.wait(1_000)
    yield* stage.tell(
      "s1 is cut off. Bob reads on in three threads, Carol in secret; Alice goes from the garden to the kitchen and to " +
        "bed, and types in her sleep.",
    )

    yield* stage.heal
    yield* alice.say(hallway, "four")
    yield* stage.wait(5_000)
    const typing = yield* look("after the cut")
    yield* stage.quiet
    yield* stage.wait(60_000)
    yield* stage.tell(
      `The links heal. On s3 ${typing}, for that was of the moment; Alice is ${(yield* carol.presenceOf(alice.userId)).statusMsg}, ` +
        "and nobody was told of the kitchen.",
    )

    yield* alice.setState(hallway, "m.room.server_acl", { ...allowAll, deny: ["s2"] })
    yield* stage.quiet
    yield* bob.startTyping(hallway)
    yield* bob.read(hallway, three.eventId)
    yield* stage.wait(3_000)
    const denied = yield* look("while s2 is denied")
    yield* stage.quiet
    yield* stage.tell(`The hallway's ACL denies s2: Bob types and reads there, but on s3 ${denied}.`)

    yield* alice.setState(hallway, "m.room.server_acl", allowAll)
    const five = yield* alice.say(hallway, "five")
    yield* stage.quiet
    yield* bob.startTyping(hallway)
    yield* bob.read(hallway, five.eventId)
    yield* stage.wait(3_000)
    yield* stage.tell(`It is lifted, and on s3 ${yield* look("in the end")}.`)
    yield* stage.quiet
    return [study, hallway]
  }),
  wanted: (view) => {
    const hallway = roomNamed(view, "Hallway")
    if (hallway === undefined) return false
    const isTypingSeen = Object.entries(wantedTyping).every(([key, names]) => {
      const typing = view.state(seen, key, hallway.roomId)?.content.typing
      return isJsonArray(typing) && typing.join() === names.join()
    })
    const alice = view.look(Context.get(view.services, Presence).presenceOf("@alice:s1"))
    return (
      isTypingSeen &&
      alice.presence === "unavailable" &&
      alice.statusMsg === "asleep" &&
      receiptsShown(view, hallway).join() === wantedReceipts.join() &&
      areSecretsKept(view, hallway)
    )
  },
}

const bodyOf = ({ dag }: Room, eventId: string): string => String(dag.timeline(eventId)?.event.content.body)

const receiptsShown = ({ services }: ServerView, room: Room): readonly string[] =>
  Context.get(services, Receipts)
    .receiptsIn(room.roomId)
    .filter(({ type }) => type === "m.read")
    .map(({ userId, threadId = "-", eventId }) => {
      const thread = threadId.startsWith("$") ? "thread" : threadId
      return `${userId} ${thread}: ${bodyOf(room, eventId)}`
    })
    .sort()

/** Carol's private receipt is on her server, and nowhere else. */
const areSecretsKept = ({ server, services }: ServerView, room: Room): boolean => {
  const secrets = Context.get(services, Receipts)
    .receiptsIn(room.roomId)
    .filter(({ type }) => type === "m.read.private")
    .map(({ eventId }) => bodyOf(room, eventId))
  return secrets.join() === (server === "s3" ? "three" : "")
}
