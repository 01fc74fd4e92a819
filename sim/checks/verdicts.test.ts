/** What was decided anew: a room made by hand, of which the check hears when all of it is there. */
import { expect, it } from "vitest"
import { claimedState } from "#spec-impl/core/room-dag/decide-anew.ts"
import type { EventRecord } from "#spec-impl/core/room-dag/event-record.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { draftIn, emptyRoom, receive, roomWith, take } from "#spec-impl/core/room-dag/testing/draft-room.ts"
import type { CheckedWorld } from "./check.ts"
import { verdicts } from "./verdicts.ts"

const bob = "@bob:two"
const roomId = "!room:one"

const told = (dag: RoomDag, order: readonly EventRecord[]): readonly string[] => {
  const room = { roomId, dag, partial: undefined }
  const world = { honest: ["two"], servers: new Map([["two", { rooms: { find: () => room } }]]) }
  const { onRecord } = verdicts.watch(world as unknown as CheckedWorld)
  return order.flatMap(({ event: { eventId }, place, verdict }, step) => {
    const fields = ["two", roomId, eventId, place, verdict, ""]
    return onRecord?.({ step, virtualMs: 0, kind: "event", fields }) ?? []
  })
}

const leaves = (of: RoomDag) =>
  take(of, { type: "m.room.member", sender: bob, stateKey: bob, content: { membership: "leave" } })

it("an outlier stays accepted, though the state before what it cites rejects that later", () => {
  const there = roomWith("11", [bob])
  const here = emptyRoom("11")
  for (const { event } of there.records()) receive(here, event)
  const before = there.forwardExtremities()
  const leave = leaves(there)
  const invite = draftIn(there, {
    type: "m.room.member",
    sender: "@alice:one",
    stateKey: bob,
    content: { membership: "invite" },
  })
  const order: EventRecord[] = []
  const note = (record: EventRecord): void => {
    here.apply(record)
    order.push(record)
  }
  note(here.examineOutlier(leave))
  note(here.examineOutlier(invite))
  const stateIds = here.eventIdsIn(here.stateBeforeChildOf(before))
  const withoutBob = stateIds.filter((id) => here.record(id)?.event.stateKey !== bob)
  note(here.examine(leave, "historical", claimedState(here, withoutBob, "three")))
  expect(order.map(({ verdict }) => verdict)).toEqual(["accepted", "accepted", "rejected"])
  expect(told(here, order)).toEqual([])
})
