/** Users who stand outside a room: what becomes of their invites and knocks, and what their server believes of that. */
import { Effect, Exit, Fiber, Scope } from "effect"
import { describe, expect, it } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { roomVersions, roomVersion as versionOf } from "#spec-impl/core/room-version.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import type { TransactionAnswer } from "#spec-impl/store/event-store.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { craftPdu } from "./testing/craft-event.ts"
import { type Played, type PlayOptions, play, refusal } from "./testing/play.ts"
import { bootServer } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const carol = "@carol:s3"

/** Alice's room on s1, with Carol of s3 in it, who has power where `levels` say so; s2 is not. */
const withRoom = <A, E>(
  options: PlayOptions & { readonly joinRule?: string; readonly levels?: Readonly<Record<string, number>> },
  story: (played: Played, roomId: string) => Effect.Effect<A, E>,
) =>
  play({ servers: 3, ...options }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const joinRule = options.joinRule ?? "invite"
      const isNamed = !versionOf(options.roomVersion ?? "12")!.auth.privilegedCreators
      const users = { ...(isNamed ? { [alice]: 100 } : {}), ...options.levels }
      const roomId = yield* stage.user(alice).createRoom({ joinRule, powerLevels: { users } })
      yield* stage.user(alice).invite(roomId, carol)
      yield* stage.user(carol).join(roomId)
      yield* stage.quiet
      return yield* story(played, roomId)
    }),
  )

const standingOf = ({ servers }: Played, roomId: string, userId = bob) =>
  servers.get("s2")!.outside.standingOf(userId, roomId)
const membershipOn = ({ stage }: Played, server: string, roomId: string, userId = bob): unknown =>
  stage.stateOf(server, roomId, "m.room.member", userId)?.content.membership

let transactions = 0
/** Sends PDUs as `from`, and gives what is said of each. */
const pushAll = ({ servers }: Played, from: string, to: string, pdus: readonly JsonObject[]) =>
  servers
    .get(from)!
    .client.call(to, (api) =>
      api.transactions.send({
        params: { transactionId: `crafted-${transactions++}` },
        payload: { origin: from, origin_server_ts: 1, pdus },
      }),
    )
    .pipe(
      Effect.map((answer) =>
        Object.values(answer.pdus as TransactionAnswer["pdus"]).map(({ error }) => error),
      ),
    )
const push = (played: Played, from: string, to: string, pdu: JsonObject) =>
  Effect.map(pushAll(played, from, to, [pdu]), ([error]) => error)

const kickBy = (sender: string) => ({
  type: "m.room.member",
  sender,
  stateKey: bob,
  content: { membership: "leave" },
})

describe("an invite that is taken back", () => {
  for (const { id: roomVersion } of roomVersions) {
    it(`room ${roomVersion}: by a kick or a ban, is over for its user, whose server is not in the room`, async () => {
      for (const deed of ["kick", "ban"] as const) {
        await withRoom({ roomVersion }, (played, roomId) =>
          Effect.gen(function* () {
            const { stage } = played
            yield* stage.user(alice).invite(roomId, bob)
            expect(standingOf(played, roomId)?.membership).toBe("invite")
            yield* stage.user(alice)[deed](roomId, bob)
            yield* stage.quiet
            expect(standingOf(played, roomId)).toBeUndefined()
            expect(played.servers.get("s2")!.rooms.find(roomId)).toBeUndefined()
            expect(played.servers.get("s1")!.destinations.unsent()).toEqual([])
          }),
        )
      }
    })
  }

  it("is over as another user of its user's server goes in: from then on the room says who is invited", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        for (const userId of [bob, "@bea:s2"]) yield* stage.user(alice).invite(roomId, userId)
        yield* stage.user("@bea:s2").join(roomId, "s1")
        yield* stage.quiet
        expect(standingOf(played, roomId)).toBeUndefined()
        expect(membershipOn(played, "s2", roomId)).toBe("invite")
        yield* stage.user(bob).leave(roomId)
        yield* stage.quiet
        expect(membershipOn(played, "s1", roomId)).toBe("leave")
        yield* stage.user("@bea:s2").leave(roomId)
        yield* stage.quiet
        expect(standingOf(played, roomId)).toBeUndefined()
      }),
    )
  })

  it("may cite as many events as may be: it can be turned down where nobody is there to hear", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).invite(roomId, bob)
        const { outside } = played.servers.get("s2")!
        const standing = standingOf(played, roomId)!
        const cited = Array.from({ length: 10 }, (_, nth) => `$${nth}`.padEnd(44, "a"))
        yield* outside.stand(bob, roomId, { ...standing, pdu: { ...standing.pdu, auth_events: cited } })
        yield* stage.partition(["s1"], ["s2"])
        yield* stage.user(bob).leave(roomId)
        expect(standingOf(played, roomId)).toBeUndefined()
      }),
    )
  })

  it("while its user's server was cut off is over once that is back, though the sender restarted meanwhile", async () => {
    await play({ servers: 1 }, ({ kernel, network, stage }) =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        const signatures = synchronously(nativeSignatures("libsodium"))
        const parts = { kernel, network, settings: {}, signatures }
        const invited = yield* bootServer("s2", parts)
        const roomId = yield* Effect.scoped(
          Effect.gen(function* () {
            const { users } = yield* bootServer("s9", { ...parts, disk })
            const made = yield* users.createRoom("@zoe:s9", { joinRule: "invite" })
            yield* users.invite("@zoe:s9", made, bob)
            yield* stage.partition(["s9"], ["s2"])
            yield* users.kick("@zoe:s9", made, bob)
            yield* Effect.sleep(10_000)
            return made
          }),
        )
        expect(invited.outside.standingOf(bob, roomId)).toBeDefined()
        yield* stage.heal
        yield* bootServer("s9", { ...parts, disk })
        yield* Effect.sleep(600_000)
        expect(invited.outside.standingOf(bob, roomId)).toBeUndefined()
      }).pipe(Effect.scoped),
    )
  })

  it("by an admin of a third server is over when the inviter's server confirms it", async () => {
    await withRoom({ levels: { [carol]: 50 } }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.quiet
        yield* stage.user(carol).kick(roomId, bob)
        yield* stage.quiet
        expect(standingOf(played, roomId)).toBeUndefined()
      }),
    )
  })

  it("by the first event of a transaction leaves the others to be taken in, where the server joins meanwhile", async () => {
    await withRoom({ levels: { [carol]: 50 } }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        for (const userId of [bob, "@bea:s2"]) yield* stage.user(alice).invite(roomId, userId)
        yield* stage.quiet
        yield* stage.partition(["s1", "s2"], ["s3"])
        const kick = yield* stage.user(carol).kick(roomId, bob)
        const said = yield* stage.user(carol).say(roomId, "and stay out")
        yield* stage.heal
        const pushed = yield* Effect.forkChild(pushAll(played, "s3", "s2", [kick.pdu, said.pdu]))
        // The first is being confirmed by then.
        yield* stage.wait(150)
        yield* stage.user("@bea:s2").join(roomId, "s1")
        expect(yield* Fiber.join(pushed)).toEqual([undefined, undefined])
        expect(played.servers.get("s2")!.rooms.find(roomId)!.dag.isInHistory(said.eventId)).toBe(true)
      }),
    )
  })

  it("is not believed where the inviter's server cannot be asked", async () => {
    await withRoom({ levels: { [carol]: 50 } }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.quiet
        yield* stage.partition(["s1"], ["s2", "s3"])
        const kick = yield* stage.user(carol).kick(roomId, bob)
        yield* stage.wait(20_000)
        expect(standingOf(played, roomId)?.membership).toBe("invite")
        expect(yield* push(played, "s3", "s2", kick.pdu)).toContain("s1 does not confirm it: ")
      }),
    )
  })

  it("is not believed of a server that lies", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.quiet
        const lies = {
          "s1 does not confirm it: still": yield* craftPdu(played, "s3", roomId, kickBy(carol)),
          "s1 has not signed it": yield* craftPdu(played, "s3", roomId, kickBy(alice)),
          "it is of this server": yield* craftPdu(played, "s3", roomId, kickBy(bob)),
          "it does not cite the invite": yield* craftPdu(played, "s1", roomId, kickBy(alice), (pdu) => ({
            ...pdu,
            auth_events: (pdu.auth_events as readonly string[]).slice(0, 1),
          })),
          "not in that room": yield* craftPdu(played, "s1", roomId, {
            ...kickBy(alice),
            content: { membership: "join" },
          }),
          "depth is not": { ...(yield* craftPdu(played, "s1", roomId, kickBy(alice))), depth: "deep" },
        }
        for (const [why, pdu] of Object.entries(lies)) {
          const from = why.startsWith("s1") || why.startsWith("it is of") ? "s3" : "s1"
          expect(yield* push(played, from, "s2", pdu)).toContain(why)
          expect([why, standingOf(played, roomId)?.membership]).toEqual([why, "invite"])
        }
      }),
    )
  })

  it("stays what it was when it is played again after another invite", async () => {
    for (const roomVersion of ["1", "12"]) {
      await withRoom({ roomVersion }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.user(alice).invite(roomId, bob)
          const kick = yield* stage.user(alice).kick(roomId, bob)
          yield* stage.quiet
          const again = yield* stage.user(alice).invite(roomId, bob)
          expect(yield* push(played, "s1", "s2", kick.pdu)).toContain("does not cite the invite")
          const { pdu } = standingOf(played, roomId)!
          expect(eventIdOf(pdu, versionOf(roomVersion)!)).toBe(again.eventId)
        }),
      )
    }
  })

  it("in a room that the server left before is over as well", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.user(bob).join(roomId)
        yield* stage.quiet
        yield* stage.user(bob).leave(roomId)
        yield* stage.quiet
        yield* stage.user(carol).say(roomId, "he is gone")
        yield* stage.user(alice).invite(roomId, bob)
        expect(standingOf(played, roomId)?.membership).toBe("invite")
        yield* stage.user(alice).kick(roomId, bob)
        yield* stage.quiet
        expect(standingOf(played, roomId)).toBeUndefined()
      }),
    )
  })

  it("is not taken from a server that the ACL denied when this one left the room", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const acl = { allow: ["*"], deny: ["s3"] }
        yield* stage.user(alice).setState(roomId, "m.room.server_acl", acl)
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.user(bob).join(roomId)
        yield* stage.user(bob).leave(roomId)
        yield* stage.quiet
        yield* stage.user(alice).invite(roomId, bob)
        const kick = yield* stage.user(alice).kick(roomId, bob)
        expect(yield* push(played, "s3", "s2", kick.pdu)).toContain("denied by the server ACL")
      }),
    )
  })
})

describe("a knock", () => {
  const joinRule = "knock"
  for (const { id: roomVersion } of roomVersions.slice(6)) {
    it(`room ${roomVersion}: that is refused is over, and one that is taken becomes an invite`, async () => {
      await withRoom({ roomVersion, joinRule }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.user(bob).knock(roomId, "s1")
          yield* stage.quiet
          expect([membershipOn(played, "s3", roomId), standingOf(played, roomId)?.membership]).toEqual([
            "knock",
            "knock",
          ])
          yield* stage.user(alice).kick(roomId, bob)
          yield* stage.quiet
          expect(standingOf(played, roomId)).toBeUndefined()
          yield* stage.user(bob).knock(roomId, "s3")
          yield* stage.quiet
          yield* stage.user(alice).invite(roomId, bob)
          expect(standingOf(played, roomId)).toMatchObject({ membership: "invite", via: "s1" })
          yield* stage.user(bob).join(roomId)
          yield* stage.quiet
          expect(membershipOn(played, "s3", roomId)).toBe("join")
        }),
      )
    })
  }

  for (const deed of ["invite", "kick"] as const) {
    it(`that is answered by ${deed} before the knocking server hears that it was taken`, async () => {
      await withRoom({ joinRule }, (played, roomId) =>
        Effect.gen(function* () {
          const { network, stage } = played
          const slow = network.adjust(
            { source: "s1", destination: "s2" },
            { latency: { kind: "fixed", ms: 5_000 } },
          )
          const scope = yield* Scope.make()
          const until = Effect.asVoid(Scope.provide(slow, scope))
          yield* stage.rule("slow", { path: /send_knock/ }, { kind: "hold", until })
          const knocking = yield* Effect.forkChild(stage.user(bob).knock(roomId, "s1"))
          yield* stage.wait(2_000)
          yield* Scope.close(scope, Exit.void)
          expect([membershipOn(played, "s1", roomId), standingOf(played, roomId)]).toEqual([
            "knock",
            undefined,
          ])
          yield* stage.user(alice)[deed](roomId, bob)
          yield* Fiber.join(knocking)
          yield* stage.quiet
          expect(standingOf(played, roomId)?.membership).toBe(deed === "invite" ? "invite" : undefined)
        }),
      )
    })
  }

  it("refused by an admin of another server than took it is over when that one confirms it", async () => {
    await withRoom({ joinRule }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(bob).knock(roomId, "s3")
        yield* stage.quiet
        yield* stage.user(alice).ban(roomId, bob)
        yield* stage.quiet
        expect(standingOf(played, roomId)).toBeUndefined()
        expect(yield* refusal(stage.user(bob).knock(roomId, "s1"))).toContain("403 M_FORBIDDEN")
      }),
    )
  })
})

describe("an invite", () => {
  it("where others of the server are in the room already is an event of the room alone", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).invite(roomId, "@ben:s2")
        yield* stage.user("@ben:s2").join(roomId)
        yield* stage.quiet
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.quiet
        expect(standingOf(played, roomId)).toBeUndefined()
        expect(membershipOn(played, "s2", roomId)).toBe("invite")
        yield* stage.user(bob).join(roomId)
        yield* stage.quiet
        expect(membershipOn(played, "s1", roomId)).toBe("join")
      }),
    )
  })

  it("is left outside when the last of the server's members leaves or is kicked, and can be dealt with there", async () => {
    for (const kicked of [true, false]) {
      await withRoom({}, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.user(alice).invite(roomId, bob)
          yield* stage.user(alice).invite(roomId, "@ben:s2")
          yield* stage.user("@ben:s2").join(roomId)
          yield* stage.quiet
          yield* stage.user(alice).kick(roomId, bob)
          yield* stage.quiet
          yield* stage.user(alice).invite(roomId, "@bea:s2")
          yield* stage.quiet
          yield* kicked ? stage.user(alice).kick(roomId, "@ben:s2") : stage.user("@ben:s2").leave(roomId)
          yield* stage.quiet
          expect(standingOf(played, roomId)).toBeUndefined()
          expect(standingOf(played, roomId, "@bea:s2")).toMatchObject({ membership: "invite", via: "s1" })
          yield* stage.user("@bea:s2").leave(roomId)
          expect(membershipOn(played, "s1", roomId, "@bea:s2")).toBe("leave")
          expect(standingOf(played, roomId, "@bea:s2")).toBeUndefined()
        }),
      )
    }
  })

  it("again, after its user had been in the room and left, lets the user come back", async () => {
    for (const { id: roomVersion } of roomVersions) {
      await withRoom({ roomVersion }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.user(alice).invite(roomId, bob)
          yield* stage.user(bob).join(roomId)
          yield* stage.quiet
          yield* stage.user(bob).leave(roomId)
          yield* stage.quiet
          yield* stage.user(carol).say(roomId, "he is gone")
          yield* stage.quiet
          yield* stage.user(alice).invite(roomId, bob)
          expect(standingOf(played, roomId)).toMatchObject({ membership: "invite", roomVersion })
          yield* stage.user(bob).join(roomId)
          yield* stage.quiet
          expect(standingOf(played, roomId)).toBeUndefined()
          for (const server of ["s1", "s3"]) expect(membershipOn(played, server, roomId)).toBe("join")
        }),
      )
    }
  })

  it("is turned down by its user alone where no server of the room answers, or wants to know", async () => {
    for (const roomVersion of ["1", "11", "12"]) {
      await withRoom({ roomVersion }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.user(alice).invite(roomId, bob)
          yield* stage.quiet
          yield* stage.partition(["s1", "s3"], ["s2"])
          const left = yield* stage.user(bob).leave(roomId)
          expect([left.content, left.stateKey, left.prevEvents.length]).toEqual([
            { membership: "leave" },
            bob,
            1,
          ])
          expect(standingOf(played, roomId)).toBeUndefined()
          expect(membershipOn(played, "s1", roomId)).toBe("invite")
          yield* stage.heal
          yield* stage.user(alice).invite(roomId, bob)
          expect(standingOf(played, roomId)?.membership).toBe("invite")
        }),
      )
    }
  })

  it("is turned down, or taken, by way of any server that it speaks of", async () => {
    for (const deed of ["join", "leave"] as const) {
      await withRoom({ levels: { [carol]: 50 } }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.user(carol).setState(roomId, "m.room.topic", { topic: "who else is here" })
          yield* stage.quiet
          yield* stage.user(alice).invite(roomId, bob)
          yield* stage.quiet
          yield* stage.partition(["s1"], ["s2", "s3"])
          yield* stage.user(bob)[deed](roomId)
          yield* stage.quiet
          expect(membershipOn(played, "s3", roomId)).toBe(deed)
          yield* stage.heal
          yield* stage.quiet
          expect(membershipOn(played, "s1", roomId)).toBe(deed)
        }),
      )
    }
  })

  it("by another member takes the place of the one before", async () => {
    await withRoom({ levels: { [carol]: 50 } }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.quiet
        yield* stage.user(carol).invite(roomId, bob)
        expect(standingOf(played, roomId)).toMatchObject({ via: "s3", pdu: { sender: carol } })
      }),
    )
  })

  it("is one of many: to several users, to several rooms, each on its own, also after a restart", async () => {
    await play({ servers: 1 }, ({ kernel, network, stage }) =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        const signatures = synchronously(nativeSignatures("libsodium"))
        const parts = { kernel, network, disk, settings: {}, signatures }
        const one = yield* stage.user(alice).createRoom({ joinRule: "invite" })
        const other = yield* stage.user(alice).createRoom({ joinRule: "invite", roomVersion: "6" })
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* bootServer("s2", parts)
            for (const [roomId, user] of [
              [one, bob],
              [other, bob],
              [one, "@ben:s2"],
            ] as const) {
              yield* stage.user(alice).invite(roomId, user)
            }
            yield* stage.user(alice).kick(one, bob)
            yield* stage.quiet
          }),
        )
        const again = yield* bootServer("s2", parts)
        const roomsOf = (userId: string) => again.outside.ofUser(userId).map(({ roomId }) => roomId)
        expect([roomsOf(bob), roomsOf("@ben:s2")]).toEqual([[other], [one]])
      }).pipe(Effect.scoped),
    )
  })
})
