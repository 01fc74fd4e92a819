import { Effect } from "effect"
import type { Scenario } from "#sim/world/scenario.ts"
import type { Actor } from "#sim/world/stage.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { isKnownToAll, levelsWith, notesAre, oldVersions, refusalOf } from "./story-parts.ts"

const named = (name: string, ...more: readonly (readonly [type: string, content: JsonObject])[]) => ({
  initialState: ([["m.room.name", { name }], ...more] as const).map(([type, content]) => ({
    type,
    stateKey: "",
    content,
  })),
})

/** The names of the rooms that a user finds. */
const findings = (actor: Actor, space: string, via?: string) =>
  Effect.map(actor.walkSpace(space, via), (found) => found.map(({ name }) => String(name)))

/** A space whose rooms live on three servers, one of which is cut off for a while. */
export const spaceWalk: Scenario = {
  name: "space-walk",
  title: "A walk through a space",
  about:
    "A town of rooms of several versions on three servers: open ones, one that is for members of another, one that is " +
    "nobody's business. A walk asks each server for its level, and finds what the walker may see. While a server is cut " +
    "off, what it told a moment ago is still shown, then only what others know of its rooms; after healing all is there.",
  serversDefault: 4,
  roomVersionsDefault: ["10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) => (server === "s3" ? { roomVersions: oldVersions } : {}),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const carol = stage.user("@carol:s3")
    const dan = stage.user("@dan:s4")
    const space = { creationContent: { type: "m.space" } }
    const hang = (actor: Actor, parent: string, child: string, via: string, order: string) =>
      actor.setState(parent, "m.space.child", { via: [via], order }, child)

    const powerLevels = levelsWith(stage, "@alice:s1", { "@bob:s2": 50 })
    const town = yield* alice.createRoom({ ...space, powerLevels, ...named("town") })
    const square = yield* alice.createRoom(named("square"))
    const harbour = yield* bob.createRoom({ ...space, roomVersion: "9", ...named("harbour") })
    const quay = yield* bob.createRoom({ roomVersion: "10", ...named("quay") })
    const cellar = yield* bob.createRoom({ joinRule: "invite", ...named("cellar") })
    const crew = [
      "m.room.join_rules",
      { join_rule: "restricted", allow: [{ type: "m.room_membership", room_id: quay }] },
    ] as const
    const cabin = yield* bob.createRoom({ roomVersion: "8", ...named("cabin", crew) })
    const inn = yield* carol.createRoom({ roomVersion: "6", ...named("inn") })
    yield* hang(alice, town, square, "s1", "a")
    yield* hang(alice, town, harbour, "s2", "b")
    yield* hang(alice, town, inn, "s3", "c")
    for (const [at, room] of [quay, cellar, cabin].entries())
      yield* hang(bob, harbour, room, "s2", String(at))
    yield* hang(bob, harbour, town, "s1", "9")
    yield* alice.join(quay, "s2")
    yield* bob.join(town, "s1")
    yield* stage.quiet
    yield* stage.tell(
      `Alice's town (s1) has a square, Bob's harbour (s2) and Carol's inn (s3); the harbour a quay, a cellar for the ` +
        "invited, and a cabin for those who are on the quay.",
    )
    if (!isKnownToAll(stage.roomVersion)) {
      yield* stage.tell(
        `Carol's server (s3) sees the town, and cannot come in: ${yield* refusalOf(carol.join(town, "s1"))}.`,
      )
    }

    yield* stage.note("alice finds", yield* findings(alice, town))
    yield* stage.note("carol finds", yield* findings(carol, town, "s1"))
    yield* stage.tell("Alice finds the cabin, Carol does not; the cellar is found by nobody but Bob.")

    yield* stage.partition(["s1", "s3", "s4"], ["s2"])
    yield* bob.setState(quay, "m.room.name", { name: "new quay" })
    yield* alice.setState(town, "m.room.topic", { topic: "where is the harbour?" })
    yield* bob.setState(town, "m.room.topic", { topic: "the harbour is here" })
    yield* stage.note("cut: carol finds", yield* findings(carol, town, "s1"))
    yield* stage.note("cut: dan finds", yield* findings(dan, town, "s1"))
    yield* stage.tell(
      "s2 is cut off. Carol is shown what she was told before; Dan (s4), who comes now, finds no harbour.",
    )
    yield* stage.wait(6 * 60_000)
    yield* stage.note("later: carol finds", yield* findings(carol, town, "s1"))
    yield* stage.tell("After some minutes the harbour fades for Carol, too.")

    yield* stage.heal
    yield* stage.quiet
    yield* stage.wait(6 * 60_000)
    yield* stage.note("healed: carol finds", yield* findings(carol, town, "s1"))
    yield* stage.note("healed: bob finds", yield* findings(bob, town))
    yield* stage.tell("The link heals: the harbour is back, with its new name for the quay.")
    return [town, quay]
  }),
  wanted: (view) =>
    notesAre(view, {
      "alice finds": ["town", "square", "harbour", "quay", "cabin", "inn"],
      "carol finds": ["town", "square", "harbour", "quay", "inn"],
      "cut: carol finds": ["town", "square", "harbour", "quay", "inn"],
      "cut: dan finds": ["town", "square", "inn"],
      "later: carol finds": ["town", "square", "inn"],
      "healed: carol finds": ["town", "square", "harbour", "new quay", "inn"],
      "healed: bob finds": ["town", "square", "harbour", "new quay", "cellar", "cabin", "inn"],
    }),
}
