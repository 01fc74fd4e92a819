/** Small plans of Alice's room on s1, with Bob of s2 in it, and what checks say of them. */
import type { CheckedWorld } from "../../checks/check.ts"
import { Overheard } from "../overheard.ts"
import { roomIdsOf } from "../participants.ts"
import type { Plan, PlanEntry } from "../plan.ts"
import { runPlan } from "../run-plan.ts"
import { shapeOfDisagreement } from "../shapes.ts"

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

/** The kind of a disagreement about its room where nobody heard what went over the wire: as if servers had made it up. */
export const shapeOfUnheard = async (plan: Plan): Promise<string | null> => {
  let shape: string | null = ""
  const onEnd = (world: CheckedWorld): void => {
    const [roomId] = roomIdsOf(world.servers.values())
    const within = [...world.servers.values()]
    const { servers: everybody, rolledBack } = world
    const judged = { participants: within, within, everybody, rolledBack, overheard: new Overheard(world) }
    shape = shapeOfDisagreement(judged, roomId!, { cause: "different-inputs", servers: ["s1", "s2"] })
  }
  await runPlan(plan, { transport: "direct", onEnd })
  return shape
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
