import { Context, Effect } from "effect"
import { reply } from "#sim/network/rules.ts"
import type { Scenario, ServerView } from "#sim/world/scenario.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { Outside } from "#spec-impl/homeserver/outside.ts"
import { Rooms } from "#spec-impl/homeserver/rooms.ts"
import { isKnownToAll, levelsWith, oldVersions, sayMany } from "./story-parts.ts"

const tavernVersion = "7"
const newTavernVersion = "10"
const rude = "your ships are sieves"

const roomsOf = (view: ServerView) => Context.get(view.services, Rooms).all()

const membersOf = (view: ServerView, roomId: string | undefined, userIds: readonly string[]) =>
  userIds.map((userId) => view.state("m.room.member", userId, roomId)?.content.membership)

/** Dan's invite to the harbour was taken back; on his own server as well, which was cut off then. */
const isHarbourWanted = (view: ServerView): boolean => {
  const version = view.state("m.room.create", "")?.content.room_version ?? "1"
  if (view.state("m.room.create", "") === undefined) return true
  const [alice, bob, carol, dan] = membersOf(view, undefined, [
    "@alice:s1",
    "@bob:s2",
    "@carol:s3",
    "@dan:s4",
  ])
  const isCarolIn = carol === (isKnownToAll(String(version)) ? "join" : undefined)
  return alice === "join" && bob === "join" && isCarolIn && dan === "leave"
}

/** All whom Alice let in have followed to the new tavern, and what Carol said is gone from the old one. */
const isTavernWanted = (view: ServerView): boolean => {
  const old = roomsOf(view).find((room) => view.state("m.room.tombstone", "", room.roomId) !== undefined)
  const next = old && view.state("m.room.tombstone", "", old.roomId)?.content.replacement_room
  if (old === undefined || typeof next !== "string") return false
  const members = membersOf(view, next, ["@alice:s1", "@bob:s2", "@carol:s3", "@erin:s4"])
  const insults = [...old.dag.records()].filter(
    ({ event }) => old.dag.redactions.shown(event).content.body === rude,
  )
  return members.every((membership) => membership === "join") && insults.length === 0
}

/** Invites and knocks across a cut, an upgrade, and a server that knows old rooms only. */
export const invitesAndKnocks: Scenario = {
  name: "invites-and-knocks",
  title: "Who may come in, and who is told so",
  about:
    "Four servers, one of which knows rooms of versions 1 to 10 only. Alice keeps two rooms: a harbour, of the " +
    "version under test, and a tavern where one knocks. She invites, takes an invite back while the invited server is " +
    "cut off, lets some who knock in and turns one away, redacts what one of them said, and in the end all " +
    "move to a new tavern. A server that is in no room must learn all the same what its users are to it.",
  serversDefault: 4,
  roomVersionsDefault: ["2", "10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) => (server === "s3" ? { roomVersions: oldVersions } : {}),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const carol = stage.user("@carol:s3")
    const dan = stage.user("@dan:s4")
    const erin = stage.user("@erin:s4")

    const powerLevels = levelsWith(stage, alice.userId, { [bob.userId]: 50 })
    const harbour = yield* alice.createRoom({ joinRule: "invite", powerLevels })
    yield* alice.invite(harbour, bob.userId)
    yield* bob.join(harbour)
    yield* stage.quiet
    if (roomVersion(stage.roomVersion)?.eventId === "opaque") {
      yield* stage.rule(
        "s3-knows-v1-only",
        { destination: "s3", path: (path) => path.includes(`/v2/invite/${harbour}/`) },
        reply(404, { errcode: "M_UNRECOGNIZED", error: "what is v2?" }),
      )
    }
    const isInvited = yield* alice.invite(harbour, carol.userId).pipe(
      Effect.as(true),
      Effect.catchTag("MatrixError", ({ errcode }) =>
        Effect.as(
          stage.tell(
            "Alice (s1) invites Bob (s2) and Carol (s3) into the harbour. Bob comes; the room is too new for " +
              `Carol's server: ${errcode}.`,
          ),
          false,
        ),
      ),
    )
    if (isInvited) {
      yield* carol.join(harbour)
      yield* stage.tell("Alice (s1) invites Bob (s2) and Carol (s3) into the harbour, and both come.")
    }
    yield* alice.invite(harbour, dan.userId)
    yield* stage.tell("Alice invites Dan (s4), who thinks about it.")

    const tavern = yield* alice.createRoom({ roomVersion: tavernVersion, joinRule: "knock" })
    yield* alice.invite(tavern, bob.userId)
    yield* bob.join(tavern)
    yield* stage.quiet
    for (const guest of [carol, dan, erin]) yield* guest.knock(tavern, "s2")
    yield* stage.quiet
    yield* alice.kick(tavern, dan.userId)
    for (const guest of [carol, erin]) {
      yield* alice.invite(tavern, guest.userId)
      yield* guest.join(tavern)
    }
    yield* stage.quiet
    yield* stage.tell(
      "Carol, Dan and Erin (s4) knock at the tavern: Alice turns Dan away and lets the others in.",
    )

    yield* stage.partition(["s1", "s2"], ["s3", "s4"])
    const insult = yield* carol.say(tavern, rude)
    yield* sayMany(stage, erin, tavern, 3)
    yield* sayMany(stage, bob, tavern, 3)
    yield* alice.kick(harbour, dan.userId)
    yield* bob.say(harbour, "one berth is free again")
    yield* stage.quiet
    yield* stage.tell(
      "s1 and s2 lose s3 and s4. Carol is rude to Bob in the tavern. Alice takes Dan's invite back: he cannot hear it.",
    )
    yield* dan
      .join(harbour)
      .pipe(
        Effect.catchTag("FederationUnreachable", () =>
          stage.tell("Dan, at last, wants to come. Nobody answers."),
        ),
      )

    yield* stage.heal
    yield* bob.say(tavern, "who is still here?")
    yield* stage.quiet
    yield* dan
      .join(harbour, "s1")
      .pipe(
        Effect.catchTag("MatrixError", () =>
          stage.tell("The links heal. Dan's server hears that the invite is over, and he stays out."),
        ),
      )
    yield* alice.redact(tavern, insult.eventId, "be nice")
    yield* stage.quiet
    yield* stage.tell(
      "What Carol said behind the cut arrives. Alice redacts it, and no server shows it any more.",
    )

    yield* alice.setState(tavern, "m.room.join_rules", { join_rule: "public" })
    const next = yield* alice.upgradeRoom(tavern, newTavernVersion)
    yield* stage.quiet
    for (const guest of [bob, carol, erin]) {
      const sign = stage.stateOf(domainOf(guest.userId) ?? "", tavern, "m.room.tombstone")
      yield* guest.join(String(sign?.content.replacement_room), domainOf(sign?.sender ?? ""))
      yield* stage.quiet
    }
    yield* stage.tell("The tavern is upgraded, and all its guests follow the tombstone to the new room.")
    return [harbour, next]
  }),
  wanted: (view) =>
    isHarbourWanted(view) &&
    isTavernWanted(view) &&
    Context.get(view.services, Outside).ofUser("@dan:s4").length === 0,
}
