/** What is kept of states: each as a change to one that is there already. */
import { expect, it } from "vitest"
import { draftIn, roomWith, take } from "../core/room-dag/testing/draft-room.ts"
import { statesFrom, writesOf } from "./room-writes.ts"
import { RoomTimeline } from "./timeline.ts"

it("states that are each other's neighbours are no changes to each other, though the later one comes first", () => {
  const dag = roomWith("11", [])
  const state = dag.currentState()
  const alice = "@alice:one"
  const topic = take(dag, { type: "m.room.topic", sender: alice, stateKey: "", content: { topic: "tea" } })
  // Another server says that the topic never was.
  const said = draftIn(dag, { type: "m.room.message", sender: alice, content: { body: "hello" } })
  dag.apply(dag.examine(said, "new", { state, by: "two" }))
  const records = [said, topic].map(({ eventId }) => dag.timeline(eventId)!)
  const { states } = writesOf({ roomId: "!room:one", timeline: new RoomTimeline() }, dag, records, new Map())
  const kept = new Set<string | undefined>([undefined])
  for (const { digest, basedOn } of states) {
    expect(kept).toContain(basedOn)
    kept.add(digest)
  }
  const { stateAfter } = records[1]!
  const restored = statesFrom(new Map(states.map((write) => [write.digest, write])), dag.graph)
  expect(restored(stateAfter.digest).digest).toBe(stateAfter.digest)
})
