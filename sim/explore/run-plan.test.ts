/** A plan is run in three phases, the same each time; what the rules forbid is noted, and checks tell what fails. */
import { describe, expect, test } from "vitest"
import type { TraceRecord } from "../kernel/trace.ts"
import { goalNames, neededFor } from "./goals.ts"
import { makePlan } from "./make-plan.ts"
import type { Plan, PlanEntry } from "./plan.ts"
import { type Failure, runPlan } from "./run-plan.ts"

const opening: readonly PlanEntry[] = [
  { id: "make", atMs: 0, do: { act: "create", user: "@alice:s1", room: "r", version: "11" } },
  { id: "bob", atMs: 1_000, do: { act: "join", user: "@bob:s2", room: "r", via: ["s1"] } },
  { id: "charlie", atMs: 2_000, do: { act: "join", user: "@charlie:s3", room: "r", via: ["s1"] } },
]
const planOf = (...entries: readonly PlanEntry[]): Plan => ({
  seed: 1,
  servers: [{ name: "s1" }, { name: "s2" }, { name: "s3" }],
  users: ["@alice:s1", "@bob:s2", "@charlie:s3"],
  core: ["s1", "s2"],
  faultsMs: 60_000,
  entries: [...opening, ...entries],
})
const run = async (plan: Plan) => {
  const records: TraceRecord[] = []
  const result = await runPlan(plan, { transport: "direct", onRecord: (record) => void records.push(record) })
  return { ...result, records }
}

describe("a plan", () => {
  test("without faults fails in nothing", async () => {
    const { failures, unknown, outcomes } = await run(
      planOf({ id: "hi", atMs: 5_000, do: { act: "message", user: "@bob:s2", room: "r", count: 3 } }),
    )
    expect({ failures, unknown }).toEqual({ failures: [], unknown: [] })
    expect(Object.fromEntries(outcomes)).toEqual({ make: "done", bob: "done", charlie: "done", hi: "done" })
  })

  test("goes on where an action is forbidden, out of reach, or of a server that is down", async () => {
    const { outcomes, failures } = await run(
      planOf(
        { id: "kick", atMs: 5_000, do: { act: "kick", user: "@bob:s2", room: "r", target: "@alice:s1" } },
        { id: "where", atMs: 5_000, do: { act: "leave", user: "@bob:s2", room: "nowhere" } },
        { id: "what", atMs: 5_000, do: { act: "redact", user: "@bob:s2", room: "r", of: "kick" } },
        { id: "down", atMs: 6_000, fault: { fault: "crash", server: "s3" }, forMs: 10_000 },
        { id: "late", atMs: 7_000, do: { act: "message", user: "@charlie:s3", room: "r" } },
      ),
    )
    expect(outcomes.get("kick")).toMatch(/^refused: 403 M_FORBIDDEN/)
    expect(outcomes.get("where")).toBe("refused: there is no room nowhere yet")
    expect(outcomes.get("what")).toBe("refused: kick has made no event")
    expect(outcomes.get("late")).toBe("refused: its server is down")
    expect(failures).toEqual([])
  })

  test("heals its core first, while the others stay cut off", async () => {
    const { records } = await run(
      planOf({ id: "cut", atMs: 4_000, fault: { fault: "islands", servers: ["s1", "s2", "s3"] } }),
    )
    const cuts = records.filter(({ kind }) => kind === "partition").map(({ fields }) => fields[0])
    expect(cuts).toContain('[["s1","s2"],["s3"]]')
    const core = records.findIndex(({ fields }) => fields[0] === '[["s1","s2"],["s3"]]')
    const healed = records.findIndex(({ kind }, at) => kind === "heal" && at > core)
    const crossing = records
      .slice(core, healed)
      .filter(({ kind, fields }) => kind === "delivered" && fields.includes("s3"))
    expect(crossing).toEqual([])
  })

  test("is judged once a fault has ended that waited for a slow boot, and two that wait boot the server once more each", async () => {
    const slow = planOf(
      {
        id: "slow",
        atMs: 5_000,
        fault: { fault: "restart", server: "s2", downMs: 10, readMs: 8_000 },
        forMs: 1_000,
      },
      { id: "lost", atMs: 6_000, fault: { fault: "key-loss", server: "s2" }, forMs: 500 },
      { id: "lost again", atMs: 7_000, fault: { fault: "key-loss", server: "s2" }, forMs: 500 },
    )
    const { failures, records } = await run({ ...slow, faultsMs: 10_000 })
    expect(failures).toEqual([])
    const kinds = records.filter(({ fields }) => fields[0] === "s2").map(({ kind }) => kind)
    const moves = kinds.filter((kind) => kind === "attach" || kind === "detach")
    expect(moves.filter((kind, at) => kind === moves[at - 1])).toEqual([])
    expect(moves.length).toBeGreaterThan(4)
  })

  test("that is looked through for one failure ends where that is seen, and is checked for no other", async () => {
    const redact = { act: "redact", user: "@bob:s2", room: "r", of: "hi" } as const
    const plan: Plan = {
      ...planOf(
        { id: "hi", atMs: 5_000, do: { act: "message", user: "@alice:s1", room: "r" } },
        { id: "redact", atMs: 9_000, do: redact },
        { id: "later", atMs: 30_000, do: { act: "message", user: "@alice:s1", room: "r" } },
      ),
      servers: [{ name: "s1" }, { name: "s2", mutant: "anybody-redacts" }, { name: "s3" }],
    }
    const whole = await runPlan(plan, { transport: "direct" })
    const told = whole.failures.find(({ check }) => check === "redactions")!
    const lookFor = { check: "redactions", isIt: ({ why }: Failure) => why === told.why }
    const sought = await runPlan(plan, { transport: "direct", lookFor })
    expect(sought).toMatchObject({ failures: [told], stopped: true })
    expect(sought.steps).toBeLessThan(whole.steps)
    const other = await runPlan(plan, { transport: "direct", lookFor: { ...lookFor, check: "once-only" } })
    expect(other).toMatchObject({ failures: [], stopped: false, traceHash: whole.traceHash })
  })

  test("is the same each time, with and without memos, and stops where it is told to", async () => {
    const plan = makePlan(11, { roomVersions: ["11"] })
    const first = await runPlan(plan, { transport: "direct" })
    expect((await runPlan(plan, { transport: "direct" })).traceHash).toBe(first.traceHash)
    expect((await runPlan(plan, { transport: "direct", memo: false })).traceHash).toBe(first.traceHash)
    const stopped = await runPlan(plan, { transport: "direct", until: 500 })
    expect({ steps: stopped.steps, stopped: stopped.stopped }).toEqual({ steps: 500, stopped: true })
  })

  test("that asks for more steps than it may is a failure", async () => {
    const { failures } = await runPlan(planOf(), { transport: "direct", stepsMax: 200 })
    expect(failures.map(({ check }) => check)).toEqual(["comes-to-an-end"])
  })
})

describe("verdicts", () => {
  test("a removal that could not be taken in when it came is told, with its kind", async () => {
    const { failures } = await run({
      ...planOf(
        {
          id: "cut",
          atMs: 5_000,
          fault: {
            fault: "link-cut",
            between: [
              ["s2", "s1"],
              ["s2", "s3"],
            ],
          },
          forMs: 5_000,
        },
        { id: "unheard", atMs: 6_000, do: { act: "message", user: "@alice:s1", room: "r", count: 3 } },
        {
          id: "mute",
          atMs: 6_500,
          fault: {
            fault: "refused-endpoint",
            servers: ["s1", "s3"],
            endpoints: ["get_missing_events", "state_ids", "state", "event"],
          },
        },
        { id: "kick", atMs: 7_000, do: { act: "kick", user: "@alice:s1", room: "r", target: "@bob:s2" } },
      ),
      seed: 2,
      core: [],
    })
    expect(new Set(failures.map(({ check, shape }) => `${check} ${shape}`))).toEqual(
      new Set(["live outage-orphan", "agree outage-orphan"]),
    )
  })
})

test("there are forty goals at least, each with a name of its own and a word on what it takes", () => {
  expect(goalNames.length).toBeGreaterThanOrEqual(40)
  expect(new Set(goalNames).size).toBe(goalNames.length)
  expect(goalNames.filter((name) => neededFor(name) === "")).toEqual([])
})
