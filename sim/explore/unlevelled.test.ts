/** Rooms that begin without power levels: they are their creator's, who keeps that power when it sets the first. */
import { expect, test } from "vitest"
import type { Plan } from "./plan.ts"
import { runPlan } from "./run-plan.ts"

test.each(["5", "11", "12"])("a room %s without power levels is its creator's", async (version) => {
  const plan: Plan = {
    seed: 1,
    servers: [{ name: "s1" }, { name: "s2" }],
    users: ["@alice:s1", "@bob:s2"],
    core: [],
    faultsMs: 60_000,
    entries: [
      { id: "make", atMs: 0, do: { act: "create", user: "@alice:s1", room: "r", version, levels: null } },
      { id: "bob", atMs: 1_000, do: { act: "join", user: "@bob:s2", room: "r", via: ["s1"] } },
      { id: "topic", atMs: 2_000, do: { act: "set-topic", user: "@alice:s1", room: "r", text: "mine" } },
      {
        id: "levels",
        atMs: 3_000,
        do: { act: "set-levels", user: "@alice:s1", room: "r", users: { "@bob:s2": 50 } },
      },
      { id: "bobs", atMs: 4_000, do: { act: "set-topic", user: "@bob:s2", room: "r", text: "ours" } },
      { id: "kick", atMs: 5_000, do: { act: "kick", user: "@alice:s1", room: "r", target: "@bob:s2" } },
    ],
  }
  const { failures, outcomes } = await runPlan(plan, { transport: "direct" })
  expect(failures).toEqual([])
  expect(["topic", "levels", "bobs", "kick"].map((id) => outcomes.get(id))).toEqual(Array(4).fill("done"))
})
