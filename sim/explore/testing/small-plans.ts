/** Small plans of Alice's room on s1, with Bob of s2 in it, and what checks say of them. */
import type { Plan, PlanEntry } from "../plan.ts"
import { runPlan } from "../run-plan.ts"

const opening: readonly PlanEntry[] = [
  {
    id: "make",
    atMs: 0,
    do: { act: "create", user: "@alice:s1", room: "r", version: "11", levels: { "@bob:s2": 50 } },
  },
  { id: "bob", atMs: 1_000, do: { act: "join", user: "@bob:s2", room: "r", via: ["s1"] } },
]

export const planOf = (servers: number, ...entries: readonly PlanEntry[]): Plan => ({
  seed: 1,
  servers: Array.from({ length: servers }, (_, at) => ({ name: `s${at + 1}` })),
  users: ["@alice:s1", "@bob:s2", "@charlie:s3"].slice(0, servers),
  core: [],
  faultsMs: 60_000,
  entries: [...opening, ...entries].toSorted((a, b) => a.atMs - b.atMs),
})

/** What checks say of the servers against each other, each with the kind that it is recognised as. */
export const shapesIn = async (plan: Plan): Promise<readonly string[]> => {
  const { failures } = await runPlan(plan, { transport: "direct" })
  return [...new Set(failures.map(({ check, shape }) => `${check} ${shape}`))].sort()
}

/** The plan with a server in it that refuses all that comes with a topic, and with a topic. */
export const withMutant = (
  plan: Plan,
  server: string,
  topic: { readonly user: string; readonly atMs: number },
): Plan => ({
  ...plan,
  servers: plan.servers.map((one) => (one.name === server ? { ...one, mutant: "one-refuses-all" } : one)),
  entries: [
    ...plan.entries,
    {
      id: "topic",
      atMs: topic.atMs,
      do: { act: "set-topic", user: topic.user, room: "r", text: "hello" },
    } satisfies PlanEntry,
  ].toSorted((a, b) => a.atMs - b.atMs),
})

export const charlieJoins: PlanEntry = {
  id: "charlie",
  atMs: 2_000,
  do: { act: "join", user: "@charlie:s3", room: "r", via: ["s1"] },
}
