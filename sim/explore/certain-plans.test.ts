/** Less is left to chance, and the plan says as much otherwise. */
import { Effect, Result } from "effect"
import { expect, test } from "vitest"
import { withCertainLies, withoutBursts, withStateAsked, withSteadyCuts } from "./certain-plans.ts"
import { makePlan } from "./make-plan.ts"
import { type Plan, readPlan } from "./plan.ts"

const plan: Plan = {
  seed: 1,
  servers: [{ name: "s1" }, { name: "s2", settings: { missingEventsLimit: 3, fullStateShareMin: 0.5 } }],
  users: ["@a:s1"],
  core: [],
  faultsMs: 90_000,
  entries: [
    { id: "say", atMs: 1_000, do: { act: "message", user: "@a:s1", room: "r", count: 30 } },
    { id: "lie", atMs: 2_000, fault: { fault: "stale-state", share: 0.5, keysShare: 0.4 } },
    { id: "hole", atMs: 2_000, fault: { fault: "holed-state" } },
    {
      id: "cut",
      atMs: 2_000,
      fault: { fault: "isolation", servers: ["s2"], cutMs: [1_000, 9_000], wholeMs: [1_000, 2_000] },
    },
  ],
}
const faultOf = ({ entries }: Plan, id: string) => {
  const entry = entries.find((other) => other.id === id)!
  return "fault" in entry ? entry.fault : undefined
}

test("lies are of few types, and always; all first, then one by one, and none twice", () => {
  const candidates = withCertainLies(plan)
  expect(faultOf(candidates[0]!, "lie")).toEqual({
    ...{ fault: "stale-state", share: 0.5, keysShare: 1 },
    ...{ types: ["m.room.power_levels"], which: "last" },
  })
  expect(faultOf(candidates[0]!, "hole")).toEqual({
    ...{ fault: "holed-state", keysShare: 1, types: ["m.room.power_levels"] },
  })
  expect(candidates.filter((other) => faultOf(other, "hole") === faultOf(plan, "hole"))).toHaveLength(8)
  expect(withCertainLies(candidates[0]!)).toEqual([])
})

test("servers ask for the state in a gap at once, whatever else is set", () => {
  expect(withStateAsked(plan)[0]!.servers).toEqual([
    { name: "s1", settings: { missingEventsLimit: 0, unfillableGap: "accept" } },
    {
      name: "s2",
      settings: { missingEventsLimit: 0, fullStateShareMin: 0.5, unfillableGap: "accept" },
    },
  ])
})

test("many messages are one, and a cut that comes and goes stays", () => {
  expect(withoutBursts(plan)[0]!.entries[0]).toMatchObject({
    do: { act: "message", user: "@a:s1", room: "r" },
  })
  expect(withoutBursts(plan)[0]!.entries[0]).not.toHaveProperty("do.count")
  expect(faultOf(withSteadyCuts(plan)[0]!, "cut")).toEqual({ fault: "isolation", servers: ["s2"] })
  expect(withSteadyCuts(withSteadyCuts(plan)[0]!)).toEqual([])
})

test.each([1, 2, 3, 4, 5, 6])("of random plan %i: all can be read", (seed) => {
  const random = makePlan(seed, { faults: ["stale-state", "holed-state", "partition"] })
  for (const candidates of [withCertainLies, withStateAsked, withoutBursts, withSteadyCuts]) {
    for (const candidate of candidates(random)) {
      expect(Result.isSuccess(Effect.runSync(Effect.result(readPlan(candidate))))).toBe(true)
    }
  }
})
