/** Plans that are smaller than one, in the order in which to try them: what each leaves out, or makes simpler. */
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { isAction, type Plan, type PlanEntry } from "./plan.ts"

type Json = unknown

/** Entries in runs of that length, each run left out once. */
export const withoutEntries = (plan: Plan, length: number): readonly Plan[] => {
  const plans: Plan[] = []
  for (let from = 0; from < plan.entries.length; from += length) {
    const entries = plan.entries.filter((_, at) => at < from || at >= from + length)
    plans.push({ ...plan, entries })
  }
  return plans
}

/** Each server left out once, with its users and all that names it. */
export const withoutServers = (plan: Plan): readonly Plan[] =>
  plan.servers.length < 2
    ? []
    : plan.servers.map(({ name }) => ({
        ...plan,
        servers: plan.servers.filter((server) => server.name !== name),
        users: plan.users.filter((user) => domainOf(user) !== name),
        core: plan.core.filter((server) => server !== name),
        entries: plan.entries.flatMap((entry) => {
          const less = without(entry, (word) => word === name || domainOf(word) === name)
          return less === undefined ? [] : [less as PlanEntry]
        }),
      }))

/** Each user left out once, with what they do and what is done to them. */
export const withoutUsers = (plan: Plan): readonly Plan[] =>
  plan.users.map((user) => ({
    ...plan,
    users: plan.users.filter((other) => other !== user),
    entries: plan.entries.flatMap((entry) => {
      const less = without(entry, (word) => word === user)
      return less === undefined ? [] : [less as PlanEntry]
    }),
  }))

/** Takes a word out of lists and of keys; where it stands by itself, all that it stands in goes. */
const without = (json: Json, is: (word: string) => boolean): Json | undefined => {
  if (typeof json === "string") return is(json) ? undefined : json
  if (Array.isArray(json)) {
    const left = json.map((item) => without(item, is)).filter((item) => item !== undefined)
    return json.length > 0 && left.length === 0 ? undefined : left
  }
  if (typeof json !== "object" || json === null) return json
  const entries: [string, Json][] = []
  for (const [key, value] of Object.entries(json)) {
    if (is(key)) continue
    const less = without(value, is)
    if (less === undefined) return undefined
    entries.push([key, less])
  }
  return Object.fromEntries(entries)
}

/** The rest of a plan made simpler: no core, no settings of servers, less time. */
export const withSimplerFrame = (plan: Plan): readonly Plan[] => [
  ...(plan.core.length > 0 ? [{ ...plan, core: [] }] : []),
  ...plan.servers.flatMap((server, at) =>
    simplerValues(server)
      .filter((less) => typeof less === "object" && less !== null && "name" in less)
      .map((less) => ({ ...plan, servers: plan.servers.with(at, less as typeof server) })),
  ),
  ...lessTime(plan),
]

const lastMs = (plan: Plan): number =>
  Math.max(0, ...plan.entries.map((entry) => entry.atMs + (isAction(entry) ? 0 : (entry.forMs ?? 0))))

/** Nothing happens between the last entry and the end; or waits are shorter, all at once or one by one. */
const lessTime = (plan: Plan): readonly Plan[] => {
  const soon = lastMs(plan) + 5_000
  const squeezed = plan.entries.map((entry) => ({ ...entry, atMs: Math.round(entry.atMs / 2) }))
  const rounded = plan.entries.map((entry) => ({ ...entry, atMs: Math.round(entry.atMs / 1_000) * 1_000 }))
  return [
    ...(soon < plan.faultsMs ? [{ ...plan, faultsMs: soon }] : []),
    ...(plan.faultsMs > 20_000
      ? [{ ...plan, faultsMs: Math.round(plan.faultsMs / 2), entries: squeezed }]
      : []),
    ...(plan.entries.some(({ atMs }, at) => atMs !== rounded[at]!.atMs)
      ? [{ ...plan, entries: rounded }]
      : []),
  ]
}

/** Fields that say what an entry is. */
const fixed: ReadonlySet<string> = new Set(["id", "act", "user", "fault", "atMs"])

/** Each entry made simpler in each way once. */
export const withSimplerEntries = (plan: Plan): readonly Plan[] =>
  plan.entries.flatMap((entry, at) => {
    const simpler: PlanEntry[] = isAction(entry)
      ? simplerValues(entry.do).map((less) => ({ ...entry, do: less as typeof entry.do }))
      : [
          ...simplerValues(entry.fault).map((less) => ({ ...entry, fault: less as typeof entry.fault })),
          ...(entry.forMs === undefined ? [] : [withoutEnd(entry)]),
        ]
    return simpler.map((less) => ({ ...plan, entries: plan.entries.with(at, less) }))
  })

const withoutEnd = <E extends { readonly forMs?: number }>(entry: E): E => {
  const { forMs: _, ...rest } = entry
  return rest as unknown as E
}

/** A value with one field, item or key less, or a smaller number; whether it can still be read is for others to say. */
const simplerValues = (json: Json): readonly Json[] => {
  if (typeof json === "number") {
    return Number.isInteger(json) && json > 1 ? [1, Math.floor(json / 2), json - 1] : []
  }
  if (Array.isArray(json)) {
    return [
      ...json.map((_, at) => json.toSpliced(at, 1)),
      ...json.flatMap((item, at) => simplerValues(item).map((less) => json.with(at, less))),
    ]
  }
  if (typeof json !== "object" || json === null) return []
  const fields = Object.entries(json).filter(([key]) => !fixed.has(key))
  return fields.flatMap(([key, value]) => {
    const { [key]: _, ...rest } = json as Record<string, Json>
    return [rest, ...simplerValues(value).map((less) => ({ ...json, [key]: less }))]
  })
}
