/**
 * What keeps servers apart without anybody's fault is recognised, and by nothing that a faulty server does: of each kind
 * the smallest plan, and the same with a mutant in it.
 */
import { describe, expect, test } from "vitest"
import type { Plan, PlanEntry } from "./plan.ts"
import { runPlan } from "./run-plan.ts"
import { charlieJoins, planOf, shapeOfUnheard, shapesIn, withMutant } from "./testing/small-plans.ts"

/** S15: Bob's last word comes while nobody can be asked for what it builds on, and he says nothing more. */
const outage = planOf(
  2,
  { id: "cut", atMs: 5_000, fault: { fault: "link-cut", between: [["s1", "s2"]] }, forMs: 5_000 },
  { id: "unheard", atMs: 6_000, do: { act: "message", user: "@bob:s2", room: "r", count: 3 } },
  {
    id: "mute",
    atMs: 6_500,
    fault: {
      fault: "refused-endpoint",
      servers: ["s2"],
      endpoints: ["get_missing_events", "state_ids", "state", "event"],
    },
  },
  { id: "leave", atMs: 7_000, do: { act: "leave", user: "@bob:s2", room: "r" } },
)

/**
 * The same, of a room of version 1 in which Charlie redacts his own redaction meanwhile: what is left of that names no event,
 * so Bob's server rejects it (rule 11.3). That is no reason why states differ.
 */
const outageOverRedaction: Plan = {
  ...outage,
  servers: ["s1", "s2", "s3"].map((name) => ({ name })),
  users: [...outage.users, "@charlie:s3"],
  entries: [
    ...outage.entries.map((entry): PlanEntry => {
      if ("do" in entry && entry.do.act === "create") return { ...entry, do: { ...entry.do, version: "1" } }
      return entry.id === "cut" ? { ...entry, fault: { fault: "isolation", servers: ["s2"] } } : entry
    }),
    charlieJoins,
    { id: "away", atMs: 2_500, fault: { fault: "isolation", servers: ["s2"] }, forMs: 1_500 } as const,
    { id: "word", atMs: 2_700, do: { act: "message", user: "@charlie:s3", room: "r" } } as const,
    { id: "unsay", atMs: 2_900, do: { act: "redact", user: "@charlie:s3", room: "r", of: "word" } } as const,
    { id: "again", atMs: 3_100, do: { act: "redact", user: "@charlie:s3", room: "r", of: "unsay" } } as const,
    { id: "seen", atMs: 4_500, do: { act: "message", user: "@charlie:s3", room: "r" } } as const,
  ].toSorted((a, b) => a.atMs - b.atMs),
}

/**
 * S16: Bob and Dan are removed while theirs is cut off. He comes back there, they leave, and Alice's hears of that first:
 * he has nothing to leave. Then it fetches what was before, by which he is there.
 */
const softFailed: Plan = {
  ...planOf(
    2,
    { id: "dan", atMs: 2_000, do: { act: "join", user: "@dan:s2", room: "r", via: ["s1"] } },
    { id: "cut", atMs: 5_000, fault: { fault: "link-cut", between: [["s1", "s2"]] }, forMs: 30_000 },
    { id: "kick-bob", atMs: 6_000, do: { act: "kick", user: "@alice:s1", room: "r", target: "@bob:s2" } },
    { id: "kick-dan", atMs: 7_000, do: { act: "kick", user: "@alice:s1", room: "r", target: "@dan:s2" } },
    { id: "go", atMs: 8_000, do: { act: "leave", user: "@bob:s2", room: "r" } },
    { id: "come", atMs: 9_000, do: { act: "join", user: "@bob:s2", room: "r", via: ["s2"] } },
    { id: "say", atMs: 10_000, do: { act: "message", user: "@dan:s2", room: "r", count: 4 } },
    { id: "dan-goes", atMs: 11_000, do: { act: "leave", user: "@dan:s2", room: "r" } },
    { id: "bob-goes", atMs: 12_000, do: { act: "leave", user: "@bob:s2", room: "r" } },
  ),
  servers: [{ name: "s1", settings: { missingEventsLimit: 2 } }, { name: "s2" }],
  users: ["@alice:s1", "@bob:s2", "@dan:s2"],
}

/**
 * S16 and S04: Bob, whom Alice bans, kicks Charlie before that is heard of. Hers soft-fails the kick and what Bob did then, which
 * nobody tells Charlie's: there it stands, and where it meets the ban, in a room that nobody can join any more, he is nobody.
 */
const kickedByBanned = planOf(
  3,
  charlieJoins,
  { id: "cut", atMs: 3_000, fault: { fault: "isolation", servers: ["s1"] }, forMs: 20_000 },
  { id: "kick", atMs: 4_000, do: { act: "kick", user: "@bob:s2", room: "r", target: "@charlie:s3" } },
  { id: "untold", atMs: 5_000, do: { act: "set-join-rule", user: "@bob:s2", room: "r", rule: "invite" } },
  { id: "close", atMs: 6_000, do: { act: "set-join-rule", user: "@alice:s1", room: "r", rule: "invite" } },
  { id: "ban", atMs: 7_000, do: { act: "ban", user: "@alice:s1", room: "r", target: "@bob:s2" } },
)

/** Bob's last leave is soft-failed, and nobody builds on it, where Alice's server reads a state that is no more. */
const comesAndGoes = (mutant: "honest" | "stale-state"): Plan => ({
  ...planOf(
    2,
    { id: "goes", atMs: 5_000, do: { act: "leave", user: "@bob:s2", room: "r" } },
    { id: "comes", atMs: 6_000, do: { act: "join", user: "@bob:s2", room: "r", via: ["s1"] } },
    { id: "goes-again", atMs: 7_000, do: { act: "leave", user: "@bob:s2", room: "r" } },
  ),
  servers: [mutant === "honest" ? { name: "s1" } : { name: "s1", mutant }, { name: "s2" }],
})

/** S19: Bob leaves while his server is denied by the list of Alice's, which is lifted again. */
const island = planOf(
  2,
  { id: "deny", atMs: 5_000, do: { act: "set-acl", user: "@alice:s1", room: "r", deny: ["s2"] } },
  { id: "leave", atMs: 7_000, do: { act: "leave", user: "@bob:s2", room: "r" } },
  { id: "allow", atMs: 9_000, do: { act: "set-acl", user: "@alice:s1", room: "r", deny: [] } },
)

/** Alice bans Charlie, of whose join by way of Bob's server she has not heard: hers owes Charlie's server nothing. */
const departure = planOf(
  3,
  { id: "cut", atMs: 2_000, fault: { fault: "isolation", servers: ["s1"] }, forMs: 20_000 },
  { id: "charlie", atMs: 3_000, do: { act: "join", user: "@charlie:s3", room: "r", via: ["s2"] } },
  { id: "ban", atMs: 4_000, do: { act: "ban", user: "@alice:s1", room: "r", target: "@charlie:s3" } },
)

/** S18: Charlie comes when Bob's server has another key than it signed by, and nobody vouches for that one. */
const keyGone = (fault: "key-loss" | "key-rotation"): Plan =>
  planOf(
    3,
    { id: "key", atMs: 5_000, fault: { fault, server: "s2" } },
    {
      id: "no-notary",
      atMs: 5_000,
      fault: { fault: "refused-endpoint", servers: ["s1", "s2"], endpoints: ["query"] },
    },
    { ...charlieJoins, atMs: 20_000 },
  )

/** Bob's server is cut off while the topic changes, and then asks for the state: of each key it is told an earlier event. */
const stale: Plan = {
  ...planOf(
    2,
    { id: "first", atMs: 3_000, do: { act: "set-topic", user: "@alice:s1", room: "r", text: "first" } },
    { id: "cut", atMs: 5_000, fault: { fault: "isolation", servers: ["s2"] }, forMs: 10_000 },
    { id: "then", atMs: 6_000, do: { act: "set-topic", user: "@alice:s1", room: "r", text: "second" } },
    { id: "say", atMs: 7_000, do: { act: "message", user: "@alice:s1", room: "r", count: 3 } },
    { id: "lie", atMs: 8_000, fault: { fault: "stale-state", keysShare: 1 } },
  ),
  servers: [{ name: "s1" }, { name: "s2", settings: { missingEventsLimit: 0, unfillableGap: "accept" } }],
}

describe("what is nobody's fault", () => {
  test("S15, an outage orphan", async () => {
    expect(await shapesIn(outage)).toEqual(["agree outage-orphan", "live outage-orphan"])
    expect(await shapesIn(outageOverRedaction)).toEqual(["agree outage-orphan", "live outage-orphan"])
    const mutant = withMutant(outage, "s1", { user: "@bob:s2", atMs: 4_000 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
  })

  test("S16, what a server soft-failed and nobody builds on", async () => {
    expect(await shapesIn(softFailed)).toEqual(["agree soft-failed-branch"])
    expect(await shapesIn(kickedByBanned)).toEqual(["agree soft-failed-branch"])
    const mutant = withMutant(kickedByBanned, "s3", { user: "@alice:s1", atMs: 7_500 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
    expect(await shapesIn(comesAndGoes("honest"))).toEqual([])
    expect(await shapesIn(comesAndGoes("stale-state"))).toEqual(["agree null", "verdicts null"])
  })

  test("S19, an island that an ACL made", async () => {
    expect(await shapesIn(island)).toEqual(["agree acl-island", "live acl-island"])
    const mutant = withMutant(island, "s1", { user: "@bob:s2", atMs: 4_000 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
  })

  test("a departure of which a server has not heard", async () => {
    expect(await shapesIn(departure)).toEqual(["agree unheard-departure", "live unheard-departure"])
    const mutant = withMutant(departure, "s3", { user: "@bob:s2", atMs: 3_500 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
  })

  test("S18, a key that is gone", async () => {
    expect(await shapesIn(keyGone("key-loss"))).toEqual(["agree lost-key", "live unheard-departure"])
    expect(await shapesIn(keyGone("key-rotation"))).toEqual([])
    const mutant = withMutant(keyGone("key-rotation"), "s1", { user: "@bob:s2", atMs: 4_000 })
    expect(await shapesIn(mutant)).toEqual(["live null"])
  })

  test("S01 and S02 begin so: a stale state was told", async () => {
    const { failures } = await runPlan(stale, { transport: "direct" })
    expect(failures.map(({ check, shape }) => `${check} ${shape}`)).toEqual(["agree stale-state"])
    // As if the server that told it had said so itself.
    expect(await shapeOfUnheard(stale)).toBeNull()
  })

  test("so it is where a server that is hostile otherwise told it", async () => {
    const hostile: PlanEntry = {
      id: "hostile",
      atMs: 20_000,
      fault: { fault: "hostile-event", server: "s1", times: 1 },
    }
    const plan = {
      ...stale,
      entries: [...stale.entries, charlieJoins, hostile].toSorted((a, b) => a.atMs - b.atMs),
    }
    const servers = [...stale.servers, { name: "s3" }]
    expect(await shapesIn({ ...plan, servers, users: [...stale.users, "@charlie:s3"] })).toEqual([
      "agree stale-state",
    ])
  })
})
