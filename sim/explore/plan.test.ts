/** A plan is data that a file may hold: what it says that no plan says is refused in one line, and draws are keyed. */
import { Effect } from "effect"
import { describe, expect, test } from "vitest"
import { makePlan } from "./make-plan.ts"
import { isAction, isFault, type Plan, readPlan } from "./plan.ts"

const read = (json: unknown) => Effect.runSync(Effect.result(readPlan(json)))
const problem = (json: unknown): string => {
  const result = read(json)
  return result._tag === "Failure" ? result.failure.message : "none"
}

const small: Plan = {
  seed: 1,
  servers: [{ name: "s1" }, { name: "s2", roomVersions: ["10"], settings: { missingEventsLimit: 2 } }],
  users: ["@alice:s1", "@bob:s2"],
  core: ["s1"],
  faultsMs: 60_000,
  entries: [
    { id: "make", atMs: 0, do: { act: "create", user: "@alice:s1", room: "r", version: "10" } },
    { id: "cut", atMs: 5_000, fault: { fault: "partition", groups: [["s1"], ["s2"]] }, forMs: 1_000 },
  ],
}
const withEntry = (entry: unknown) => ({ ...small, entries: [entry] })

describe("a plan in a file", () => {
  test("is read as it was written", () => {
    expect(read(JSON.parse(JSON.stringify(small)))).toMatchObject({ _tag: "Success", success: small })
  })

  test.each<[string, unknown, string]>([
    ["a field that no plan has", { ...small, sead: 2 }, "sead"],
    [
      "a setting that no server has",
      { ...small, servers: [{ name: "s1", settings: { speed: 1 } }] },
      "speed",
    ],
    [
      "a mutant that is none",
      { ...small, servers: [{ name: "s1", mutant: "stale-states" }, { name: "s2" }] },
      "there is no mutant stale-states: did you mean stale-state?",
    ],
    [
      "an unknown action",
      withEntry({ id: "a", atMs: 0, do: { act: "dance", user: "@bob:s2" } }),
      'no action "dance"',
    ],
    [
      "a field that an action does not have",
      withEntry({ id: "a", atMs: 0, do: { act: "leave", user: "@bob:s2", room: "r", loudly: true } }),
      "loudly",
    ],
    ["an unknown fault", withEntry({ id: "f", atMs: 0, fault: { fault: "rain" } }), 'no fault "rain"'],
    ["a fault's field", withEntry({ id: "f", atMs: 0, fault: { fault: "loss", shore: 1 } }), "shore"],
    ["a time before the start", withEntry({ id: "f", atMs: -1, fault: { fault: "loss" } }), "atMs"],
    ["an entry of neither kind", withEntry({ id: "x", atMs: 0 }), "entry x"],
    [
      "two entries of one id",
      { ...small, entries: [small.entries[0], small.entries[0]] },
      "two entries have the id make",
    ],
    [
      "a user who is not there",
      withEntry({ id: "a", atMs: 0, do: { act: "leave", user: "@eve:s2", room: "r" } }),
      "there is no user @eve:s2",
    ],
    [
      "a user of no server",
      { ...small, users: [...small.users, "@eve:s9"] },
      "@eve:s9 is a user of no server",
    ],
    [
      "a server that a fault names",
      withEntry({ id: "f", atMs: 0, fault: { fault: "crash", server: "s9" } }),
      "no server s9",
    ],
    ["a core of strangers", { ...small, core: ["s9"] }, "s9"],
    ["a room version that there is not", { ...small, servers: [{ name: "s1", roomVersions: ["99"] }] }, "99"],
  ])("is refused, in one line, for %s", (_, json, why) => {
    expect(problem({ users: small.users, ...(json as object) })).toContain(why)
    expect(problem(json)).not.toContain("\n")
  })
})

describe("a random plan", () => {
  test("can be written and read, for any seed", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const plan = makePlan(seed, { hostile: true })
      expect(problem(JSON.parse(JSON.stringify(plan)))).toBe("none")
    }
  })

  test("is the same for one seed, and another for another", () => {
    expect(makePlan(7)).toEqual(makePlan(7))
    expect(makePlan(8).entries).not.toEqual(makePlan(7).entries)
  })

  test("says what it was drawn from, and keeps to it", () => {
    const plan = makePlan(3, { roomVersions: ["6", "11"], faults: ["loss"] })
    const acts = Object.keys(plan.options?.actions ?? {})
    for (const entry of plan.entries) {
      if (isFault(entry)) expect(entry.fault.fault).toBe("loss")
      else if (entry.id.startsWith("a")) expect(acts).toContain(entry.do.act)
      if (isAction(entry) && entry.do.act === "create") expect(["6", "11"]).toContain(entry.do.version)
    }
  })

  test("has moments in which several are at one thing", () => {
    const crowded = (plan: Plan): boolean =>
      plan.entries.filter(isAction).some((entry, _, all) => {
        const close = all.filter(
          (other) => other.do.act === entry.do.act && Math.abs(other.atMs - entry.atMs) < 2_000,
        )
        return entry.id.startsWith("a") && new Set(close.map((other) => other.do.user)).size >= 3
      })
    const plans = Array.from({ length: 60 }, (_, seed) => makePlan(seed))
    const withMoments = plans.filter(({ options }) => options?.momentShare !== 0)
    expect(withMoments.filter(crowded).length).toBeGreaterThan(withMoments.length / 4)
  })

  test("draws each entry by itself: other faults, fewer servers of them, change no action", () => {
    const actions = (plan: Plan) => plan.entries.filter(isAction)
    expect(actions(makePlan(5, { faults: [] }))).toEqual(actions(makePlan(5, { faults: ["loss", "crash"] })))
    const withLoss = makePlan(5, { faults: ["loss"] }).entries.filter(isFault)
    const withMore = makePlan(5, { faults: ["crash", "loss"] }).entries.filter(isFault)
    expect(withMore.filter(({ fault }) => fault.fault === "loss")).toEqual(withLoss)
  })

  test("has honest servers unless it is asked for others", () => {
    const isHostile = (plan: Plan) => plan.options?.faults.includes("hostile-event")
    const seeds = Array.from({ length: 60 }, (_, seed) => seed)
    expect(seeds.some((seed) => isHostile(makePlan(seed)))).toBe(false)
    expect(seeds.some((seed) => isHostile(makePlan(seed, { hostile: true })))).toBe(true)
  })
})
