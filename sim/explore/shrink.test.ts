/** A plan is made as small as it can be while it still fails, and the result does not depend on how many try. */
import { Effect, Result } from "effect"
import { describe, expect, test } from "vitest"
import { makePlan } from "./make-plan.ts"
import { isAction, isFault, type Plan, type PlanEntry, readPlan } from "./plan.ts"
import { failsFor, reasonOf } from "./reason.ts"
import { shrinkPlan } from "./shrink.ts"

const answer = { steps: 1, idle: [] }

const shrinkWhile = async (plan: Plan, fails: (plan: Plan) => boolean, parallel = 2) => {
  let tried = 0
  const smallest = await shrinkPlan(plan, {
    ask: async (smaller) => {
      tried += 1
      return fails(smaller) ? answer : undefined
    },
    first: answer,
    parallel,
    isOver: () => false,
    onSmaller: () => undefined,
  })
  return { smallest, tried }
}

/** Fails as long as somebody kicks and a fault is there, whatever else. */
const kicksUnderLoss = ({ entries }: Plan): boolean =>
  entries.some((entry) => isAction(entry) && entry.do.act === "kick") &&
  entries.some((entry) => isFault(entry) && entry.fault.fault === "loss")

const base = makePlan(4, { faults: ["loss", "crash", "partition"] })
const kick: PlanEntry = {
  id: "kick",
  atMs: 90_000,
  do: { act: "kick", user: base.users[0]!, room: "r1", target: base.users[1]! },
}
const failing: Plan = { ...base, entries: [...base.entries, kick].toSorted((a, b) => a.atMs - b.atMs) }

describe("shrinking", () => {
  test("leaves what the failure needs, and makes that simple", async () => {
    const { smallest } = await shrinkWhile(failing, kicksUnderLoss)
    expect(smallest.entries).toHaveLength(2)
    expect(smallest.servers.length).toBeLessThanOrEqual(2)
    expect(smallest.core).toEqual([])
    expect(smallest.entries.filter(isFault).map(({ fault }) => Object.keys(fault).sort())).toEqual([
      ["fault", "id"],
    ])
    expect(Result.isSuccess(Effect.runSync(Effect.result(readPlan(smallest))))).toBe(true)
  })

  test("comes to the same however many plans are tried at once", async () => {
    const one = await shrinkWhile(failing, kicksUnderLoss, 1)
    const four = await shrinkWhile(failing, kicksUnderLoss, 4)
    expect(four.smallest).toEqual(one.smallest)
  })

  test("leaves a plan alone that fails only as it is", async () => {
    const { options: _, ...bare } = failing
    const text = JSON.stringify(bare)
    expect((await shrinkWhile(failing, (plan) => JSON.stringify(plan) === text)).smallest).toEqual(bare)
  })

  test("takes no notice of a candidate that is what there is already", async () => {
    const again = { ...failing, servers: failing.servers.map((server) => ({ ...server, settings: {} })) }
    const { smallest, tried } = await shrinkWhile(again, () => true)
    expect(smallest.entries).toEqual([])
    expect(tried).toBeLessThan(100)
  })

  test("leaves out what was refused with each step, in one try", async () => {
    const isOfUse = ({ id }: PlanEntry) => id === "kick" || id.startsWith("loss") || id.startsWith("make")
    const { entries } = await shrinkPlan(failing, {
      ask: async (plan) => {
        const [first] = plan.entries.filter(isOfUse)
        return kicksUnderLoss(plan)
          ? {
              steps: 1,
              idle: plan.entries.filter((entry) => entry !== first && !isOfUse(entry)).map(({ id }) => id),
            }
          : undefined
      },
      first: answer,
      parallel: 1,
      isOver: () => false,
      onSmaller: () => undefined,
    })
    expect(entries).toHaveLength(2)
  })

  test("leaves what is set on servers as long as fewer events come of it", async () => {
    const talk: PlanEntry = {
      id: "talk",
      atMs: 95_000,
      do: { act: "message", user: base.users[0]!, room: "r1", count: 12 },
    }
    /** Who asks for ten events at once is told a lie only behind a gap of more. */
    const liesBehindGap = ({ servers, entries }: Plan): boolean => {
      const limit = Math.max(0, ...servers.map(({ settings }) => settings?.missingEventsLimit ?? 10))
      return entries.some(
        (entry) => isAction(entry) && entry.do.act === "message" && (entry.do.count ?? 1) > limit,
      )
    }
    const { smallest } = await shrinkWhile({ ...base, entries: [...base.entries, talk] }, liesBehindGap)
    expect(smallest.entries.filter(isAction).map(({ do: action }) => action)).toEqual([
      expect.not.objectContaining({ count: expect.anything() }),
    ])
  })

  test("takes other draws where the plan's own need what others do not", async () => {
    const needsMessage = ({ seed, entries }: Plan): boolean =>
      seed !== base.seed || entries.some((entry) => isAction(entry) && entry.do.act === "message")
    const talk: PlanEntry = {
      id: "talk",
      atMs: 95_000,
      do: { act: "message", user: base.users[0]!, room: "r1" },
    }
    const few = failing.entries.filter(({ id }, at) => at % 4 === 0 || id === "kick" || id.startsWith("loss"))
    const talking = { ...failing, entries: [...few, talk] }
    const { smallest } = await shrinkWhile(talking, (plan) => kicksUnderLoss(plan) && needsMessage(plan))
    expect(smallest.entries).toHaveLength(2)
    expect(smallest.seed).not.toBe(base.seed)
  })

  test("never tries a plan twice, nor one that cannot be read", async () => {
    const seen = new Set<string>()
    await shrinkWhile(
      failing,
      (plan) => {
        const text = JSON.stringify(plan)
        expect(seen.has(text)).toBe(false)
        seen.add(text)
        expect(Result.isSuccess(Effect.runSync(Effect.result(readPlan(plan))))).toBe(true)
        return kicksUnderLoss(plan)
      },
      1,
    )
  })
})

test("a reason is the same whatever the ids, names and counts", () => {
  const said = (why: string) => reasonOf({ check: "durability", why, shape: null })
  expect(said("s1 has acknowledged $abc, and does not hold it")).toBe(
    said("s2 has acknowledged $xyz, and does not hold it, and 3 more"),
  )
  expect(said("the transaction cNbUPJCR-pCtkMC-W1D2E of s1 was taken in twice")).toBe(
    said("the transaction -_7ugfQbPAxpdvoPZjXqTBR of s3 was taken in twice"),
  )
  expect(said("rule 4.3: join_authorised_via_users_server may not invite")).toBe(
    said("rule 5.3.1: join_authorised_via_users_server may not invite"),
  )
  expect(said("a")).not.toBe(said("b"))
})

test("servers that stand apart do so for one of three reasons, the first of which is why the others are", () => {
  const said = (why: string) => reasonOf({ check: "live", why, shape: "gap-in-history" })
  const missing = "!r:s1: s1 misses 3 events that others hold, $a of s2 for one."
  const unsent = "!r:s1: s2 has 1 events and 0 EDUs for s1, after 9 failures."
  expect(said(`${unsent} ${missing}`)).toBe(said(missing))
  expect(said(unsent)).not.toBe(said(missing))
  expect(said("!r:s1: s1 waits for /state_ids of s2.")).not.toBe(said(missing))
})

test("what a run says before it is cut off does not count, unless that it goes on is the reason", () => {
  const failures = [
    { check: "live", reason: "live" },
    { check: "comes-to-an-end", reason: "comes-to-an-end | steps" },
  ]
  expect(failsFor("live", failures)).toBe(false)
  expect(failsFor("live", failures.slice(0, 1))).toBe(true)
  expect(failsFor("comes-to-an-end | steps", failures)).toBe(true)
})
