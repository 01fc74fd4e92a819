import { expect, test } from "vitest"
import { plainerServers } from "./plainer-fields.ts"
import type { Plan } from "./plan.ts"

const plan: Plan = {
  seed: 1,
  servers: [{ name: "s1", settings: { missingEventsLimit: 0, unfillableGap: "accept", retryMsMax: 20_000 } }],
  users: [],
  core: [],
  faultsMs: 1,
  entries: [],
}

const settingsWithout = (key: string) =>
  plainerServers(plan)
    .find((field) => field.key === `s1 settings.${key}`)!
    .apply(plan).servers[0]!.settings

test("a server that asks for no history and drops what comes after a gap is no plainer one", () => {
  expect(settingsWithout("unfillableGap")).toEqual({ retryMsMax: 20_000 })
  expect(settingsWithout("missingEventsLimit")).toEqual({ unfillableGap: "accept", retryMsMax: 20_000 })
  expect(settingsWithout("retryMsMax")).toEqual({ missingEventsLimit: 0, unfillableGap: "accept" })
})
