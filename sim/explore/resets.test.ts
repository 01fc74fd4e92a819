/** Both problems of MSC4297, found by plans that nobody shaped for them: seeds of `netsplit sweep random`. */
import { describe, expect, test } from "vitest"
import { makePlan } from "./make-plan.ts"
import { runPlan } from "./run-plan.ts"

const shapesIn = async (seed: number, roomVersion: string) => {
  const faults = ["partition", "isolation", "stale-state"]
  const { failures } = await runPlan(makePlan(seed, { roomVersions: [roomVersion], faults }), {
    transport: "direct",
  })
  return failures.filter(({ check }) => check === "no-reset").map(({ shape }) => shape)
}

describe("a random plan with a stale server", () => {
  test.each([
    ["phantom-join-rules", 30349],
    ["lost-promotion-chain", 30022],
  ])("shows %s in room 11, and nothing of the kind in room 12", async (shape, seed) => {
    expect(await shapesIn(seed, "11")).toEqual([shape])
    expect(await shapesIn(seed, "12")).toEqual([])
  })

  test.each([
    ["11", 40396],
    ["12", 30576],
  ])(
    "in which join rules go with their maker, who is kicked, shows nothing of that kind in room %s",
    async (version, seed) => {
      expect(await shapesIn(seed, version)).toEqual([])
    },
  )
})
