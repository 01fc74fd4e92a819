/** Why servers lack what others hold is seen by what became of it, and where a server made it up there is no reason. */
import { describe, expect, test } from "vitest"
import type { CheckedWorld } from "../checks/check.ts"
import { Overheard } from "./overheard.ts"
import { roomIdsOf } from "./participants.ts"
import type { Plan, PlanEntry } from "./plan.ts"
import { runPlan } from "./run-plan.ts"
import { lacksIn } from "./standing.ts"
import { charlieJoins, planOf, shapesIn, withMutant } from "./testing/small-plans.ts"

/**
 * S15 among those who are left: Charlie's server hears the end of what Alice said, and the rest it is refused. He goes on,
 * Alice's server goes away, and Bob's, which was away before, is told the end of that by a server that lacks the middle.
 */
const lostPast: Plan = {
  ...planOf(
    3,
    charlieJoins,
    { id: "away", atMs: 5_000, fault: { fault: "isolation", servers: ["s2"] } },
    { id: "cut", atMs: 5_000, fault: { fault: "link-cut", between: [["s1", "s3"]] }, forMs: 5_000 },
    { id: "first", atMs: 5_500, do: { act: "message", user: "@charlie:s3", room: "r", count: 1 } },
    { id: "unheard", atMs: 6_000, do: { act: "message", user: "@alice:s1", room: "r", count: 6 } },
    {
      id: "mute",
      atMs: 6_500,
      fault: { fault: "refused-endpoint", servers: ["s1"], endpoints: ["backfill"] },
    },
    { id: "go-on", atMs: 20_000, do: { act: "message", user: "@charlie:s3", room: "r", count: 4 } },
  ),
  seed: 2,
  servers: ["s1", "s2", "s3"].map((name) => ({ name, settings: { missingEventsLimit: 1 } })),
  core: ["s2", "s3"],
}

/**
 * S15, and the past ends where who holds it came in: Bob speaks before he hears that Charlie has joined, and goes on when
 * he has. Charlie's server, which was cut off, drops the first of that and is told the end. All before it begins with Bob's join, and what was
 * before that only Alice's server could tell, which is away.
 */
const pastBeforeJoin: Plan = {
  ...planOf(
    3,
    { id: "deaf", atMs: 1_500, fault: { fault: "isolation", servers: ["s2"] }, forMs: 8_500 },
    charlieJoins,
    { id: "early", atMs: 3_000, do: { act: "message", user: "@bob:s2", room: "r", count: 1 } },
    { id: "away", atMs: 5_000, fault: { fault: "isolation", servers: ["s1"] } },
    { id: "hello", atMs: 20_000, do: { act: "message", user: "@charlie:s3", room: "r", count: 1 } },
    { id: "cut", atMs: 25_000, fault: { fault: "link-cut", between: [["s2", "s3"]] }, forMs: 10_000 },
    {
      id: "mute",
      atMs: 25_000,
      fault: { fault: "refused-endpoint", servers: ["s2"], endpoints: ["state_ids"] },
      forMs: 16_850,
    },
    { id: "go-on", atMs: 26_000, do: { act: "message", user: "@bob:s2", room: "r", count: 6 } },
  ),
  servers: ["s1", "s2", "s3"].map((name) => ({ name, settings: { missingEventsLimit: 1 } })),
  core: ["s2", "s3"],
}

/**
 * S18, for good by a word that is taken back: Bob's server, whose clock is ahead, signs with a key that by its own word had
 * expired by then, and has told so. Then it signs with that key once more, and says that it expired later.
 */
const expiredOnce = planOf(
  3,
  charlieJoins,
  { id: "ahead", atMs: 4_500, fault: { fault: "clock-skew", servers: ["s2"], aheadMs: 3_000 } },
  { id: "cut", atMs: 5_000, fault: { fault: "isolation", servers: ["s2"] }, forMs: 5_000 },
  { id: "cloned", atMs: 5_000, fault: { fault: "key-reuse", server: "s2", of: "s1" }, forMs: 1_000 },
  { id: "say", atMs: 5_500, do: { act: "message", user: "@bob:s2", room: "r", count: 1 } },
  { id: "go-on", atMs: 7_000, do: { act: "message", user: "@bob:s2", room: "r", count: 4 } },
  { id: "again", atMs: 30_000, fault: { fault: "key-reuse", server: "s2", of: "s1" }, forMs: 5_000 },
)

/**
 * S15 by a key: Bob's server cannot hear of the one that Charlie's has in the place of another, and asks ever more rarely.
 * What Alice says in the end on top of what he said, when it could hear of that from her server, comes within its wait.
 */
const keyAwaited: Plan = {
  ...planOf(
    3,
    charlieJoins,
    { id: "cut", atMs: 5_000, fault: { fault: "link-cut", between: [["s2", "s3"]] } },
    {
      id: "no-notary",
      atMs: 5_000,
      fault: { fault: "refused-endpoint", servers: ["s1"], endpoints: ["query"] },
    },
    { id: "key", atMs: 6_000, fault: { fault: "key-loss", server: "s3" } },
    ...[10_000, 12_500, 16_000, 22_000, 32_000, 50_000, 83_000].flatMap((atMs, at): readonly PlanEntry[] => [
      { id: `say-${at}`, atMs, do: { act: "message", user: "@charlie:s3", room: "r" } },
      { id: `answer-${at}`, atMs: atMs + 500, do: { act: "message", user: "@alice:s1", room: "r" } },
    ]),
    { id: "last", atMs: 84_500, do: { act: "message", user: "@charlie:s3", room: "r" } },
  ),
  servers: [{ name: "s1" }, { name: "s2", settings: { missingEventsLimit: 1 } }, { name: "s3" }],
  core: ["s1", "s2"],
  faultsMs: 85_000,
}

/** Charlie comes back, his server is not answered, and nobody may say anything that would bring his join to it. */
const joinUnanswered = (share: number): Plan =>
  planOf(
    3,
    charlieJoins,
    {
      id: "silence",
      atMs: 5_000,
      do: {
        act: "set-levels",
        user: "@alice:s1",
        room: "r",
        users: { "@alice:s1": 0, "@bob:s2": 0 },
        asked: { events_default: 50 },
      },
    },
    { id: "leave", atMs: 6_000, do: { act: "leave", user: "@charlie:s3", room: "r" } },
    { id: "lost", atMs: 7_000, fault: { fault: "reply-loss", endpoints: ["send_join"], share } },
    { id: "back", atMs: 8_000, do: { act: "join", user: "@charlie:s3", room: "r", via: ["s1"] } },
  )

/** Why Bob's server lacks what it does when the core was whole, as if nobody had asked for anything in vain. */
const reasonsUnheard = async (plan: Plan): Promise<ReadonlySet<string | null>> => {
  const reasons = new Set<string | null>()
  const onEnd = (world: CheckedWorld): void => {
    const [roomId] = roomIdsOf(world.servers.values())
    const within = plan.core.flatMap((name) => world.servers.get(name) ?? [])
    const { servers: everybody, rolledBack } = world
    const judged = { participants: within, within, everybody, rolledBack, overheard: new Overheard(world) }
    for (const [{ server }, reason] of lacksIn(judged, roomId!)) if (server === "s2") reasons.add(reason)
  }
  const lookFor = { check: "core-live", isIt: () => true }
  await runPlan(plan, { transport: "direct", onEnd, lookFor })
  return reasons
}

/**
 * Alice bans Charlie, of whose join she has not heard, and removes Bob. His server hears of both, and comes back on a
 * backup; Charlie's, which hears of neither, takes it to be in the room.
 */
const forgotten = planOf(
  3,
  { id: "cut", atMs: 2_000, fault: { fault: "isolation", servers: ["s1"] }, forMs: 20_000 },
  { id: "charlie", atMs: 3_000, do: { act: "join", user: "@charlie:s3", room: "r", via: ["s2"] } },
  { id: "ban", atMs: 4_000, do: { act: "ban", user: "@alice:s1", room: "r", target: "@charlie:s3" } },
  { id: "kick", atMs: 5_000, do: { act: "kick", user: "@alice:s1", room: "r", target: "@bob:s2" } },
  { id: "backup", atMs: 10_000, fault: { fault: "store-rollback", server: "s2", afterMs: 40_000 } },
)

/** Bob's server comes back on a backup of before Alice took the word from all, and so nobody says anything on top of that. */
const forgottenEnd = planOf(
  2,
  { id: "backup", atMs: 4_000, fault: { fault: "store-rollback", server: "s2", afterMs: 20_000 } },
  {
    id: "silence",
    atMs: 5_000,
    do: {
      act: "set-levels",
      user: "@alice:s1",
      room: "r",
      users: { "@alice:s1": 0, "@bob:s2": 0 },
      asked: { events_default: 50 },
    },
  },
)

/**
 * Bob's server has forgotten what Charlie said, and is cut off while Alice builds on it and takes the word from all: hers,
 * which would tell it of that, goes away.
 */
const builtOnUnheard: Plan = {
  ...planOf(
    3,
    charlieJoins,
    {
      id: "trust",
      atMs: 3_000,
      do: { act: "set-levels", user: "@alice:s1", room: "r", users: { "@charlie:s3": 50 } },
    },
    { id: "backup", atMs: 4_000, fault: { fault: "store-rollback", server: "s2", afterMs: 6_000 } },
    { id: "say", atMs: 5_000, do: { act: "message", user: "@charlie:s3", room: "r" } },
    { id: "cut", atMs: 12_000, fault: { fault: "isolation", servers: ["s2"] } },
    {
      id: "silence",
      atMs: 15_000,
      do: {
        act: "set-levels",
        user: "@alice:s1",
        room: "r",
        users: { "@alice:s1": 0, "@bob:s2": 0, "@charlie:s3": 0 },
        asked: { events_default: 50 },
      },
    },
  ),
  core: ["s2", "s3"],
}

/**
 * Bob's server has forgotten what he said, and hears of that again from Alice's, which removes him and goes away. Charlie's
 * was cut off: nobody tells it what Bob said.
 */
const heardAgain: Plan = {
  ...planOf(
    3,
    charlieJoins,
    { id: "backup", atMs: 4_000, fault: { fault: "store-rollback", server: "s2", afterMs: 6_000 } },
    { id: "cut", atMs: 4_500, fault: { fault: "isolation", servers: ["s3"] } },
    { id: "say", atMs: 5_000, do: { act: "message", user: "@bob:s2", room: "r", count: 2 } },
    { id: "answer", atMs: 15_000, do: { act: "message", user: "@alice:s1", room: "r" } },
    { id: "ban", atMs: 20_000, do: { act: "ban", user: "@alice:s1", room: "r", target: "@bob:s2" } },
  ),
  core: ["s2", "s3"],
}

/**
 * Charlie's server is told a state without Alice and rejects her power levels, and with these that Bob leaves and knocks.
 * So it takes his server to be in the room, which Alice's, where he knocked, owes nothing.
 */
const rejectedKnock: Plan = {
  ...planOf(
    3,
    charlieJoins,
    {
      id: "rule",
      atMs: 3_000,
      do: { act: "set-join-rule", user: "@alice:s1", room: "r", rule: "knock" },
    },
    { id: "cut", atMs: 5_000, fault: { fault: "isolation", servers: ["s3"] }, forMs: 10_000 },
    { id: "say", atMs: 6_000, do: { act: "message", user: "@alice:s1", room: "r", count: 3 } },
    {
      id: "levels",
      atMs: 7_000,
      do: { act: "set-levels", user: "@alice:s1", room: "r", users: { "@bob:s2": 25 } },
    },
    { id: "holes", atMs: 8_000, fault: { fault: "holed-state", keysShare: 0.5, types: ["m.room.member"] } },
    { id: "leave", atMs: 30_000, do: { act: "leave", user: "@bob:s2", room: "r" } },
    { id: "knock", atMs: 31_000, do: { act: "knock", user: "@bob:s2", room: "r", via: ["s1"] } },
  ),
  seed: 2,
  servers: [
    { name: "s1" },
    { name: "s2" },
    { name: "s3", settings: { missingEventsLimit: 0, unfillableGap: "accept" } },
  ],
}

/**
 * Bob leaves, is invited, and turns that down, by way of Alice's server, which owes his nothing. Charlie's, which was told
 * a state of an earlier time and takes Bob's to be in the room, is cut off then, and speaks: so Bob's does too.
 */
const inviteTurnedDown: Plan = {
  ...planOf(
    3,
    charlieJoins,
    { id: "leave", atMs: 4_000, do: { act: "leave", user: "@bob:s2", room: "r" } },
    { id: "invite", atMs: 5_000, do: { act: "invite", user: "@alice:s1", room: "r", target: "@bob:s2" } },
    { id: "cut", atMs: 6_000, fault: { fault: "isolation", servers: ["s3"] }, forMs: 10_000 },
    { id: "say", atMs: 7_000, do: { act: "message", user: "@alice:s1", room: "r", count: 3 } },
    {
      id: "lie",
      atMs: 8_000,
      fault: { fault: "stale-state", keysShare: 1, types: ["m.room.member"], which: "first" },
    },
    { id: "apart", atMs: 25_000, fault: { fault: "link-cut", between: [["s1", "s3"]] }, forMs: 15_000 },
    { id: "no", atMs: 26_000, do: { act: "leave", user: "@bob:s2", room: "r" } },
    { id: "hello", atMs: 30_000, do: { act: "message", user: "@charlie:s3", room: "r" } },
  ),
  servers: ["s1", "s2", "s3"].map((name) => ({
    name,
    settings: { missingEventsLimit: 0, unfillableGap: "accept" },
  })),
}

/**
 * Bob leaves, which Alice's server hears only once Dora, of his, has turned an invite down by way of hers. Charlie's, which
 * was told a state without members, rejects that Bob leaves, and takes his server to be in the room.
 */
const handedOver: Plan = {
  ...planOf(
    3,
    charlieJoins,
    { id: "holes", atMs: 3_000, fault: { fault: "holed-state", keysShare: 1, types: ["m.room.member"] } },
    { id: "apart", atMs: 3_000, fault: { fault: "link-cut", between: [["s1", "s3"]] } },
    { id: "invite", atMs: 4_000, do: { act: "invite", user: "@alice:s1", room: "r", target: "@dora:s2" } },
    { id: "cut", atMs: 5_000, fault: { fault: "isolation", servers: ["s1"] }, forMs: 2_000 },
    { id: "leave", atMs: 6_000, do: { act: "leave", user: "@bob:s2", room: "r" } },
    { id: "no", atMs: 7_000, do: { act: "leave", user: "@dora:s2", room: "r" } },
  ),
  users: ["@alice:s1", "@bob:s2", "@charlie:s3", "@dora:s2"],
  servers: [
    { name: "s1" },
    { name: "s2" },
    { name: "s3", settings: { missingEventsLimit: 0, unfillableGap: "accept" } },
  ],
  faultsMs: 8_000,
}

describe("what a server lacks", () => {
  test("S15, of whose past nobody there holds all, and whoever could ask for it did so in vain", async () => {
    expect(await shapesIn(lostPast)).toEqual(["core-live outage-orphan"])
    expect(await reasonsUnheard(lostPast)).toEqual(new Set([null, "unheard-departure"]))
    const mutant = withMutant(lostPast, "s3", { user: "@bob:s2", atMs: 15_000 })
    expect(await shapesIn(mutant)).toEqual(["core-live null", "live null"])
  })

  test("S15, of whose past nobody there holds what was before the join of who holds the rest", async () => {
    expect(await shapesIn(pastBeforeJoin)).toEqual(["core-live outage-orphan"])
    const mutant = withMutant(pastBeforeJoin, "s3", { user: "@bob:s2", atMs: 50_000 })
    expect(await shapesIn(mutant)).toEqual(["core-live null", "live null"])
  })

  test("S18, signed by a key that had expired by the word of its server, which says otherwise now", async () => {
    expect(await shapesIn(expiredOnce)).toEqual(["live lost-key"])
    const mutant = withMutant(expiredOnce, "s3", { user: "@bob:s2", atMs: 4_000 })
    expect(await shapesIn(mutant)).toEqual(["live null"])
  })

  test("that it was removed, and what was before that, which it knew and has forgotten", async () => {
    expect(await shapesIn(forgotten)).toEqual(["agree unheard-departure", "live unheard-departure"])
    // It has not forgotten what it never took in.
    const mutant = withMutant(forgotten, "s2", { user: "@alice:s1", atMs: 3_500 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
  })

  test("what it knew and has forgotten, on which nobody has built since", async () => {
    expect(await shapesIn(forgottenEnd)).toEqual(["live forgotten"])
    // It has not forgotten what it never took in.
    const mutant = withMutant(forgottenEnd, "s2", { user: "@alice:s1", atMs: 3_000 })
    expect(await shapesIn(mutant)).toEqual(["live null"])
  })

  test("what it knew and has forgotten, on which somebody built who is away", async () => {
    expect(await shapesIn(builtOnUnheard)).toEqual(["core-live unheard-departure"])
    // It has not forgotten what it never took in.
    const mutant = withMutant(builtOnUnheard, "s2", { user: "@charlie:s3", atMs: 5_500 })
    expect(await shapesIn(mutant)).toEqual(["core-live null", "live null"])
  })

  test("what its own server has forgotten, and heard of again from another", async () => {
    expect(await shapesIn(heardAgain)).toEqual(["core-live unheard-departure"])
    const mutant = withMutant(heardAgain, "s3", { user: "@bob:s2", atMs: 3_000 })
    expect(await shapesIn(mutant)).toEqual(["core-live null"])
  })

  test("what its own user gave to a server that owes it nothing, though one that rejected it takes it to be in", async () => {
    expect(await shapesIn(rejectedKnock)).toEqual(["agree unheard-departure", "live unheard-departure"])
    const mutant = withMutant(rejectedKnock, "s3", { user: "@alice:s1", atMs: 25_000 })
    expect(await shapesIn(mutant)).toEqual(["agree null", "live null"])
  })

  test("what its own user gave to a server that owes it nothing, though another takes it to be in", async () => {
    expect(await shapesIn(inviteTurnedDown)).toEqual(["agree stale-state", "live unheard-departure"])
    const mutant = withMutant(inviteTurnedDown, "s3", { user: "@alice:s1", atMs: 25_000 })
    expect(await shapesIn(mutant)).toEqual(["agree stale-state", "live null"])
  })

  test("what it handed over itself to a server that takes it to be in the room still", async () => {
    expect(await shapesIn(handedOver)).toEqual(["agree unheard-departure", "live unheard-departure"])
    const mutant = withMutant(handedOver, "s2", { user: "@alice:s1", atMs: 3_500 })
    expect(await shapesIn(mutant)).toEqual(["live null"])
  })

  test("S15, for the key of what it builds on was asked for in vain just before", async () => {
    expect(await shapesIn(keyAwaited)).toEqual(["core-live outage-orphan"])
    // What Charlie said himself his server, which is away, owed.
    expect(await reasonsUnheard(keyAwaited)).toEqual(new Set([null, "unheard-departure"]))
    const mutant = withMutant(keyAwaited, "s2", { user: "@alice:s1", atMs: 3_000 })
    expect(await shapesIn(mutant)).toEqual(["core-live null", "live null"])
  })

  test("its own join, of which nobody told it that they let it in", async () => {
    expect(await shapesIn(joinUnanswered(1))).toEqual(["live unanswered-join"])
    expect(await shapesIn(joinUnanswered(0))).toEqual([])
    const mutant = withMutant(joinUnanswered(1), "s2", { user: "@alice:s1", atMs: 4_000 })
    expect(await shapesIn(mutant)).toEqual(["live null"])
  })
})
