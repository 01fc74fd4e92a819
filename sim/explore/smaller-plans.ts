/** Plans that are smaller than one, in the order in which to try them: what each leaves out, or puts together. */
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { isAction, isEntry, isFault, type Plan, type PlanEntry, serversIn } from "./plan.ts"

type Json = unknown

/** Without the entries of those ids. */
export const withoutEntries = (plan: Plan, ids: ReadonlySet<string>): Plan => ({
  ...plan,
  entries: plan.entries.filter(({ id }) => !ids.has(id)),
})

/** All are healed at once; or one server less is healed first. */
export const withoutCore = (plan: Plan): readonly Plan[] =>
  plan.core.length === 0
    ? []
    : [
        { ...plan, core: [] },
        ...plan.core.map((name) => ({ ...plan, core: plan.core.filter((other) => other !== name) })),
      ]

/** Each server left out once, with its users and all that names it. */
export const withoutServers = (plan: Plan): readonly Plan[] =>
  plan.servers.length < 2 ? [] : plan.servers.map(({ name }) => withoutServer(plan, name))

const withoutServer = (plan: Plan, name: string): Plan => ({
  ...plan,
  servers: plan.servers.filter((server) => server.name !== name),
  users: plan.users.filter((user) => domainOf(user) !== name),
  core: plan.core.filter((server) => server !== name),
  entries: entriesWithout(plan.entries, (word) => word === name || domainOf(word) === name),
})

/** Each user left out once, with what they do and what is done to them. */
export const withoutUsers = (plan: Plan): readonly Plan[] =>
  plan.users.map((user) => ({
    ...plan,
    users: plan.users.filter((other) => other !== user),
    entries: entriesWithout(plan.entries, (word) => word === user),
  }))

/** Each room left out once, with all that is done in it. */
export const withoutRooms = (plan: Plan): readonly Plan[] =>
  roomsIn(plan).map((room) => ({ ...plan, entries: entriesWithout(plan.entries, (word) => word === room) }))

/** The names by which the plan calls rooms, as they come. */
const roomsIn = ({ entries }: Plan): readonly string[] => {
  const made = entries.filter(isAction).flatMap(({ do: action }) => {
    if (action.act === "create") return [action.room]
    return action.act === "upgrade" ? [action.as] : []
  })
  return [...new Set(made)]
}

/** Entries without a word, those that do not say it as they are; without it some say nothing any more, and go. */
const entriesWithout = (entries: readonly PlanEntry[], is: (word: string) => boolean): readonly PlanEntry[] =>
  entries.flatMap((entry) => {
    const { id, atMs, ...rest } = entry
    const less = without(rest, is, false)
    if (JSON.stringify(less) === JSON.stringify(rest)) return [entry]
    // Of two ends of a link neither stands by itself.
    return [less, without(rest, is, true)]
      .map((said) => ({ id, atMs, ...(said as object) }))
      .filter(isEntry)
      .slice(0, 1)
  })

/** Takes a word out of lists and of keys, or the whole lists that stand in lists; where it stands by itself, all goes. */
const without = (json: Json, is: (word: string) => boolean, wholeLists: boolean): Json | undefined => {
  if (typeof json === "string") return is(json) ? undefined : json
  if (Array.isArray(json)) {
    const left = json
      .filter(
        (item) =>
          !(wholeLists && Array.isArray(item) && item.some((word) => typeof word === "string" && is(word))),
      )
      .map((item) => without(item, is, wholeLists))
      .filter((item) => item !== undefined)
    return json.length > 0 && left.length === 0 ? undefined : left
  }
  if (typeof json !== "object" || json === null) return json
  const entries: [string, Json][] = []
  for (const [key, value] of Object.entries(json)) {
    if (is(key)) continue
    const less = without(value, is, wholeLists)
    if (less === undefined) return undefined
    entries.push([key, less])
  }
  return Object.fromEntries(entries)
}

/** One server takes over the users of another; what goes wrong with that one goes wrong no more. */
export const withMergedServers = (plan: Plan): readonly Plan[] =>
  pairsOf(plan.servers.map(({ name }) => name)).map(([from, into]) => mergedServers(plan, from, into))

const mergedServers = (plan: Plan, from: string, into: string): Plan => {
  const move = (word: string): string => {
    if (word === from) return into
    return domainOf(word) === from ? `${word.slice(0, -from.length)}${into}` : word
  }
  const faults = entriesWithout(plan.entries.filter(isFault), (word) => word === from)
  const kept = new Map(faults.map((entry) => [entry.id, entry]))
  return {
    ...plan,
    servers: plan.servers.filter(({ name }) => name !== from),
    users: [...new Set(plan.users.map(move))],
    core: plan.core.filter((name) => name !== from),
    entries: plan.entries.flatMap((entry) =>
      isFault(entry) ? (kept.get(entry.id) ?? []) : [renamed(entry, move)],
    ),
  }
}

/** One user does what two did. */
export const withMergedUsers = (plan: Plan): readonly Plan[] =>
  pairsOf(plan.users).map(([from, into]) => ({
    ...plan,
    users: plan.users.filter((user) => user !== from),
    entries: plan.entries.map((entry) => renamed(entry, (word) => (word === from ? into : word))),
  }))

/** What was done in two rooms is done in one. */
export const withMergedRooms = (plan: Plan): readonly Plan[] =>
  pairsOf(roomsIn(plan)).map(([from, into]) => ({
    ...plan,
    entries: plan.entries
      .filter((entry) => !(isAction(entry) && entry.do.act === "create" && entry.do.room === from))
      .map((entry) => renamed(entry, (word) => (word === from ? into : word))),
  }))

/** Each with each other, the later into the earlier first. */
const pairsOf = (items: readonly string[]): readonly (readonly [string, string])[] =>
  items
    .toReversed()
    .flatMap((from) => items.filter((into) => into !== from).map((into) => [from, into] as const))

const renamed = (entry: PlanEntry, name: (word: string) => string): PlanEntry => {
  const { id, atMs, ...rest } = entry
  return { id, atMs, ...(withNames(rest, name) as object) } as PlanEntry
}

const withNames = (json: Json, name: (word: string) => string): Json => {
  if (typeof json === "string") return name(json)
  if (Array.isArray(json)) return withoutRepeats(json.map((item) => withNames(item, name)))
  if (typeof json !== "object" || json === null) return json
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [name(key), withNames(value, name)]))
}

const withoutRepeats = (items: readonly Json[]): readonly Json[] =>
  items.filter((item, at) => typeof item !== "string" || items.indexOf(item) === at)

/** A fault of which less is to be understood in the place of another: a server is down, or hears nobody. */
export const withPlainerFaults = (plan: Plan): readonly Plan[] =>
  plan.entries.flatMap((entry, at) => {
    if (!isFault(entry) || plainFaults.has(entry.fault.fault)) return []
    return [...new Set(serversIn(entry.fault))].map((server) => ({
      ...plan,
      entries: plan.entries.with(at, {
        ...entry,
        fault: { fault: "isolation", id: entry.id, servers: [server] },
      } as PlanEntry),
    }))
  })
const plainFaults: ReadonlySet<string> = new Set(["isolation", "crash", "restart"])

/** Each number of each entry once smaller: one, half as much, or, where it is a small one, one less. */
export const withSmallerNumbers = (plan: Plan): readonly Plan[] =>
  plan.entries.flatMap((entry, at) => {
    const smaller = isAction(entry)
      ? smallerNumbersIn(entry.do).map((less) => ({ ...entry, do: less }))
      : smallerNumbersIn(entry.fault).map((less) => ({ ...entry, fault: less }))
    return smaller.map((less) => ({ ...plan, entries: plan.entries.with(at, less as PlanEntry) }))
  })

const smallMax = 20
/** Of power a smaller one is no plainer: who reads 100 knows what it is. */
const levels: ReadonlySet<string> = new Set(["levels", "users", "events", "asked"])

const smallerNumbersIn = (json: Json): readonly Json[] => {
  if (typeof json === "number") {
    if (!Number.isInteger(json) || json < 2) return []
    return [...new Set([1, Math.floor(json / 2), ...(json <= smallMax ? [json - 1] : [])])]
  }
  if (Array.isArray(json)) {
    return json.flatMap((item, at) => smallerNumbersIn(item).map((less) => json.with(at, less)))
  }
  if (typeof json !== "object" || json === null) return []
  return Object.entries(json).flatMap(([key, value]) =>
    (levels.has(key) ? [] : smallerNumbersIn(value)).map((less) => ({ ...json, [key]: less })),
  )
}
