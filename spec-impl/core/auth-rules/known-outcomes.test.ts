/** Outcomes that are shared are those that each server would have come to by itself. */
import { describe, expect, it } from "vitest"
import { readingsDefault } from "../readings.ts"
import { roomVersions } from "../room-version.ts"
import type { AuthContext } from "./authorise.ts"
import { authorise } from "./authorise.ts"
import { authoriseOnce } from "./known-outcomes.ts"
import { withoutRules } from "./rules-of-version.ts"
import { casesOf } from "./testing/cases.ts"
import { contextOf, viewOf } from "./testing/room.ts"

describe.each(roomVersions)("room $id", (version) => {
  const context = contextOf(version)
  const unsigned = { ...context.signatures, restrictedJoinIsSigned: () => false, verify: () => false }
  const contexts: readonly AuthContext[] = [
    context,
    { ...context, signatures: unsigned },
    { ...context, readings: { ...readingsDefault, noJoinRules: "reject" } },
    { ...context, version: withoutRules(version, ({ says }) => says === "sender is not joined") },
  ]

  it("each case is judged alike by states of other cases, and by other contexts, one after the other", () => {
    const cases = casesOf(version)
    for (const [at, { event, room }] of cases.entries()) {
      const rooms = [room, cases[(at + 1) % cases.length]!.room, cases[(at * 7) % cases.length]!.room, room]
      for (const asked of rooms) {
        for (const by of contexts) {
          expect(authoriseOnce(event, viewOf(asked), by)).toEqual(authorise(event, viewOf(asked), by))
        }
      }
    }
  })
})
