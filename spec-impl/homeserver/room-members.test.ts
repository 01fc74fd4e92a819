/** Which servers are in a room is counted from one state to the next, and is what counting anew gives. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { draftIn, receive, roomWith } from "../core/room-dag/testing/draft-room.ts"
import { propertyRuns } from "../core/testing/property-runs.ts"
import { joinedServersIn } from "./room-members.ts"

it("whatever states are asked for in whatever order, refused events among them", () => {
  const deed = fc.record({
    user: fc.constantFrom("@bob:two", "@bea:two", "@carol:three", "@dan:four"),
    to: fc.constantFrom("join", "leave"),
    isKept: fc.boolean(),
    asked: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 20 }), (deeds) => {
      const dag = roomWith("11", [])
      for (const { user, to, isKept, asked } of deeds) {
        const event = draftIn(dag, {
          type: "m.room.member",
          sender: user,
          stateKey: user,
          content: { membership: to },
        })
        if (isKept) receive(dag, event)
        else joinedServersIn(dag, dag.examine(event, "new").stateAfter)
        const records = [...dag.records()].flatMap((record) => (record.place === "timeline" ? [record] : []))
        for (const { stateAfter } of [records[asked % records.length]!, records.at(-1)!]) {
          const members = dag.eventIdsIn(stateAfter).map((eventId) => dag.record(eventId)!.event)
          const joined = members.filter(
            ({ type, content }) => type === "m.room.member" && content.membership === "join",
          )
          const servers = new Set(joined.map(({ stateKey = "" }) => stateKey.split(":")[1]))
          expect([...joinedServersIn(dag, stateAfter)]).toEqual([...servers].sort())
        }
      }
    }),
    propertyRuns(200, 1),
  )
})
