/** Time becomes less, and the order of what happens stays. */
import { expect, test } from "vitest"
import { makePlan } from "./make-plan.ts"
import type { Plan } from "./plan.ts"
import { gapsIn, withShorterTimes, withShortGaps } from "./shorter-times.ts"

const hi = (id: string, atMs: number): Plan["entries"][number] => ({
  id,
  atMs,
  do: { act: "message", user: "@a:s1", room: "r" },
})
const plan: Plan = {
  seed: 1,
  servers: [{ name: "s1" }, { name: "s2" }],
  users: ["@a:s1"],
  core: [],
  faultsMs: 90_000,
  entries: [
    hi("a", 1_500),
    hi("b", 2_000),
    hi("c", 9_000),
    { id: "cut", atMs: 20_000, fault: { fault: "isolation", servers: ["s2"] }, forMs: 30_000 },
    hi("d", 40_000),
    hi("e", 60_000),
  ],
}
const timesOf = ({ entries }: Plan) => entries.map(({ atMs }) => atMs)

test("all at once", () => {
  const candidates = withShorterTimes(plan)
  expect(timesOf(candidates[1]!)).toEqual([0, 1_000, 2_000, 3_000, 4_000, 6_000])
  expect(candidates[1]!.entries[3]).toMatchObject({ forMs: 2_000 })
  for (const { entries, faultsMs } of candidates) {
    expect(faultsMs).toBeLessThanOrEqual(plan.faultsMs)
    expect(entries).toEqual(entries.toSorted((a, b) => a.atMs - b.atMs))
  }
  let plainest = plan
  for (let next = candidates.at(-1); next !== undefined; next = withShorterTimes(plainest).at(-1))
    plainest = next
  expect(plainest.faultsMs).toBeLessThanOrEqual(8_000)
})

test("wait by wait: what comes later is brought forward, and other waits stay", () => {
  expect(gapsIn(plan)).toEqual([
    ...["a begins", "c begins", "cut begins", "d begins", "cut ends", "e begins", "all is healed"],
  ])
  const less = withShortGaps(plan, new Set(["c begins", "cut ends"]))
  expect(timesOf(less)).toEqual([1_500, 2_000, 3_000, 14_000, 34_000, 45_000])
  expect(less.entries[3]).toMatchObject({ forMs: 21_000 })
  expect(less.faultsMs).toBe(75_000)
  expect(gapsIn(withShortGaps(plan, new Set(gapsIn(plan))))).toEqual([])
})

test.each([1, 2, 3, 4, 5, 6])("of random plan %i no two things change their order", (seed) => {
  const random = makePlan(seed)
  const gaps = gapsIn(random).filter((_, at) => at % 2 === 0)
  const less = withShortGaps(random, new Set(gaps))
  expect(less.faultsMs).toBeLessThan(random.faultsMs)
  const rank = (of: Plan) => {
    const instants = [...new Set(timesOf(of))].sort((a, b) => a - b)
    return timesOf(of).map((ms) => instants.indexOf(ms))
  }
  expect(rank(less)).toEqual(rank(random))
  expect(gapsIn(less).filter((gap) => gaps.includes(gap))).toEqual([])
})
