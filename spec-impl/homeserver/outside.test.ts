/** Who stands outside once a room in partial state was decided anew. */
import { Effect } from "effect"
import { expect, it } from "vitest"
import { join, roomWith, take } from "../core/room-dag/testing/draft-room.ts"
import { layerMemory, MemoryDisk } from "../store/memory.ts"
import { Changes } from "./changes.ts"
import { Outside } from "./outside.ts"
import type { Room } from "./rooms.ts"

const [alice, bob, bea] = ["@alice:one", "@bob:two", "@bea:two"]

it("a server that has left by the whole state leaves its invited users outside, and no others", () =>
  Effect.gen(function* () {
    const outside = yield* Outside
    const dag = roomWith("11", [])
    const room = { roomId: "!room:one", version: dag.rules.version, dag } as Room
    const membership = (sender: string, stateKey: string, to: string) =>
      take(dag, { type: "m.room.member", sender, stateKey, content: { membership: to } })
    join(dag, bob)
    const { pdu } = membership(alice, bea, "invite")
    expect(outside.writesForWhole(room, dag, "two")).toEqual([])
    membership(alice, bob, "leave")
    const writes = outside.writesForWhole(room, dag, "two")
    expect(writes).toMatchObject([{ userId: bea, standing: { membership: "invite", via: "one", pdu } }])
    outside.note(writes)
    membership(alice, bea, "leave")
    expect(outside.writesForWhole(room, dag, "two")).toEqual([
      { userId: bea, roomId: room.roomId, standing: null },
    ])
  }).pipe(
    Effect.provide(Outside.layer),
    Effect.provide([Changes.layer, layerMemory(new MemoryDisk())]),
    Effect.runPromise,
  ))

it("no more than five hundred invites are open by way of one server, or to one user", () =>
  Effect.gen(function* () {
    const outside = yield* Outside
    const invite = (userId: string, nth: number, via: string) =>
      outside.stand(userId, `!${nth}:${via}`, {
        membership: "invite",
        roomVersion: "11",
        pdu: {},
        roomState: [],
        via,
      })
    for (let nth = 0; nth < 500; nth++) {
      yield* invite(`@u${nth}:two`, nth, "busy")
      yield* invite("@popular:two", nth, `s${nth}`)
    }
    const asked = (userId: string, via: string) => outside.mayBeInvited(userId, via)
    expect(asked("@anybody:two", "busy")).toBe(false)
    expect(asked("@popular:two", "one")).toBe(false)
    expect(asked("@anybody:two", "one")).toBe(true)
    yield* outside.end("@u7:two", "!7:busy")
    expect(asked("@anybody:two", "busy")).toBe(true)
  }).pipe(
    Effect.provide(Outside.layer),
    Effect.provide([Changes.layer, layerMemory(new MemoryDisk())]),
    Effect.runPromise,
  ))
