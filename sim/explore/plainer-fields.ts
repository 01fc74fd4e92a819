/** What a plan says and may not need to: each field, key and item of its entries and servers that could be left out. */
import { isAction, type Plan, type PlanEntry } from "./plan.ts"

type Json = unknown

/** One thing that could be left out. */
export interface PlainerField {
  readonly key: string
  /** The plan without it; the plan itself where it is not there any more. */
  readonly apply: (plan: Plan) => Plan
}

/** Fields that say what an entry is, or leave less of it to chance. */
const fixed: ReadonlySet<string> = new Set([
  ...["id", "act", "user", "fault", "name"],
  ...["types", "which", "keysShare"],
])

/** What servers say that could be left out, by itself; whether the rest can still be read is for others to say. */
export const plainerServers = (plan: Plan): readonly PlainerField[] =>
  plan.servers.flatMap(({ name, ...said }) =>
    lessOf(said).map(({ key, apply }) => ({
      key: `${name} ${key}`,
      apply: (from: Plan) => ({
        ...from,
        servers: from.servers.map((server) =>
          server.name === name ? thatHears(apply(server) as typeof server) : server,
        ),
      }),
    })),
  )

/** Who asks for no history must go by the state that it is told: else it hears nothing after a gap, and is another server. */
const thatHears = (server: Plan["servers"][number]): Plan["servers"][number] => {
  const { missingEventsLimit, unfillableGap, ...settings } = server.settings ?? {}
  return missingEventsLimit === 0 && unfillableGap !== "accept" ? { ...server, settings } : server
}

/** The same of entries. */
export const plainerEntries = (plan: Plan): readonly PlainerField[] =>
  plan.entries.flatMap((entry) => [
    ...lessOf(isAction(entry) ? entry.do : entry.fault).map(({ key, apply }) => ({
      key: `${entry.id} ${key}`,
      apply: (from: Plan) =>
        changed(from, entry.id, (now) =>
          isAction(now)
            ? { ...now, do: apply(now.do) as typeof now.do }
            : { ...now, fault: apply(now.fault) as typeof now.fault },
        ),
    })),
    ...(isAction(entry) || entry.forMs === undefined
      ? []
      : [{ key: `${entry.id} forMs`, apply: (from: Plan) => changed(from, entry.id, withoutEnd) }]),
  ])

const changed = (plan: Plan, id: string, change: (entry: PlanEntry) => PlanEntry): Plan => ({
  ...plan,
  entries: plan.entries.map((entry) => (entry.id === id ? change(entry) : entry)),
})

const withoutEnd = (entry: PlanEntry): PlanEntry => {
  const { forMs: _, ...rest } = entry as { readonly forMs?: number }
  return rest as unknown as PlanEntry
}

interface Less {
  readonly key: string
  readonly apply: (json: Json) => Json
}

/** Each field, key or item once, however deep it lies. */
const lessOf = (json: Json): readonly Less[] => {
  if (Array.isArray(json)) return json.flatMap((item) => [withoutItem(item), ...insideItem(item)])
  if (typeof json !== "object" || json === null) return []
  return Object.entries(json)
    .filter(([key]) => !fixed.has(key))
    .flatMap(([key, value]) => [withoutKey(key), ...lessOf(value).map((less) => insideKey(key, less))])
}

const withoutKey = (key: string): Less => ({
  key,
  apply: (json) => {
    if (!isRecord(json)) return json
    const { [key]: _, ...rest } = json
    return rest
  },
})

const insideKey = (key: string, { key: inner, apply }: Less): Less => ({
  key: `${key}.${inner}`,
  apply: (json) => (isRecord(json) && key in json ? { ...json, [key]: apply(json[key]) } : json),
})

const withoutItem = (item: Json): Less => {
  const text = JSON.stringify(item)
  return {
    key: `-${text}`,
    apply: (json) => (Array.isArray(json) ? json.filter((other) => JSON.stringify(other) !== text) : json),
  }
}

const insideItem = (item: Json): readonly Less[] => {
  const text = JSON.stringify(item)
  return lessOf(item).map(({ key, apply }) => ({
    key: `${text}.${key}`,
    apply: (json) =>
      Array.isArray(json)
        ? json.map((other) => (JSON.stringify(other) === text ? apply(other) : other))
        : json,
  }))
}

const isRecord = (json: Json): json is Readonly<Record<string, Json>> =>
  typeof json === "object" && json !== null && !Array.isArray(json)
