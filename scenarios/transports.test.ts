/**
 * Both transports tell one story (DESIGN.md, principle 11): the same requests at the same virtual instants, the
 * same final states and verdicts. Tasks run first in, first out, and no fiber is put back.
 */
import { describe, expect, it } from "vitest"
import { runScenario } from "#sim/world/run-scenario.ts"
import type { Scenario } from "#sim/world/scenario.ts"
import type { Transport } from "#sim/world/world.ts"
import { scenarios } from "./index.ts"

const seeds = [1, 2, 3]

const outcomeOf = async (scenario: Scenario, seed: number, transport: Transport) => {
  const requests: string[] = []
  const { runs } = await runScenario(scenario, {
    seed,
    roomVersions: scenario.roomVersionsDefault,
    transport,
    inOrder: true,
    onRecord: ({ kind, virtualMs, fields }) => {
      const [, source, destination, method, target] = fields
      if (kind === "request") requests.push(`${virtualMs} ${source} ${destination} ${method} ${target}`)
    },
  })
  const outcomes = runs.map(({ agree, cause, wanted, live, state, virtualMs, events }) => {
    return { agree, cause, wanted, live, state, virtualMs, events }
  })
  return { outcomes, requests: requests.sort() }
}

describe("http and direct", () => {
  for (const scenario of scenarios) {
    it(`${scenario.name}: the same requests, states and verdicts`, async () => {
      for (const seed of seeds) {
        const direct = await outcomeOf(scenario, seed, "direct")
        expect(direct.requests.length).toBeGreaterThan(0)
        expect(direct).toEqual(await outcomeOf(scenario, seed, "http"))
      }
    })
  }
})
