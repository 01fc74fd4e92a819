/** Rooms that members of other rooms may join, and the servers that can let them in. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { findInconsistencies } from "../checks/room-consistency.ts"
import { alice, alterAnswer, bob, madeJoin, sentJoin } from "./testing/handshake.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { membershipOn } from "./testing/views.ts"

const dagOn = ({ servers }: Played, server: string, roomId: string) =>
  servers.get(server)?.rooms.find(roomId)?.dag

describe("restricted rooms", () => {
  /** Alice's club lets in members of her lounge. Dan (s4) is in both and may not invite; s3 is in the club alone. */
  const withClub = <A, E>(
    joinRule: "restricted" | "knock_restricted",
    story: (played: Played, rooms: { readonly lounge: string; readonly club: string }) => Effect.Effect<A, E>,
  ) =>
    play({ servers: 4, roomVersion: "11" }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const owner = stage.user(alice)
        const lounge = yield* owner.createRoom()
        const powerLevels = { users: { [alice]: 100 }, invite: 50 }
        const club = yield* owner.createRoom({ joinRule: "invite", powerLevels })
        yield* stage.user("@dan:s4").join(lounge, "s1")
        for (const guest of ["@carol:s3", "@dan:s4"]) {
          yield* owner.invite(club, guest)
          yield* stage.user(guest).join(club, "s1")
        }
        const allow = [{ type: "m.room_membership", room_id: lounge }]
        yield* owner.setState(club, "m.room.join_rules", { join_rule: joinRule, allow })
        yield* stage.user(bob).join(lounge, "s1")
        yield* stage.quiet
        return yield* story(played, { lounge, club })
      }),
    )
  const asked = ({ kernel }: Played) =>
    kernel.trace.records.flatMap(({ kind, fields }) =>
      kind === "request" && fields.some((field) => String(field).includes("/make_join/"))
        ? [`${fields[2]}`]
        : [],
    )

  for (const joinRule of ["restricted", "knock_restricted"] as const) {
    it(`${joinRule}: where one server cannot say, or cannot let in, the next is asked`, async () => {
      await withClub(joinRule, (played, { club }) =>
        Effect.gen(function* () {
          const { servers, stage } = played
          const before = asked(played).length
          const join = yield* servers.get("s2")!.users.join(bob, club, ["s3", "s4", "s1"])
          expect(asked(played).slice(before)).toEqual(["s3", "s4", "s1"])
          expect(join.content.join_authorised_via_users_server).toBe(alice)
          yield* stage.quiet
          expect(["s1", "s3", "s4"].map((server) => membershipOn(played, server, club, bob))).toEqual([
            "join",
            "join",
            "join",
          ])
        }),
      )
    })
  }

  it("who is refused for good is not tried elsewhere", async () => {
    await withClub("restricted", (played, { club }) =>
      Effect.gen(function* () {
        const before = asked(played).length
        const join = played.servers.get("s2")!.users.join("@mallory:s2", club, ["s1", "s4"])
        expect(yield* refusal(join)).toContain("403 M_FORBIDDEN")
        expect(asked(played).slice(before)).toEqual(["s1"])
      }),
    )
  })

  it("a member of the club's own servers is let in by the server itself, or else by another", async () => {
    await withClub("restricted", (played, { lounge, club }) =>
      Effect.gen(function* () {
        const { servers, stage } = played
        yield* stage.user("@amy:s1").join(lounge)
        const own = yield* stage.user("@amy:s1").join(club)
        expect(own.content.join_authorised_via_users_server).toBe(alice)
        yield* stage.user("@dora:s4").join(lounge)
        yield* stage.quiet
        expect(yield* refusal(stage.user("@dora:s4").join(club))).toContain("M_UNABLE_TO_GRANT_JOIN")
        yield* servers.get("s4")!.users.join("@dora:s4", club, ["s1"])
        yield* stage.user("@dora:s4").say(club, "in at last")
        yield* stage.quiet
        for (const server of ["s1", "s3", "s4"]) {
          expect(membershipOn(played, server, club, "@dora:s4")).toBe("join")
          expect(findInconsistencies(dagOn(played, server, club)!)).toEqual([])
        }
      }),
    )
  })

  it("the join must come back, the same, with the signature of who lets the user in", async () => {
    const answers: Readonly<Record<string, (body: JsonObject) => JsonObject>> = {
      "did not give the join back": ({ event, ...body }) => body,
      "gave another event back": (body) => ({ ...body, event: (body.state as JsonObject[])[0]! }),
      "without the signature": (body) => {
        const event = body.event as JsonObject
        const { s1, ...signatures } = event.signatures as JsonObject
        return { ...body, event: { ...event, signatures } }
      },
    }
    for (const [name, alter] of Object.entries(answers)) {
      await withClub("restricted", (played, { club }) =>
        Effect.gen(function* () {
          yield* played.stage.rule("altered", { path: /send_join/ }, alterAnswer(alter))
          const refused = yield* refusal(played.stage.user(bob).join(club, "s1"))
          expect(refused.slice(0, 13)).toBe("502 M_UNKNOWN")
          expect(refused).toContain(name)
          expect(dagOn(played, "s2", club)).toBeUndefined()
        }),
      )
    }
  })

  it("the template's word on who lets the user in is kept: without it the join is refused", async () => {
    await withClub("restricted", (played, { club }) =>
      Effect.gen(function* () {
        const join = yield* madeJoin(played, club, bob, "s1", (pdu) => ({
          ...pdu,
          content: { membership: "join" },
        }))
        const how = { roomId: club, from: "s2", via: "s1" }
        expect(yield* refusal(sentJoin(played, join, how))).toContain("403 M_FORBIDDEN")
      }),
    )
  })

  it("what has changed since the template was made is told by its code", async () => {
    const turns: Readonly<
      Record<
        string,
        (played: Played, rooms: { lounge: string; club: string }) => Effect.Effect<unknown, unknown>
      >
    > = {
      "400 M_UNABLE_TO_GRANT_JOIN": ({ stage }, { club }) =>
        stage.user(alice).setState(club, "m.room.power_levels", { users: { [alice]: 40 }, invite: 50 }),
      "400 M_UNABLE_TO_AUTHORISE_JOIN": ({ stage }, { lounge }) => stage.user(alice).leave(lounge),
      "403 M_FORBIDDEN": ({ stage }, { lounge }) => stage.user(alice).kick(lounge, bob),
    }
    for (const [code, turn] of Object.entries(turns)) {
      await withClub("restricted", (played, rooms) =>
        Effect.gen(function* () {
          const join = yield* madeJoin(played, rooms.club, bob, "s1")
          yield* turn(played, rooms)
          const refused = yield* refusal(
            sentJoin(played, join, { roomId: rooms.club, from: "s2", via: "s1" }),
          )
          expect(refused.slice(0, code.length)).toBe(code)
          expect(membershipOn(played, "s1", rooms.club, bob)).toBeUndefined()
        }),
      )
    }
  })
})
