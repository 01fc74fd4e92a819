/** What is wrong with a room, from what it holds alone: rooms made by hand. */
import { describe, expect, it } from "vitest"
import type { EventRecord } from "#spec-impl/core/room-dag/event-record.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import {
  type Drafted,
  draftIn,
  emptyRoom,
  receive,
  roomWith,
  take,
} from "#spec-impl/core/room-dag/testing/draft-room.ts"
import { findInconsistencies } from "./room-consistency.ts"

const bob = "@bob:two"
const say: Drafted = { type: "m.room.message", sender: bob, content: { body: "hello" } }
const ban: Drafted = {
  type: "m.room.member",
  sender: "@alice:one",
  stateKey: bob,
  content: { membership: "ban" },
}

/** The same records, by other forward extremities. */
const withTips = (dag: RoomDag, tips: readonly string[]): RoomDag => {
  const other = emptyRoom(dag.rules.version.id)
  const records: EventRecord[] = [...dag.records()]
  for (const { event, index } of records) if (index >= 0) other.graph.add(event)
  for (const record of records) other.restore(record)
  other.restoreExtremities(tips)
  return other
}

describe("forward extremities", () => {
  it("are missed where an accepted event is none and nothing accepted builds on it", () => {
    const dag = roomWith("11", [bob])
    const [before] = dag.forwardExtremities()
    const tip = take(dag, say)
    expect(findInconsistencies(dag)).toEqual([])
    expect(findInconsistencies(withTips(dag, [before!]))).toEqual([
      `${tip.eventId} is no extremity, and should be`,
      `${before} is an extremity, and should not be`,
    ])
  })

  it("need not be what was fetched as history behind a gap, where what builds on it is soft-failed", () => {
    const there = roomWith("11", [bob])
    const here = emptyRoom("11")
    for (const { event } of there.records()) receive(here, event)
    const state = here.currentState()
    take(here, ban)
    const gap = take(there, say)
    here.apply(here.examine(draftIn(there, say), "new", { state, by: "two" }))
    here.apply(here.examine(gap, "historical"))
    expect(here.timeline(gap.eventId)?.verdict).toBe("accepted")
    expect(here.forwardExtremities()).not.toContain(gap.eventId)
    expect(findInconsistencies(here)).toEqual([])
  })

  it("stay where what builds on them was fetched as history, until something is accepted that builds on that", () => {
    const there = roomWith("11", [bob])
    const here = emptyRoom("11")
    for (const { event } of there.records()) receive(here, event)
    const tip = take(there, say)
    receive(here, tip)
    const gap = take(there, say)
    const state = here.currentState()
    take(here, { ...ban, prevEvents: here.timeline(tip.eventId)!.event.prevEvents })
    here.apply(here.examine(draftIn(there, say), "new", { state, by: "two" }))
    here.apply(here.examine(gap, "historical"))
    expect(here.forwardExtremities()).toContain(tip.eventId)
    expect(findInconsistencies(here)).toEqual([])
    const after = draftIn(there, { ...say, sender: "@alice:one", prevEvents: [gap.eventId] })
    receive(here, after)
    expect(here.forwardExtremities()).not.toContain(tip.eventId)
    expect(findInconsistencies(here)).toEqual([])
  })
})
