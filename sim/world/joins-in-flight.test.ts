/** What happens while a join is under way: events that come early, and other users who join. */
import { Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { delay, drop } from "../network/rules.ts"
import { alice, bob, withRoom } from "./testing/handshake.ts"
import { type Played, refusal } from "./testing/play.ts"
import { membershipOn } from "./testing/views.ts"

const dagOn = ({ servers }: Played, server: string, roomId: string) =>
  servers.get(server)?.rooms.find(roomId)?.dag

describe("while a join is under way", () => {
  for (const { id } of roomVersions.filter((version) => ["1", "6", "12"].includes(version.id))) {
    it(`room ${id}: events of the room that come before the answer are held, and taken in after it`, async () => {
      await withRoom({ roomVersion: id }, (played, roomId) =>
        Effect.gen(function* () {
          const { servers, stage, network } = played
          const { client } = servers.get("s1")!
          const send = (pdu: JsonObject) =>
            client.call("s2", (api) =>
              api.transactions.send({
                params: { transactionId: "early" },
                payload: { origin: "s1", origin_server_ts: 1, pdus: [pdu] },
              }),
            )
          const [said, answer] = yield* Effect.scoped(
            Effect.gen(function* () {
              yield* network.rule({ path: /send_join/ }, delay(5_000))
              const joining = yield* Effect.forkChild(stage.user(bob).join(roomId, "s1"))
              yield* stage.wait(2_000)
              const event = yield* stage.user(alice).say(roomId, "early")
              const sending = yield* Effect.forkChild(send(event.pdu))
              yield* Fiber.join(joining)
              return [event, yield* Fiber.join(sending)] as const
            }),
          )
          expect(answer.pdus).toEqual({ [said.eventId]: {} })
          yield* stage.quiet
          expect(dagOn(played, "s2", roomId)?.timeline(said.eventId)?.verdict).toBe("accepted")
          const tips = dagOn(played, "s1", roomId)!.forwardExtremities()
          expect(dagOn(played, "s2", roomId)?.forwardExtremities()).toEqual(tips)
        }),
      )
    })
  }

  it("of a room that the server is not in nothing is kept, and nothing said: its id follows from the version", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { client, identity } = played.servers.get("s1")!
        const event = yield* played.stage.user(alice).say(roomId, "to nobody")
        const answer = yield* client.call("s2", (api) =>
          api.transactions.send({
            params: { transactionId: "stray" },
            payload: { origin: identity.serverName, origin_server_ts: 1, pdus: [event.pdu] },
          }),
        )
        expect(answer.pdus).toEqual({})
        expect(dagOn(played, "s2", roomId)).toBeUndefined()
      }),
    )
  })

  it("a second user of the server waits for the first, and joins the room that it brought", async () => {
    for (const via of ["s1", "s3"]) {
      await withRoom({ servers: 3 }, (played, roomId) =>
        Effect.gen(function* () {
          const { kernel, stage } = played
          yield* stage.user("@carol:s3").join(roomId, "s1")
          yield* stage.quiet
          const before = kernel.trace.records.length
          yield* Effect.all([stage.user(bob).join(roomId, "s1"), stage.user("@bea:s2").join(roomId, via)], {
            concurrency: "unbounded",
          })
          yield* stage.quiet
          const handshakes = kernel.trace.records
            .slice(before)
            .filter(
              ({ kind, fields }) => kind === "request" && fields.some((f) => String(f).includes("send_join")),
            )
          expect(handshakes).toHaveLength(1)
          for (const server of ["s1", "s2", "s3"]) {
            for (const user of [bob, "@bea:s2"])
              expect(membershipOn(played, server, roomId, user)).toBe("join")
          }
          expect(dagOn(played, "s2", roomId)!.forwardExtremities()).toHaveLength(1)
        }),
      )
    }
  })

  it("a second user goes by its own way where the first one's fails", async () => {
    await withRoom({ servers: 3 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.quiet
        yield* stage.rule("lost", { source: "s2", destination: "s1", path: /make_join/ }, drop)
        const joining = yield* Effect.forkChild(refusal(stage.user(bob).join(roomId, "s1")))
        yield* stage.wait(1)
        const second = yield* stage.user("@bea:s2").join(roomId, "s3")
        const first = yield* Fiber.join(joining)
        expect([first.includes("s1"), second.content.membership]).toEqual([true, "join"])
        expect(membershipOn(played, "s3", roomId, "@bea:s2")).toBe("join")
      }),
    )
  })

  it("who turns the invite down has that done after it, or before: the room and its server think the same", async () => {
    for (const order of ["join first", "leave first"]) {
      await withRoom({}, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.user(alice).invite(roomId, bob)
          yield* stage.quiet
          yield* stage.rule("slow join", { source: "s2", path: /send_join/ }, delay(2_000))
          yield* stage.rule("slow leave", { source: "s2", path: /send_leave/ }, delay(4_000))
          const acts = [stage.user(bob).join(roomId, "s1"), stage.user(bob).leave(roomId)] as const
          const [first, second] = order === "join first" ? acts : ([acts[1], acts[0]] as const)
          const begun = yield* Effect.forkChild(first)
          yield* stage.wait(1)
          yield* second
          yield* Fiber.join(begun)
          yield* stage.quiet
          const membership = order === "join first" ? "leave" : "join"
          for (const server of ["s1", "s2"])
            expect(membershipOn(played, server, roomId, bob)).toBe(membership)
        }),
      )
    }
  })
})
