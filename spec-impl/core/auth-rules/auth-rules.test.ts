/** Each numbered rule of each room version rejects what it must, allows what is nearest to it, and is needed. */
import { describe, expect, it } from "vitest"
import { readingsDefault } from "../readings.ts"
import { roomVersions } from "../room-version.ts"
import { authorise, authoriseCitations } from "./authorise.ts"
import { casesOf } from "./testing/cases.ts"
import { citationCasesOf } from "./testing/citation-cases.ts"
import { deciding, survivors } from "./testing/removal.ts"
import {
  alice,
  bob,
  carol,
  contextOf,
  eventIn,
  levelsOf,
  testRoom,
  viewOf,
  withState,
} from "./testing/room.ts"

for (const version of roomVersions) {
  describe(`room ${version.id}`, () => {
    it("each case is decided as it must be, by the rule of that number", () => {
      for (const { room, event, allowed, rule, about } of casesOf(version)) {
        const outcome = authorise(event, viewOf(room), contextOf(version))
        const wanted = {
          about,
          event: `${event.type} ${JSON.stringify(event.content)}`,
          allowed,
          rule: rule ?? outcome.rule,
        }
        expect({ ...wanted, allowed: outcome.allowed, rule: outcome.rule }).toEqual(wanted)
      }
    })

    it("each case of auth_events is decided as it must be", () => {
      for (const { event, citations, rule } of citationCasesOf(version)) {
        expect(authoriseCitations(event, citations, contextOf(version))?.rule).toBe(rule)
      }
    })

    it("each rule decides in some case, and no rule can be taken out unseen", () => {
      const decided = new Set([...casesOf(version), ...citationCasesOf(version)].map((one) => one.rule))
      expect(deciding(version).filter((number) => !decided.has(number))).toEqual([])
      expect(survivors(version)).toEqual([])
    })
  })
}

describe("readings", () => {
  const version = roomVersions[10]!
  const room = testRoom(version)

  it("no-join-rules: without join rules a member may rejoin, or nobody may", () => {
    const bare = withState(room, "m.room.join_rules", "", undefined)
    const rejoin = eventIn(version, "m.room.member", carol, { membership: "join" }, { stateKey: carol })
    const by = (noJoinRules: "invite" | "reject") =>
      authorise(rejoin, viewOf(bare), {
        ...contextOf(version),
        readings: { ...readingsDefault, noJoinRules },
      })
    expect(by("invite").allowed).toBe(true)
    expect(by("reject")).toMatchObject({ allowed: false, rule: "4.3.7" })
  })

  it("pl-default: an absent level is nothing, or its default", () => {
    const before = levelsOf(version, {
      users: { [alice]: 100, [bob]: 40 },
      ban: 40,
      events: { "m.room.power_levels": 40 },
    })
    const { ban: _ban, ...after } = before
    const change = eventIn(version, "m.room.power_levels", bob, after, { stateKey: "" })
    const state = viewOf(withState(room, "m.room.power_levels", "", before))
    const by = (powerLevelDefaults: "present-only" | "fill-in") =>
      authorise(change, state, {
        ...contextOf(version),
        readings: { ...readingsDefault, powerLevelDefaults },
      })
    expect(by("present-only").allowed).toBe(true)
    expect(by("fill-in")).toMatchObject({ allowed: false, rule: "9.5.2" })
  })
})

describe("odd contents", () => {
  it("never throw, whatever stands where", () => {
    const odd = [null, true, 0, 2n ** 70n, "x", [], {}, [[]], { a: null }]
    for (const version of roomVersions) {
      for (const value of odd) {
        for (const key of [
          "users",
          "events",
          "ban",
          "notifications",
          "membership",
          "join_rule",
          "third_party_invite",
        ]) {
          for (const type of ["m.room.power_levels", "m.room.member", "m.room.join_rules", "m.room.create"]) {
            const stateKey = type === "m.room.member" ? carol : ""
            const event = eventIn(version, type, carol, { [key]: value, membership: "join" }, { stateKey })
            const room = withState(testRoom(version), type, stateKey, { [key]: value })
            expect(authorise(event, viewOf(room), contextOf(version)).rule).toBeTypeOf("string")
            expect(authorise(event, viewOf(testRoom(version)), contextOf(version)).rule).toBeTypeOf("string")
          }
        }
      }
    }
  })
})
