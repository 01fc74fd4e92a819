/** That a verdict stands, and when it is decided anew; and how a server's own way in stands to what it held. */
import { describe, expect, it } from "vitest"
import { claimedState } from "./decide-anew.ts"
import type { RoomDag } from "./room-dag.ts"
import { type Drafted, draftIn, emptyRoom, receive, roomWith, take } from "./testing/draft-room.ts"
import { parentsFirst } from "./walks.ts"

const [alice, bob, carol] = ["@alice:one", "@bob:two", "@carol:three"]
const member = (target: string, membership: string, sender = target): Drafted => ({
  type: "m.room.member",
  sender,
  stateKey: target,
  content: { membership },
})
const topic = (sender: string, more: Partial<Drafted> = {}): Drafted => ({
  type: "m.room.topic",
  sender,
  stateKey: "",
  content: { topic: "t" },
  ...more,
})
const copyOf = (there: RoomDag): RoomDag => {
  const here = emptyRoom(there.rules.version.id)
  for (const { event } of there.records()) receive(here, event)
  return here
}

describe("a rejection is for ever (I25)", () => {
  it("by an event's own auth_events: it depends on nothing else, wherever the event comes to stand", () => {
    const there = roomWith("11", [bob], { [bob]: 50 })
    const cited = there.eventIn(there.currentState(), "m.room.member", bob)!.eventId
    const event = draftIn(there, topic(bob, { authEvents: [cited, cited] }))
    there.apply(there.examineOutlier(event))
    expect(there.record(event.eventId)).toMatchObject({ verdict: "rejected", objection: { check: 4 } })
    receive(there, event)
    expect(there.timeline(event.eventId)).toMatchObject({ verdict: "rejected", objection: { check: 4 } })
  })

  it("an event that was held for others' sake is judged once more when its place is known, and may be rejected then", () => {
    const there = roomWith("11", [bob], { [bob]: 50 })
    const here = copyOf(there)
    const [before] = there.forwardExtremities()
    const banned = take(there, member(bob, "ban", alice))
    const levels = there.eventIn(there.currentState(), "m.room.power_levels", "")!
    const join = [...there.records()].find(({ event }) => event.stateKey === bob)!.event
    const create = there.create()!
    const authEvents = [create, levels, join].map(({ eventId }) => eventId)
    const renamed = draftIn(there, {
      ...member(bob, "join"),
      prevEvents: [banned.eventId],
      authEvents: [...authEvents, there.eventIn(there.currentState(), "m.room.join_rules", "")!.eventId],
    })
    const citing = (more: Partial<Drafted> = {}) =>
      draftIn(here, topic(bob, { authEvents: [create.eventId, levels.eventId, renamed.eventId], ...more }))
    here.apply(here.examineOutlier(renamed))
    const early = citing({ prevEvents: [before!] })
    receive(here, early)
    expect(here.record(renamed.eventId)?.verdict).toBe("accepted")
    expect(here.timeline(early.eventId)?.verdict).toBe("accepted")
    receive(here, banned)
    receive(here, renamed)
    expect(here.timeline(renamed.eventId)).toMatchObject({ verdict: "rejected", objection: { check: 5 } })
    const late = citing({ prevEvents: [before!] })
    receive(here, late)
    expect(here.timeline(late.eventId)).toMatchObject({ verdict: "rejected", objection: { rule: "2.3" } })
    expect(here.timeline(early.eventId)?.verdict).toBe("accepted")
  })
})

describe("a server's way in", () => {
  const entering = (connected: boolean) => {
    const there = roomWith("11", [bob])
    const here = copyOf(there)
    const banned = take(there, member(bob, "ban", alice))
    receive(here, banned)
    const orphan = take(here, topic(alice))
    const between = [take(there, member(bob, "leave", alice)), take(there, topic(alice))]
    if (connected) for (const event of between) here.apply(here.examine(event, "historical"))
    const join = take(there, member(bob, "join"))
    for (const { event } of there.records()) {
      if (here.record(event.eventId) === undefined) here.apply(here.examineOutlier(event))
    }
    const stateIds = there.eventIdsIn(there.timeline(join.eventId)!.stateBefore)
    const record = here.examine(join, "entry", claimedState(here, stateIds, "one"))
    here.apply(record)
    return { here, record, join: join.eventId, orphan: orphan.eventId }
  }

  it("does not face what the server took for the room's state before", () => {
    const { record } = entering(false)
    expect(record.verdict).toBe("accepted")
  })

  it("is all that it goes by where history is missing before it", () => {
    const { here, join } = entering(false)
    expect(here.forwardExtremities()).toEqual([join])
  })

  it("covers in one history what it comes after, and nothing else", () => {
    const { here, join, orphan } = entering(true)
    expect(here.forwardExtremities()).toEqual([join, orphan].sort())
  })
})

describe("room 12", () => {
  it("its create event comes before whatever depth others say they have", () => {
    const there = roomWith("12", [carol])
    const events = [...there.records()].map(({ event }) => ({
      ...event,
      depth: event.type === "m.room.create" ? 5 : 0,
    }))
    expect(parentsFirst(events.map((event) => ({ ...event, prevEvents: [] })))[0]?.type).toBe("m.room.create")
  })
})
