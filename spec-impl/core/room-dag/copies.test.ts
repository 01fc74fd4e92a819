/** Which copy of an event a room holds, and that all it has is of that copy: records, auth graph, digests. */
import { describe, expect, it } from "vitest"
import type { Event } from "../event.ts"
import { redactEvent } from "../event-format.ts"
import { withSignature } from "../signing.ts"
import type { RoomDag } from "./room-dag.ts"
import { type Drafted, draftIn, emptyRoom, join, receive, roomWith, take } from "./testing/draft-room.ts"

const [alice, bob, carol] = ["@alice:one", "@bob:two", "@carol:three"]
const topic = (sender: string, more: Partial<Drafted> = {}): Drafted => ({
  type: "m.room.topic",
  sender,
  stateKey: "",
  content: { topic: "tea" },
  ...more,
})
const membership = (sender: string, target: string, to: string): Drafted => ({
  type: "m.room.member",
  sender,
  stateKey: target,
  content: { membership: to },
})
const signed = (event: Event, server = "s9"): Event => ({
  ...event,
  pdu: withSignature(event.pdu, server, "ed25519:1", new Uint8Array(64).fill(9)),
})
/** A room of which only the records were ever known, as after a restart. */
const afresh = (dag: RoomDag): RoomDag => {
  const again = emptyRoom(dag.rules.version.id)
  for (const record of dag.records()) if (record.index >= 0) again.graph.add(record.event)
  for (const record of dag.records()) again.graph.setRejected(record.index, record.verdict === "rejected")
  return again
}
const expectOneCopy = (dag: RoomDag): void => {
  const again = afresh(dag)
  for (const { event, index } of dag.records()) {
    if (index < 0) continue
    expect(dag.graph.indexOf(event.eventId)).toBe(index)
    expect(dag.graph.event(index)).toBe(event)
    expect(again.graph.event(again.graph.indexOf(event.eventId)!)).toBe(event)
  }
  const ids = dag.eventIdsIn(dag.currentState())
  const indices = ids.map((eventId) => again.graph.indexOf(eventId)!)
  const state = indices.reduce((before, index) => again.applied(before, index), again.stateBeforeChildOf([]))
  expect(state.digest).toBe(dag.currentState().digest)
  expect(again.graph.verdictsDigest(() => true)).toBe(dag.graph.verdictsDigest(() => true))
  expect(again.graph.size).toBe(dag.graph.size)
}

describe("what was examined and came to nothing", () => {
  for (const id of ["1", "10", "12"]) {
    it(`room ${id}: leaves no copy: the one that is accepted later counts`, () => {
      const dag = roomWith(id, [bob])
      take(dag, membership(alice, carol, "ban"))
      const { prevEvents } = [...dag.records()].at(-1)!.event
      const late = draftIn(dag, { ...membership(carol, carol, "join"), prevEvents })
      expect(dag.examine(late, "new").verdict).toBe("soft-failed")
      take(dag, membership(alice, carol, "leave"))
      const copy = signed(late)
      receive(dag, copy)
      expect(dag.timeline(late.eventId)).toMatchObject({ verdict: "accepted", event: copy })
      expectOneCopy(dag)
    })
  }

  it("room 1: another event may have its id", () => {
    const dag = roomWith("1", [bob], { [bob]: 50 })
    const { prevEvents } = [...dag.records()].at(-1)!.event
    take(dag, membership(alice, bob, "ban"))
    const evading = draftIn(dag, topic(bob, { prevEvents }))
    expect(dag.examine(evading, "new").verdict).not.toBe("accepted")
    const draft = draftIn(dag, topic(alice, { type: "m.room.name", content: { name: "n" } }))
    receive(dag, { ...draft, eventId: evading.eventId, pdu: { ...draft.pdu, event_id: evading.eventId } })
    expect(dag.eventIn(dag.currentState(), "m.room.name", "")?.eventId).toBe(evading.eventId)
    expect(dag.eventIn(dag.currentState(), "m.room.topic", "")).toBeUndefined()
    expectOneCopy(dag)
  })

  it("must be examined once more before it is applied, where others were examined since", () => {
    const dag = roomWith("11", [bob])
    const record = dag.examine(draftIn(dag, topic(alice)), "new")
    dag.examine(draftIn(dag, topic(alice)), "new")
    expect(() => dag.apply(record)).toThrow("must be examined anew")
  })
})

describe("an event that was held for others' sake", () => {
  for (const id of ["1", "8", "12"]) {
    it(`room ${id}: is whole once a whole copy comes, and what was kept of states still names them`, () => {
      const dag = roomWith(id, [bob])
      const event = draftIn(dag, topic(alice))
      dag.apply(dag.examineOutlier(redactEvent(event, dag.rules.version)))
      const { index } = dag.record(event.eventId)!
      const before = dag.applied(dag.currentState(), index).digest
      const resolvedBy = dag.graph.verdictsDigest(() => true)
      receive(dag, event)
      expect(dag.record(event.eventId)).toMatchObject({ index, event })
      expect(dag.eventIn(dag.currentState(), "m.room.topic", "")?.content.topic).toBe("tea")
      expect(dag.currentState().digest).toBe(before)
      expect(dag.graph.verdictsDigest(() => true)).not.toBe(resolvedBy)
      expectOneCopy(dag)
    })
  }

  it("stays whole where a redacted copy comes, and is as it came last where it is only signed by others", () => {
    const dag = roomWith("11", [bob])
    const [first, second] = [topic(alice), topic(alice, { type: "m.room.name" })].map((draft) => {
      const event = draftIn(dag, draft)
      dag.apply(dag.examineOutlier(event))
      return event
    })
    receive(dag, redactEvent(first!, dag.rules.version))
    expect(dag.timeline(first!.eventId)?.event).toBe(first)
    const copy = signed(second!)
    receive(dag, copy)
    expect(dag.timeline(second!.eventId)?.event).toBe(copy)
    expectOneCopy(dag)
  })

  it("stays in the auth graph, where others rest on it, though what it cites is rejected meanwhile", () => {
    const there = roomWith("11", [bob], { [bob]: 50 })
    const here = emptyRoom("11")
    for (const { event } of there.records()) receive(here, event)
    const state = here.currentState()
    const held = (type: string, key = "") => here.eventIn(state, type, key)!
    const base = [held("m.room.create"), held("m.room.power_levels")].map(({ eventId }) => eventId)
    const banned = take(there, membership(alice, bob, "ban"))
    const before = [held("m.room.join_rules"), held("m.room.member", bob)].map(({ eventId }) => eventId)
    const renamed = draftIn(there, { ...membership(bob, bob, "join"), authEvents: [...base, ...before] })
    const levels = draftIn(here, {
      ...topic(alice, { type: "m.room.power_levels" }),
      content: held("m.room.power_levels").content,
      sender: bob,
      authEvents: [...base, renamed.eventId],
    })
    const resting = draftIn(here, topic(bob, { authEvents: [base[0]!, levels.eventId, renamed.eventId] }))
    const outliers = [renamed, levels, resting]
    for (const event of outliers) here.apply(here.examineOutlier(event))
    for (const { eventId } of outliers) expect(here.record(eventId)?.verdict).toBe("accepted")
    for (const event of [banned, renamed, levels]) receive(here, event)
    expect(here.timeline(renamed.eventId)).toMatchObject({ verdict: "rejected", objection: { check: 5 } })
    expect(here.timeline(levels.eventId)?.objection?.check).not.toBe(4)
    expectOneCopy(here)
  })
})

describe("two events of one id, in rooms 1 and 2", () => {
  it("are no copies of each other, as those are that differ by signatures or redaction alone", () => {
    const dag = roomWith("2", [bob])
    const event = draftIn(dag, topic(alice))
    dag.apply(dag.examineOutlier(event))
    const other = draftIn(dag, topic(alice))
    const copies = [event, signed(event), redactEvent(event, dag.rules.version), other]
    expect(copies.map((copy) => dag.holdsAnother(copy))).toEqual([false, false, false, false])
    const renamed = { ...other, eventId: event.eventId, pdu: { ...other.pdu, event_id: event.eventId } }
    expect(dag.holdsAnother(renamed)).toBe(true)
    join(dag, carol)
    expectOneCopy(dag)
  })
})
