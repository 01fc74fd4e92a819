/** Each story ends as it says, in every room version; and the first one for the reason that it gives. */
import { describe, expect, it } from "vitest"
import { type RunOptions, runScenario } from "#sim/world/run-scenario.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { scenarios } from "./index.ts"
import { phantomJoinRules } from "./phantom-join-rules.ts"

const allVersions = roomVersions.map(({ id }) => id)

describe("every scenario, in every room version", () => {
  for (const scenario of scenarios) {
    it(`${scenario.name} ends as expected`, async () => {
      for (const seed of [1, 17]) {
        const { runs } = await runScenario(scenario, { seed, roomVersions: allVersions, transport: "http" })
        for (const { roomVersion, agree, wanted, live, why } of runs) {
          const expected = scenario.expected(roomVersion)
          expect({ roomVersion, agree, wanted, live, why }).toEqual({ roomVersion, ...expected, why })
        }
      }
    })
  }
})

describe("phantom-join-rules", () => {
  const play = async (options: Partial<RunOptions> = {}) =>
    runScenario(phantomJoinRules, { seed: 17, roomVersions: allVersions, transport: "http", ...options })

  it("s3 alone differs, on the join rules alone, for it was given another input", async () => {
    for (const run of (await play()).runs.slice(0, 11)) {
      expect(run.cause).toBe("different-inputs")
      expect(run.differing.map(({ key }) => key)).toEqual(["m.room.join_rules|"])
      const rule = run.differing[0]!.values
      expect(rule).toEqual({ s1: "invite", s2: "invite", s3: run.roomVersion === "1" ? "public" : "—" })
    }
  })

  it("in room 10 the reason is told: Alice, who set both rules, has left", async () => {
    const [run] = (await play({ roomVersions: ["10"] })).runs
    expect(run!.why).toContain("told the state there by s2")
    expect(run!.why).toContain("rejected by 5: sender is not joined")
  })

  it("without the stale answer all servers agree, in every version", async () => {
    for (const run of (await play({ omit: ["stale-state-ids"] })).runs) {
      expect([run.roomVersion, run.agree, run.wanted, run.live]).toEqual([
        run.roomVersion,
        "yes",
        "yes",
        "yes",
      ])
    }
  })

  it("takes less than a second", async () => {
    const [run] = (await play({ roomVersions: ["10"] })).runs
    // A bound on work, not on time: some 2,500 steps are far below a second anywhere.
    expect(run!.steps).toBeLessThan(10_000)
  })
})

describe("one seed is one run", () => {
  for (const scenario of scenarios) {
    it(`${scenario.name}: twice in one process, and with every memo off`, async () => {
      const hashes: string[] = []
      let hits = 0
      const run = async (seed: number, memo: boolean): Promise<string> => {
        const { runs } = await runScenario(scenario, {
          seed,
          roomVersions: ["10", "12"],
          transport: "http",
          memo,
          onMemoHits: ({ signatures, resolutions }) => {
            hits += memo ? Math.min(signatures, resolutions) : signatures + resolutions
            if (!memo) expect(signatures + resolutions).toBe(0)
          },
        })
        return runs.map(({ traceHash }) => traceHash).join(" ")
      }
      hashes.push(await run(5, true), await run(5, true))
      expect(hits).toBeGreaterThan(0)
      hashes.push(await run(5, false))
      expect(new Set(hashes).size).toBe(1)
      expect(await run(6, true)).not.toBe(hashes[0])
    })
  }
})
