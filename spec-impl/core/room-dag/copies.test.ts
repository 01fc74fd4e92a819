/** One id, and more than one copy under it: which bytes a room holds. */
import { describe, expect, it } from "vitest"
import { redactEvent } from "../event-format.ts"
import { withSignature } from "../signing.ts"
import type { RoomDag } from "./room-dag.ts"
import { draftIn, join, receive, roomWith } from "./testing/draft-room.ts"

const bob = "@bob:two"
const carol = "@carol:three"
const topic = (sender: string, text: string) => ({
  type: "m.room.topic",
  sender,
  stateKey: "",
  content: { topic: text },
})
const entering = (user: string) => ({
  type: "m.room.member",
  sender: user,
  stateKey: user,
  content: { membership: "join" },
})

/** What the graph has of each event that is held: the very event. */
const expectHeldBytes = (dag: RoomDag): void => {
  for (const { event, index } of dag.records()) if (index >= 0) expect(dag.graph.event(index)).toBe(event)
}

for (const id of ["1", "6", "12"]) {
  describe(`room ${id}`, () => {
    it("what was examined and never applied gives way to another copy", () => {
      const [dag, other] = [roomWith(id, [bob]), roomWith(id, [bob])]
      const refused = draftIn(dag, entering(carol))
      const signedTwice = {
        ...refused,
        pdu: withSignature(refused.pdu, "two", "ed25519:policy_server", new Uint8Array(64)),
      }
      dag.examine(refused, "new")
      for (const room of [dag, other]) receive(room, signedTwice)
      expectHeldBytes(dag)
      expect(dag.currentState().digest).toBe(other.currentState().digest)
    })

    it("a copy that is held stays, whatever comes later", () => {
      const dag = roomWith(id, [bob], { [bob]: 50 })
      const whole = draftIn(dag, topic(bob, "whole"))
      dag.apply(dag.examineOutlier(redactEvent(whole, dag.rules.version)))
      receive(dag, whole)
      expectHeldBytes(dag)
      expect(dag.timeline(whole.eventId)?.event.content.topic).toBeUndefined()
    })
  })
}

it("room 1: of two events with one id the one counts that was taken in", () => {
  const dag = roomWith("1", [bob], { [bob]: 50 })
  const first = draftIn(dag, topic(bob, "refused"))
  dag.examine(first, "new")
  join(dag, carol)
  const second = draftIn(dag, topic(bob, "taken in"))
  const sameId = { ...second, eventId: first.eventId, pdu: { ...second.pdu, event_id: first.eventId } }
  receive(dag, sameId)
  receive(dag, first)
  expectHeldBytes(dag)
  expect(dag.eventIn(dag.currentState(), "m.room.topic", "")?.content.topic).toBe("taken in")
})
