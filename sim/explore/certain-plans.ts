/**
 * Plans in which less is left to chance than in one: what fails so fails however much else is left out. A lie that is
 * drawn anew for each event, and so with each change of the history before it, is the worst to leave things out under.
 */
import { isAction, isFault, type Plan, type PlanEntry } from "./plan.ts"

/** What is told of a state is false of those types, always; all such faults at once, or one. */
export const withCertainLies = (plan: Plan): readonly Plan[] => {
  const liars = plan.entries.filter((entry) => isFault(entry) && isVague(entry.fault))
  const groups = liars.length > 1 ? [liars, ...liars.map((entry) => [entry])] : [liars]
  return groups.flatMap((group) =>
    group.length === 0 ? [] : certainties.map((certain) => changed(plan, new Set(group), certain)),
  )
}

const isVague = (fault: object): boolean =>
  "fault" in fault && (fault.fault === "stale-state" || fault.fault === "holed-state") && !("types" in fault)

/** Types that say who may do what: where one of them is false, much else is decided otherwise. */
const types = [
  ["m.room.power_levels"],
  ["m.room.join_rules"],
  ["m.room.member"],
  ["m.room.power_levels", "m.room.member"],
]
const certainties = (["last", "first"] as const).flatMap((which) =>
  types.map((types) => (fault: object) => ({
    ...fault,
    types,
    keysShare: 1,
    ...("fault" in fault && fault.fault === "stale-state" ? { which } : {}),
  })),
)

const changed = (plan: Plan, group: ReadonlySet<PlanEntry>, certain: (fault: object) => object): Plan => ({
  ...plan,
  entries: plan.entries.map((entry) =>
    isFault(entry) && group.has(entry) ? ({ ...entry, fault: certain(entry.fault) } as PlanEntry) : entry,
  ),
})

/** Nobody asks for the history before an event, but for the state in it: so a few events are as good as many. */
export const withStateAsked = (plan: Plan): readonly Plan[] => [
  {
    ...plan,
    servers: plan.servers.map((server) => ({
      ...server,
      settings: { ...server.settings, missingEventsLimit: 0, unfillableGap: "accept" as const },
    })),
  },
]

/** Who says many things says one. */
export const withoutBursts = (plan: Plan): readonly Plan[] => [
  {
    ...plan,
    entries: plan.entries.map((entry) => {
      if (!isAction(entry) || entry.do.act !== "message") return entry
      const { count: _, ...once } = entry.do
      return { ...entry, do: once }
    }),
  },
]

/** Links that are cut now and then are so all the while. */
export const withSteadyCuts = (plan: Plan): readonly Plan[] =>
  plan.entries.flatMap((entry, at) => {
    if (!isFault(entry) || !("cutMs" in entry.fault)) return []
    const { cutMs: _, wholeMs: __, ...steady } = entry.fault
    return [{ ...plan, entries: plan.entries.with(at, { ...entry, fault: steady } as PlanEntry) }]
  })
