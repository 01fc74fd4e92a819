import { Effect } from "effect"
import type { Scenario } from "#sim/world/scenario.ts"
import type { Actor, Stage } from "#sim/world/stage.ts"
import { isJsonArray } from "#spec-impl/core/json/value.ts"
import { knowsRoomsUpTo10, named, refusalOf, roomNamed } from "./story-parts.ts"

const walk = "org.netsplit.walk"

/** What each walk is to show, by who writes it down and when: the names of the rooms, in their order. */
const wantedWalks: Readonly<Record<string, readonly string[]>> = {
  "Alice first": ["World", "Town hall", "Vault", "West", "Bar", "South", "Beach"],
  "Bob first": ["World", "Town hall", "West", "Club", "Bar", "South", "Beach"],
  "Carol first": ["World", "Town hall", "West", "Bar", "South", "Beach"],
  "Alice cut off": ["World", "Town hall", "Vault", "West", "Bar", "South", "Beach", "Harbour"],
  "Carol cut off": ["World", "Town hall", "West", "Club", "Bar", "South", "Beach"],
  "Alice forgets": ["World", "Town hall", "Vault", "Harbour"],
  "Alice in the end": ["World", "Town hall", "Vault", "West", "Bar", "South", "Beach", "Harbour"],
  "Bob in the end": ["World", "Town hall", "West", "Club", "Bar", "South", "Beach", "Harbour"],
  "Carol in the end": ["World", "Town hall", "West", "Club", "Bar", "South", "Beach", "Harbour"],
}

const serverOf = ({ userId }: Actor): string => userId.slice(userId.indexOf(":") + 1)

/** A room of `owner`, or a space. */
const build =
  (stage: Stage, owner: Actor) =>
  (name: string, more: { version?: string; isSpace?: boolean; joinRule?: string } = {}) =>
    owner.createRoom({
      roomVersion: more.version ?? stage.roomVersion,
      initialState: [named(name)],
      ...(more.isSpace ? { creationContent: { type: "m.space" } } : {}),
      ...(more.joinRule === undefined ? {} : { joinRule: more.joinRule }),
    })

/** Puts rooms into a space, in that order, each to be reached by way of `via`. */
const put = (owner: Actor, space: string, rooms: readonly (readonly [roomId: string, via: string])[]) =>
  Effect.forEach(
    rooms,
    ([roomId, via], at) =>
      owner.setState(space, "m.space.child", { via: [via], order: String.fromCharCode(97 + at) }, roomId),
    { discard: true },
  )

/** A space over three servers, seen by three users who may not see the same of it. */
export const spaceWalk: Scenario = {
  name: "space-walk",
  title: "A walk through a space",
  about:
    "A space has rooms and spaces of three servers and several room versions in it: open ones, one for the members " +
    "of a space alone, and one that only the invited see. Each user walks through it and writes down what is there. " +
    "Then the network is cut: what other servers told is shown for five minutes, and forgotten; a room is added, and " +
    "somebody becomes a member. After the healing everybody sees all that they may.",
  serversDefault: 3,
  roomVersionsDefault: ["10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) => (server === "s3" ? knowsRoomsUpTo10 : {}),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const carol = stage.user("@carol:s3")

    const powerLevels = { users: { [alice.userId]: 100 }, state_default: 0 }
    const lobby = yield* alice.createRoom({ roomVersion: "10", powerLevels, initialState: [named("Lobby")] })
    for (const guest of [bob, carol]) yield* guest.join(lobby, "s1")

    const [world, townHall, vault] = [
      yield* build(stage, alice)("World", { isSpace: true }),
      yield* build(stage, alice)("Town hall"),
      yield* build(stage, alice)("Vault", { joinRule: "invite" }),
    ]
    const [west, club, bar] = [
      yield* build(stage, bob)("West", { version: "9", isSpace: true }),
      yield* build(stage, bob)("Club", { version: "10", joinRule: "invite" }),
      yield* build(stage, bob)("Bar"),
    ]
    const [south, beach] = [
      yield* build(stage, carol)("South", { version: "6", isSpace: true }),
      yield* build(stage, carol)("Beach", { version: "8" }),
    ]
    const allow = [{ type: "m.room_membership", room_id: west }]
    yield* bob.setState(club, "m.room.join_rules", { join_rule: "restricted", allow })
    yield* put(alice, world, [
      [townHall, "s1"],
      [vault, "s1"],
      [west, "s2"],
      [south, "s3"],
    ])
    yield* put(bob, west, [
      [club, "s2"],
      [bar, "s2"],
    ])
    yield* put(carol, south, [[beach, "s3"]])
    yield* bob.join(world, "s1")
    yield* stage.quiet
    yield* stage.tell(
      "Alice's space World (s1) holds Bob's West (s2) and Carol's South (s3, no room version after 10), of several " +
        "room versions. The Vault is for the invited, the Club for those of the West.",
    )

    const look = Effect.fnUntraced(function* (who: string, walker: Actor, when: string) {
      const found = yield* walker.walkSpace(world, "s1")
      const rooms = found.map(({ name }) => String(name))
      yield* walker.setState(lobby, walk, { rooms }, `${who} ${when}`)
      yield* stage.tell(`${who} (${serverOf(walker)}) finds ${rooms.join(", ")}.`)
    })
    const lookAll = Effect.fnUntraced(function* (when: string) {
      yield* look("Alice", alice, when)
      yield* look("Bob", bob, when)
      yield* look("Carol", carol, when)
    })
    yield* lookAll("first")
    yield* stage.quiet

    yield* stage.partition(["s1"], ["s2", "s3"])
    const harbour = yield* build(stage, alice)("Harbour")
    yield* alice.setState(world, "m.space.child", { via: ["s1"], order: "e" }, harbour)
    yield* carol.join(west, "s2")
    yield* stage.quiet
    yield* stage.tell(
      "s1 is cut off. Alice builds a Harbour, Carol goes to live in the West. What was told before is still shown:",
    )
    yield* look("Alice", alice, "cut off")
    yield* look("Carol", carol, "cut off")
    yield* stage.wait(6 * 60_000)
    yield* stage.tell("Six minutes later it is forgotten:")
    yield* look("Alice", alice, "forgets")

    yield* stage.heal
    yield* alice.say(lobby, "there you are")
    yield* stage.quiet
    yield* stage.tell("The links heal:")
    yield* lookAll("in the end")
    const refusal = yield* refusalOf(carol.join(world, "s1"))
    yield* stage.quiet
    yield* stage.tell(
      refusal === undefined
        ? "Carol joins the World itself."
        : `Carol sees the World, but her server does not know rooms like it: ${refusal}.`,
    )
    return [world, lobby, west]
  }),
  wanted: (view) => {
    const lobby = roomNamed(view, "Lobby")
    return Object.entries(wantedWalks).every(([key, names]) => {
      const rooms = lobby && view.state(walk, key, lobby.roomId)?.content.rooms
      return isJsonArray(rooms) && rooms.join() === names.join()
    })
  },
}
