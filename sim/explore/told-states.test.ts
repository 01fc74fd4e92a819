/**
 * What a state that was told lacks without anybody's fault is recognised, and by nothing that a faulty server does: of each
 * kind the smallest plan, and the same with a mutant in it.
 */
import { describe, expect, test } from "vitest"
import type { Plan, PlanEntry } from "./plan.ts"
import { charlieJoins, planOf, shapeOfUnheard, shapesIn, withMutant } from "./testing/small-plans.ts"

/** Charlie comes when the key of Bob's server is not to be had, of that one or of another: Bob's join is dropped there. */
const keyUnheard = (forMs: number): Plan =>
  planOf(
    3,
    { id: "cut", atMs: 1_500, fault: { fault: "link-cut", between: [["s2", "s3"]] }, forMs },
    {
      id: "no-notary",
      atMs: 1_500,
      fault: { fault: "refused-endpoint", servers: ["s1"], endpoints: ["query"] },
      forMs,
    },
    charlieJoins,
  )

/**
 * Charlie's server loses its key while Alice's cannot reach it: she knows the old one. His new name, by the new one, is
 * dropped there, though she hears from Bob's of the keys that s4 had, which cannot reach Charlie's server either.
 */
const newKeyUnheard = (canVouch: boolean): Plan => {
  const cut = (id: string, between: readonly [string, string]): PlanEntry => ({
    id,
    atMs: 5_000,
    fault: { fault: "link-cut", between: [between] },
    forMs: 40_000,
  })
  const plan = planOf(
    4,
    charlieJoins,
    cut("cut", ["s1", "s3"]),
    ...(canVouch ? [] : [cut("cut-off", ["s3", "s4"])]),
    { id: "key", atMs: 6_000, fault: { fault: "key-loss", server: "s3" } },
    {
      id: "no-notary",
      atMs: 6_000,
      fault: { fault: "refused-endpoint", servers: ["s2"], endpoints: ["query"] },
      forMs: 40_000,
    },
    {
      id: "rename",
      atMs: 10_000,
      do: { act: "rename", user: "@charlie:s3", room: "r", displayName: "Chuck" },
    },
    { id: "say", atMs: 20_000, do: { act: "message", user: "@bob:s2", room: "r", count: 3 } },
  )
  const patient = { name: "s1", settings: { missingEventsLimit: 0, unfillableGap: "accept" } } as const
  return { ...plan, servers: [patient, ...plan.servers.slice(1)] }
}

/**
 * Charlie's server is refused the key of Bob's, drops his join, and so rejects what he does with power levels. By these it
 * rejects the name too, which is then no part of the state that it is told after a gap.
 */
const keyUnheardThenGap: Plan = {
  ...planOf(
    3,
    {
      id: "no-key",
      atMs: 1_500,
      fault: { fault: "refused-endpoint", servers: ["s2"], towards: ["s3"], endpoints: ["server"] },
      forMs: 30_000,
    },
    {
      id: "no-notary",
      atMs: 1_500,
      fault: { fault: "refused-endpoint", servers: ["s1"], towards: ["s3"], endpoints: ["query"] },
      forMs: 30_000,
    },
    charlieJoins,
    {
      id: "levels",
      atMs: 40_000,
      do: { act: "set-levels", user: "@bob:s2", room: "r", users: { "@charlie:s3": 25 } },
    },
    { id: "away", atMs: 45_000, fault: { fault: "isolation", servers: ["s3"] }, forMs: 8_000 },
    { id: "name", atMs: 46_000, do: { act: "set-name", user: "@bob:s2", room: "r", text: "ours" } },
    { id: "say", atMs: 47_000, do: { act: "message", user: "@bob:s2", room: "r", count: 3 } },
  ),
  servers: [
    { name: "s1" },
    { name: "s2" },
    { name: "s3", settings: { missingEventsLimit: 0, unfillableGap: "accept" } },
  ],
}

/**
 * Bob's server is told a state after a gap, and asks for the name in it: one bit of that is another, in its signature.
 * There is nobody but Alice's to ask again, whose answers are altered each time.
 */
const damaged: Plan = {
  ...planOf(
    2,
    { id: "cut", atMs: 5_000, fault: { fault: "isolation", servers: ["s2"] }, forMs: 10_000 },
    { id: "first", atMs: 5_500, do: { act: "message", user: "@alice:s1", room: "r" } },
    { id: "name", atMs: 6_000, do: { act: "set-name", user: "@alice:s1", room: "r", text: "ours" } },
    { id: "say", atMs: 7_000, do: { act: "message", user: "@alice:s1", room: "r", count: 3 } },
    { id: "bits", atMs: 8_000, fault: { fault: "reply-altered", share: 0.5, endpoints: ["event"] } },
  ),
  seed: 31,
  servers: [{ name: "s1" }, { name: "s2", settings: { missingEventsLimit: 0, unfillableGap: "accept" } }],
}

/**
 * Bob's server is told the state after a gap, with the name that was there before, by Alice's, which comes back on a backup
 * from before all of that. She leaves, and so it hears no more of it.
 */
const forgottenLie: Plan = {
  ...planOf(
    3,
    charlieJoins,
    { id: "mine", atMs: 4_000, do: { act: "set-name", user: "@alice:s1", room: "r", text: "mine" } },
    { id: "cut", atMs: 5_000, fault: { fault: "isolation", servers: ["s2"] }, forMs: 10_000 },
    { id: "backup", atMs: 5_250, fault: { fault: "store-rollback", server: "s1", afterMs: 25_000 } },
    { id: "first", atMs: 5_500, do: { act: "message", user: "@alice:s1", room: "r" } },
    { id: "ours", atMs: 6_000, do: { act: "set-name", user: "@alice:s1", room: "r", text: "ours" } },
    { id: "say", atMs: 7_000, do: { act: "message", user: "@alice:s1", room: "r", count: 3 } },
    { id: "lie", atMs: 7_000, fault: { fault: "stale-state", keysShare: 1, types: ["m.room.name"] } },
    { id: "leave", atMs: 40_000, do: { act: "leave", user: "@alice:s1", room: "r" } },
  ),
  servers: [
    { name: "s1" },
    { name: "s2", settings: { missingEventsLimit: 0, unfillableGap: "accept" } },
    { name: "s3" },
  ],
}

/**
 * Bob comes into a room that members of another may join, and his join is redacted before Charlie comes, of a third server:
 * that gets no other copy of it than the redacted one.
 */
const joinRedacted = (version: string): Plan => {
  const joins = (user: string, room: string, atMs: number): PlanEntry => ({
    id: `${user} ${room}`,
    atMs,
    do: { act: "join", user, room, via: ["s1"] },
  })
  return {
    ...planOf(3),
    entries: [
      { id: "club", atMs: 0, do: { act: "create", user: "@alice:s1", room: "club", version: "8" } },
      { id: "make", atMs: 500, do: { act: "create", user: "@alice:s1", room: "r", version } },
      {
        id: "rule",
        atMs: 1_000,
        do: { act: "set-join-rule", user: "@alice:s1", room: "r", rule: "restricted", allow: ["club"] },
      },
      joins("@bob:s2", "club", 1_500),
      joins("@charlie:s3", "club", 2_000),
      joins("@bob:s2", "r", 3_000),
      { id: "redact", atMs: 5_000, do: { act: "redact", user: "@alice:s1", room: "r", of: "@bob:s2 r" } },
      joins("@charlie:s3", "r", 10_000),
    ],
  }
}

describe("a state of an earlier time", () => {
  test("told by a server that has forgotten the event since", async () => {
    expect(await shapesIn(forgottenLie)).toEqual(["agree stale-state"])
    // As if it had told the truth, and Bob's server had made something else of it.
    expect(await shapeOfUnheard(forgottenLie)).toBeNull()
    const mutant = withMutant(forgottenLie, "s3", { user: "@bob:s2", atMs: 3_500 })
    expect(await shapesIn(mutant)).toEqual(["agree stale-state", "live null"])
  })
})

describe("what was told in vain", () => {
  test("a key that was not to be had for a while", async () => {
    expect(await shapesIn(keyUnheard(30_000))).toEqual(["agree unheard-key", "live unheard-departure"])
    expect(await shapesIn(keyUnheard(400))).toEqual([])
    // As if Charlie's server had left Bob's join out for no reason.
    expect(await shapeOfUnheard(keyUnheard(30_000))).toBeNull()
    const mutant = withMutant(keyUnheard(30_000), "s2", { user: "@alice:s1", atMs: 40_000 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
  })

  test("a key in the place of another, of which nobody told who was asked", async () => {
    expect(await shapesIn(newKeyUnheard(false))).toEqual(["agree unheard-key"])
    expect(await shapeOfUnheard(newKeyUnheard(false))).toBeNull()
    expect(await shapesIn(newKeyUnheard(true))).toEqual([])
    const mutant = withMutant(newKeyUnheard(false), "s2", { user: "@alice:s1", atMs: 4_000 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
  })

  test("and what was rejected for want of what is signed by it", async () => {
    expect(await shapesIn(keyUnheardThenGap)).toEqual(["agree unheard-key", "live unheard-departure"])
    expect(await shapeOfUnheard(keyUnheardThenGap)).toBeNull()
    const mutant = withMutant(keyUnheardThenGap, "s2", { user: "@alice:s1", atMs: 55_000 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
  })

  test("an event of a told state that did not come as it was said, nor when it was asked for again", async () => {
    expect(await shapesIn(damaged)).toEqual(["agree damaged-event"])
    // As if it had come whole, and Bob's server had dropped it.
    expect(await shapeOfUnheard(damaged)).toBeNull()
    // With another seed one of these comes as it was said.
    expect(await shapesIn({ ...damaged, seed: 7 })).toEqual([])
    const mutant = withMutant(damaged, "s1", { user: "@bob:s2", atMs: 4_000 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
  })

  test("a restricted join that is redacted, and does not keep who let it in", async () => {
    // Charlie's server does not know of Bob's, and so does not tell it what Charlie does.
    expect(await shapesIn(joinRedacted("8"))).toEqual(["agree redacted-join", "live unheard-departure"])
    expect(await shapesIn(joinRedacted("9"))).toEqual([])
    const mutant = withMutant(joinRedacted("8"), "s2", { user: "@alice:s1", atMs: 20_000 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
  })
})
