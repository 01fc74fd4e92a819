/** What is shown, and rests on what was rejected: a room made by hand, whose verdicts come in one order or the other. */
import { expect, it } from "vitest"
import { claimedState } from "#spec-impl/core/room-dag/decide-anew.ts"
import type { EventRecord } from "#spec-impl/core/room-dag/event-record.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { draftIn, emptyRoom, receive, roomWith, take } from "#spec-impl/core/room-dag/testing/draft-room.ts"
import type { CheckedWorld } from "./check.ts"
import { shownEvents } from "./shown-events.ts"

const [bob, carol] = ["@bob:two", "@carol:three"]
const roomId = "!room:one"

/** The room as a server has it, with what it made of each event. */
const heard = () => {
  const there = roomWith("11", [bob, carol])
  const here = emptyRoom("11")
  const order: EventRecord[] = []
  const note = (record: EventRecord): void => {
    here.apply(record)
    order.push(record)
  }
  for (const { event } of there.records()) receive(here, event)
  return { there, here, order, note }
}

/** What the check says, where the verdicts were told in that order. */
const told = (dag: RoomDag, order: readonly EventRecord[]): readonly string[] => {
  const timeline = [...dag.records()].flatMap((record) =>
    record.place === "timeline" && record.verdict === "accepted" ? [{ record }] : [],
  )
  const room = { roomId, dag, timeline, partial: undefined }
  const rooms = { all: () => [room], find: () => room }
  const world = { honest: ["two"], servers: new Map([["two", { name: "two", rooms }]]) }
  const { onRecord, atEnd } = shownEvents.watch(world as unknown as CheckedWorld)
  order.forEach(({ event: { eventId }, place, verdict }, step) => {
    onRecord?.({ step, virtualMs: 0, kind: "event", fields: ["two", roomId, eventId, place, verdict, ""] })
  })
  return atEnd?.() ?? []
}

/** Alice lets Bob change the levels. */
const promotion = (there: RoomDag) =>
  take(there, {
    type: "m.room.power_levels",
    sender: "@alice:one",
    stateKey: "",
    content: { users: { "@alice:one": 100, [bob]: 50 } },
  })

it("what cited an outlier stays, when the state before that rejects it later", () => {
  const { there, here, order, note } = heard()
  const before = there.forwardExtremities()
  const levels = promotion(there)
  const second = take(there, {
    type: "m.room.power_levels",
    sender: bob,
    stateKey: "",
    content: { users: { "@alice:one": 100, [bob]: 50, [carol]: 50 } },
  })
  const topic = take(there, {
    type: "m.room.topic",
    sender: carol,
    stateKey: "",
    content: { topic: "ours" },
  })
  for (const event of [levels, second]) note(here.examineOutlier(event))
  const stateIds = [...here.eventIdsIn(here.currentState()), levels.eventId, second.eventId]
  note(here.examine(topic, "new", claimedState(here, stateIds, "three")))
  note(here.examine(second, "historical", { state: here.stateBeforeChildOf(before), by: "three" }))
  expect(order.map(({ verdict }) => verdict)).toEqual(["accepted", "accepted", "accepted", "rejected"])
  expect(told(here, order)).toEqual([])
  const [, outlier, shown, rejected] = order
  const complaint = [
    `two, ${roomId}: ${topic.eventId} is shown, against rule 2.3: an auth event was rejected`,
  ]
  expect(told(here, [outlier!, rejected!, shown!])).toEqual(complaint)
  expect(told(here, [shown!, rejected!])).toEqual(complaint)
})

it("an event is not shown by right where what it cites was rejected from the first", () => {
  const { there, here, order, note } = heard()
  const foreign = draftIn(there, {
    type: "m.room.name",
    sender: "@eve:four",
    stateKey: "",
    content: { name: "Eve's" },
  })
  note(here.examineOutlier(foreign))
  const { eventId } = take(here, { type: "m.room.message", sender: bob, content: { body: "hello" } })
  const record = here.timeline(eventId)!
  const cited = { ...record.event, authEvents: [...record.event.authEvents, foreign.eventId] }
  const shown = record.with({ event: cited })
  const dag = new Proxy(here, {
    get: (target, key) => {
      if (key === "timeline") return (id: string) => (id === eventId ? shown : target.timeline(id))
      if (key === "records") return () => [...target.records()].map((one) => (one === record ? shown : one))
      const value = Reflect.get(target, key, target)
      return typeof value === "function" ? value.bind(target) : value
    },
  })
  expect(told(dag, [...order, shown])).toHaveLength(1)
})
