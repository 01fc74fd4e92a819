/** States that followed when they were worked out, and would come out otherwise now: a room made by hand. */
import { expect, it } from "vitest"
import { roomWith, take } from "#spec-impl/core/room-dag/testing/draft-room.ts"
import { type Resolve, resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import type { CheckedWorld } from "./check.ts"
import { states } from "./states.ts"

it("what an event was taken in by stands, though the same states come to another now", () => {
  const roomId = "!room:one"
  const dag = roomWith("11", ["@bob:two"])
  const prevEvents = dag.forwardExtremities()
  const topic = { type: "m.room.topic", sender: "@alice:one", stateKey: "", prevEvents }
  const [one, other] = ["one", "other"].map(
    (text) => take(dag, { ...topic, content: { topic: text } }).eventId,
  )
  const merge = take(dag, {
    type: "m.room.message",
    sender: "@bob:two",
    content: { body: "hello" },
    prevEvents: [one!, other!],
  })
  const told = (whenTaken: Resolve | undefined): readonly string[] => {
    const room = { roomId, dag, partial: undefined }
    const rooms = { all: () => [room], find: () => room }
    const world = { honest: ["two"], servers: new Map([["two", { rooms }]]), resolve: whenTaken }
    const { onRecord, atEnd } = states.watch(world as unknown as CheckedWorld)
    const fields = ["two", roomId, merge.eventId, "timeline", "accepted", ""]
    if (whenTaken !== undefined) onRecord?.({ step: 1, virtualMs: 0, kind: "event", fields })
    world.resolve = () => StateMap.empty
    return atEnd?.() ?? []
  }
  expect(told(resolve)).toEqual([])
  const complaint = `two, ${roomId}: the state before ${merge.eventId} is not what those after its parents resolve to`
  expect(told(() => StateMap.empty)).toEqual([complaint])
  expect(told(undefined)).toEqual([complaint])
})
