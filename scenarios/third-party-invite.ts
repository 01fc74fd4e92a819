import { Context, Effect } from "effect"
import type { Scenario } from "#sim/world/scenario.ts"
import { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import { ThirdPartyInvites } from "#spec-impl/federation/third-party-invites/third-party-invites.ts"
import { joinedMembers } from "#spec-impl/homeserver/shared-rooms.ts"
import { isKnownToAll, oldVersions, roomsAre } from "./story-parts.ts"

const directory = "id.example"

/** Invites to addresses, redeemed while the inviter is cut off. */
export const thirdPartyInvite: Scenario = {
  name: "third-party-invite",
  title: "Invited by an address, bound behind a cut",
  about:
    "Alice invites people of whom she knows an e-mail address alone. An identity server keeps the invites, and tells " +
    "of them once, when somebody proves to own the address: just while Alice's server is cut off. A user of a server " +
    "that is in the room gets in all the same, for that server makes the invite itself, in Alice's name. The others' " +
    "servers go on asking Alice's until it is there again. One invite was taken back meanwhile, and one server does " +
    "not know rooms of version 11 and 12.",
  serversDefault: 4,
  identityServers: [directory],
  roomVersionsDefault: ["10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) => (server === "s4" ? { roomVersions: oldVersions } : {}),
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const erin = stage.user("@erin:s2")
    const grace = stage.user("@grace:s2")
    const carol = stage.user("@carol:s3")
    const mallory = stage.user("@mallory:s3")
    const dora = stage.user("@dora:s4")

    const named = (name: string) => [{ type: "m.room.name", stateKey: "", content: { name } }]
    const salon = yield* alice.createRoom({ joinRule: "invite", initialState: named("salon") })
    const annex = yield* alice.createRoom({
      roomVersion: "10",
      joinRule: "invite",
      initialState: named("annex"),
    })
    for (const room of [salon, annex]) {
      yield* alice.invite(room, bob.userId)
      yield* bob.join(room)
      yield* stage.quiet
    }
    yield* erin.bindEmail("erin@example.org", directory)
    const invite = yield* alice.inviteByEmail(salon, "erin@example.org", directory)
    yield* stage.quiet
    yield* erin.join(salon)
    yield* stage.tell(
      `Alice (s1) invites erin@example.org to her salon. That is ${invite.stateKey}, who joins at once.`,
    )

    for (const name of ["carol", "grace", "dora"]) {
      yield* alice.inviteByEmail(salon, `${name}@example.org`, directory)
    }
    yield* alice.inviteByEmail(annex, "dora@example.org", directory)
    const regretted = yield* alice.inviteByEmail(salon, "mallory@example.org", directory)
    yield* alice.setState(salon, "m.room.third_party_invite", {}, regretted.stateKey)
    yield* stage.quiet
    yield* stage.tell(
      "The addresses of Carol, Grace, Dora and Mallory are not bound yet: their invites wait. Mallory's is taken back.",
    )

    yield* stage.partition(["s1"], ["s2", "s3", "s4", directory])
    for (const guest of [carol, grace, dora, mallory]) {
      yield* guest.bindEmail(`${guest.userId.slice(1, guest.userId.indexOf(":"))}@example.org`, directory)
    }
    yield* stage.wait(2_000)
    yield* grace.join(salon)
    yield* grace.say(salon, "is Alice not here?")
    yield* stage.tell(
      "s1 is cut off, and all four bind their addresses. Grace's server (s2) is in the room, and so she gets in.",
    )
    yield* alice.setState(salon, "m.room.topic", { topic: "where is everybody?" })
    yield* stage.wait(20_000)
    yield* stage.tell(
      "s3 and s4 cannot reach Alice's server. Nobody will tell them of the invites again, so they keep trying.",
    )

    yield* stage.heal
    yield* stage.quiet
    yield* carol.join(salon)
    yield* dora.join(annex)
    yield* dora.join(salon).pipe(
      Effect.catchIf(
        (error) => error instanceof MatrixError && !isKnownToAll(stage.roomVersion),
        () =>
          stage.tell(
            `s4 does not know rooms of version ${stage.roomVersion}: Dora is not in the salon, only in its annex of version 10.`,
          ),
      ),
    )
    yield* stage.quiet
    yield* stage.tell("The link heals: Carol and Dora are invited and join, and Mallory is not.")
    return [salon, annex]
  }),
  wanted: (view) =>
    Context.get(view.services, ThirdPartyInvites).awaited().length === 0 &&
    roomsAre(view, {
      salon: (room) => {
        const guests = isKnownToAll(room.version.id) ? ["@dora:s4"] : []
        const members = ["@alice:s1", "@bob:s2", "@carol:s3", ...guests, "@erin:s2", "@grace:s2"]
        return joinedMembers(room).join() === members.join()
      },
      annex: (room) => joinedMembers(room).join() === "@alice:s1,@bob:s2,@dora:s4",
    }),
}
