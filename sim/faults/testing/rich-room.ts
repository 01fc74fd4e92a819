/** For tests: a room in which as many rules as possible can be broken by the users of s3. */
import { Effect } from "effect"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import type { Played } from "../../world/testing/play.ts"

export type Door = "public" | "invite" | "restricted" | "knock"

const restrictedTo = (roomId: string) => ({
  join_rule: "restricted",
  allow: [{ type: "m.room_membership", room_id: roomId }],
})

/**
 * Alice on s1 has all power, Bob on s2 and Mod on s3 have half of it, Mallory on s3 has none; of s3 one user is
 * banned, and one was kicked. Gives the room, and another one in which all of s1 and s3 are.
 */
export const richRoom = Effect.fnUntraced(function* ({ stage }: Played, door: Door) {
  const alice = stage.user("@alice:s1")
  const isPrivileged = roomVersion(stage.roomVersion)?.auth.privilegedCreators === true
  const users = {
    ...(isPrivileged ? {} : { "@alice:s1": 100 }),
    "@bob:s2": 50,
    "@mod:s3": 50,
    "@equal:s2": 50,
  }
  const levels = {
    users,
    events: { "m.room.power_levels": 50, "m.room.tombstone": 100, "org.example.note": 0 },
    ban: 50,
    kick: 50,
    invite: 50,
    redact: 75,
    state_default: 50,
  }
  const room = yield* alice.createRoom({ roomVersion: stage.roomVersion, powerLevels: levels })
  const other = yield* alice.createRoom({ roomVersion: stage.roomVersion })
  for (const userId of ["@bob:s2", "@equal:s2", "@mod:s3", "@mallory:s3", "@banned:s3", "@gone:s3"]) {
    yield* stage.user(userId).join(room, "s1")
  }
  for (const userId of ["@mod:s3", "@mallory:s3"]) yield* stage.user(userId).join(other, "s1")
  yield* stage.quiet
  yield* alice.setState(room, "m.room.power_levels", { ...levels, kick: 60 })
  yield* alice.setState(room, "m.room.power_levels", levels)
  yield* alice.ban(room, "@banned:s3")
  yield* alice.kick(room, "@gone:s3")
  yield* alice.setState(
    room,
    "m.room.third_party_invite",
    { public_key: "none", display_name: "x" },
    "alices",
  )
  const invite = { public_key: "none", display_name: "y" }
  yield* stage.user("@mod:s3").setState(room, "m.room.third_party_invite", invite, "mods")
  if (door !== "public") {
    const rule = door === "restricted" ? restrictedTo(other) : { join_rule: door }
    yield* alice.setState(room, "m.room.join_rules", rule)
  }
  yield* stage.user("@bob:s2").say(room, "is anybody there?")
  yield* stage.quiet
  return { room, other }
})
