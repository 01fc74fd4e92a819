/** What is kept of states: each as a change to one that is there already. */
import { Effect } from "effect"
import { expect, it } from "vitest"
import { draftIn, roomWith, take } from "../core/room-dag/testing/draft-room.ts"
import { MemoryDisk, memoryStore } from "../store/memory.ts"
import { writesOf } from "./room-writes.ts"
import { RoomTimeline } from "./timeline.ts"

it("states that are each other's neighbours are no changes to each other, though the later one comes first", async () => {
  const dag = roomWith("11", [])
  const state = dag.currentState()
  const alice = "@alice:one"
  const topic = take(dag, { type: "m.room.topic", sender: alice, stateKey: "", content: { topic: "tea" } })
  // Another server says that the topic never was.
  const said = draftIn(dag, { type: "m.room.message", sender: alice, content: { body: "hello" } })
  dag.apply(dag.examine(said, "new", { state, by: "two" }))
  const records = [said, topic].map(({ eventId }) => dag.timeline(eventId)!)
  const { states, events } = writesOf(
    { roomId: "!room:one", timeline: new RoomTimeline() },
    dag,
    records,
    new Map(),
  )
  const kept = new Set<string | undefined>([undefined])
  for (const { digest, basedOn } of states) {
    expect(kept).toContain(basedOn)
    kept.add(digest)
  }
  const store = memoryStore(new MemoryDisk())
  await Effect.runPromise(
    store.commit({ rooms: [{ roomId: "!room:one", roomVersion: "11" }], states, events }),
  )
  const read = await Effect.runPromise(store.state(records[1]!.stateAfter.digest))
  expect(read?.changes.map(([, , eventId]) => eventId).sort()).toEqual(
    dag.eventIdsIn(records[1]!.stateAfter).sort(),
  )
})
