/**
 * A random plan: a seed draws an option set, swarm-style (which actions and faults there are in this plan at all, and
 * how often), and from that the plan. No draw depends on another entry of the plan being there.
 */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { type AnyFaultDefinition, type Fault, faults } from "../faults/catalogue.ts"
import type { Draws } from "../faults/fault.ts"
import { KeyedChance, type KeyPart } from "../kernel/keyed-chance.ts"
import { type Action, type AnyActionDefinition, actions } from "./actions/catalogue.ts"
import type { Plan, PlanEntry } from "./plan.ts"

export interface PlanWishes {
  /** The room versions that rooms may have; all where it says nothing. */
  readonly roomVersions?: readonly string[]
  readonly servers?: number
  /** About how many actions; 40 where it says nothing. */
  readonly actions?: number
  /** Which faults there are; drawn where it says nothing. */
  readonly faults?: readonly string[]
  /** Of docs/mutants.md: one of the servers is that. */
  readonly mutant?: string
  /** Whether servers may sign what the rules forbid. */
  readonly hostile?: boolean
}

const actionsDefault = 40
/** How long a plan of default size lasts before its core is healed. */
const faultsMsMin = 120_000
const faultsMsMax = 600_000
const rates = [0.2, 1, 1, 3]

/** Chance for one purpose, which other purposes neither see nor change. */
const drawsFor = (chance: KeyedChance, ...about: readonly KeyPart[]): Draws => ({
  unit: (...key) => chance.unit(...about, ...key),
  integer: (end, ...key) => chance.integer(end, ...about, ...key),
  chance: (probability, ...key) => chance.chance(probability, ...about, ...key),
  pick: (items, ...key) => chance.pick(items, ...about, ...key),
})

/** Makes the plan of that seed. */
export const makePlan = (seed: number, wishes: PlanWishes = {}): Plan => {
  const chance = new KeyedChance(`plan ${seed}`)
  const versions = wishes.roomVersions ?? roomVersions.map(({ id }) => id)
  const size = drawsFor(chance, "size")
  const serverCount = wishes.servers ?? 3 + size.pick([0, 0, 0, 1, 2], "servers")
  const names = Array.from({ length: serverCount }, (_, at) => `s${at + 1}`)
  const users = names.flatMap((name) => {
    const count = 1 + size.integer(2, "users", name)
    return Array.from({ length: count }, (_, at) => `@u${at + 1}:${name}`)
  })
  const rooms = Array.from({ length: 1 + size.pick([0, 0, 1], "rooms") }, (_, at) => `r${at + 1}`)
  const options = drawOptions(drawsFor(chance, "options"), versions, wishes)
  const actionCount = Math.round((wishes.actions ?? actionsDefault) * (0.5 + size.unit("actions")))
  const faultsMs = Math.round(
    (faultsMsMin + size.unit("faults-ms") * (faultsMsMax - faultsMsMin)) *
      Math.max(1, (wishes.actions ?? actionsDefault) / actionsDefault),
  )
  const mutantName = drawsFor(chance, "mutant").pick(names)
  const crew = { chance, names, users, rooms, options, faultsMs }
  const entries = [...openings(crew), ...drawActions(crew, actionCount), ...drawFaults(crew)]
  return {
    seed,
    options,
    servers: names.map((name) => ({
      ...drawServer(drawsFor(chance, "server", name), name),
      ...(wishes.mutant !== undefined && name === mutantName ? { mutant: wishes.mutant } : {}),
    })),
    users,
    core: drawCore(drawsFor(chance, "core"), names),
    faultsMs,
    entries: entries.toSorted((a, b) => a.atMs - b.atMs || compareCodePoints(a.id, b.id)),
  }
}

type Options = NonNullable<Plan["options"]>

interface Crew {
  readonly chance: KeyedChance
  readonly names: readonly string[]
  readonly users: readonly string[]
  readonly rooms: readonly string[]
  readonly options: Options
  readonly faultsMs: number
}

/** Without them no histories part: most plans have one. */
const cuts: ReadonlySet<string> = new Set(["partition", "isolation", "link-cut", "islands"])

const drawOptions = (draws: Draws, versions: readonly string[], wishes: PlanWishes): Options => {
  const drawn = actions.filter(({ name, weight }) => weight > 0 && draws.chance(0.7, "action", name))
  const common = drawn.length === 0 ? actions.filter(({ weight }) => weight > 0) : drawn
  const faultShare = draws.pick([0.04, 0.08, 0.16, 0.3], "fault-share")
  const shareOf = ({ name, family }: AnyFaultDefinition): number =>
    family === "protocol" ? 0.3 : cuts.has(name) ? 0.35 : faultShare
  return {
    roomVersions: versions,
    actions: Object.fromEntries(
      common.map(({ name, weight }) => [name, weight * draws.pick(rates, "rate", name)]),
    ),
    faults:
      wishes.faults ??
      faults
        .filter(
          (fault) =>
            isDrawable(fault, wishes.hostile ?? false) && draws.chance(shareOf(fault), "fault", fault.name),
        )
        .map(({ name }) => name),
    burstMax: draws.pick([2, 5, 15, 30], "burst"),
  }
}

/** Plans have neither names to be found by, nor policy or identity servers. */
const isDrawable = ({ family, wantsNames, isRepairable, name }: AnyFaultDefinition, mayBeHostile: boolean) =>
  !wantsNames && isRepairable && !name.includes("-server-") && (family !== "hostile" || mayBeHostile)

/** Servers differ in how much history they ask for at once, and in how they join. */
const drawServer = (draws: Draws, name: string): Plan["servers"][number] => ({
  name,
  settings: {
    missingEventsLimit: draws.pick([1, 1, 3, 10, 20], "missing-events"),
    ...(draws.chance(0.2, "partial") ? { partialStateJoins: true } : {}),
    fullStateShareMin: draws.pick([0, 0.5, 1], "full-state"),
  },
})

/** Two servers at least, where there are two. */
const drawCore = (draws: Draws, names: readonly string[]): readonly string[] => {
  const first = draws.integer(names.length, "first")
  const second = (first + 1 + draws.integer(Math.max(1, names.length - 1), "second")) % names.length
  return names.filter((name, at) => at === first || at === second || draws.chance(0.4, name))
}

/** When the rooms are made, and when their first members come. */
const createMs = 1_000
const joinsMs = 5_000
const storyMs = 15_000

const creatorOf = ({ chance, users }: Crew, room: string): string => chance.pick(users, "creator", room)

/** Who made a room does more in it than others, who may do less. */
const creatorShare = 0.3

/** Each room is made by somebody, and most others come in. */
const openings = (crew: Crew): readonly PlanEntry[] => {
  const { chance, names, users, rooms, options } = crew
  const create = actions.find(({ name }) => name === "create")!
  return rooms.flatMap((room) => {
    const draws = drawsFor(chance, "opening", room)
    const creator = creatorOf(crew, room)
    const cast = { draws, servers: names, users, rooms: [room], roomVersions: options.roomVersions }
    const made = create.draw({ ...cast, earlier: [], burstMax: 1 }) as object
    const via = creator.slice(creator.indexOf(":") + 1)
    return [
      { id: `make-${room}`, atMs: createMs, do: { act: "create", user: creator, ...made } as Action },
      ...users
        .filter((user) => user !== creator && draws.chance(0.85, "member", user))
        .map((user) => ({
          id: `first-join-${room}-${user.slice(1).replace(":", "-")}`,
          atMs: joinsMs + draws.integer(storyMs - joinsMs, "joins-at", user),
          do: { act: "join" as const, user, room, via: [via] },
        })),
    ]
  })
}

const drawActions = (crew: Crew, count: number): readonly PlanEntry[] => {
  const { chance, names, users, rooms, options, faultsMs } = crew
  const outlines = Array.from({ length: count }, (_, at) => {
    const id = `a${at + 1}`
    const draws = drawsFor(chance, "action", id)
    const atMs = storyMs + draws.integer(Math.max(1, faultsMs - storyMs), "at")
    return { id, atMs, definition: pickWeighted(options.actions, draws.unit("kind")) }
  }).toSorted((a, b) => a.atMs - b.atMs || compareCodePoints(a.id, b.id))
  const earlier: { readonly id: string; readonly room: string }[] = []
  return outlines.flatMap(({ id, atMs, definition }) => {
    const draws = drawsFor(chance, "action", id, definition.name)
    const drawn = definition.draw({
      draws,
      servers: names,
      users,
      rooms,
      roomVersions: options.roomVersions,
      earlier: [...earlier],
      burstMax: options.burstMax,
    }) as { readonly room?: string } | undefined
    if (drawn === undefined) return []
    if (definition.makesEvent && drawn.room !== undefined) earlier.push({ id, room: drawn.room })
    const isByCreator = drawn.room !== undefined && draws.chance(creatorShare, "by-creator")
    const user = isByCreator ? creatorOf(crew, drawn.room!) : draws.pick(users, "user")
    return [{ id, atMs, do: { act: definition.name, user, ...drawn } as Action }]
  })
}

const pickWeighted = (weights: Readonly<Record<string, number>>, unit: number): AnyActionDefinition => {
  const candidates = actions.filter(({ name }) => weights[name] !== undefined)
  const total = candidates.reduce((sum, { name }) => sum + weights[name]!, 0)
  let left = unit * total
  for (const candidate of candidates) {
    left -= weights[candidate.name]!
    if (left < 0) return candidate
  }
  return candidates.at(-1)!
}

/** Of each kind one or a few, each for a while. */
const drawFaults = ({ chance, names, options, faultsMs }: Crew): readonly PlanEntry[] =>
  names.length < 2
    ? []
    : options.faults.flatMap((name) => {
        const definition = faults.find((fault) => fault.name === name)!
        const count = 1 + chance.integer(2, "fault", name, "count")
        return Array.from({ length: count }, (_, nth) => {
          const id = `${name}-${nth + 1}`
          const draws = drawsFor(chance, "fault", id)
          const fault = definition.draw(draws, names) as Fault | undefined
          const atMs = storyMs + draws.integer(Math.max(1, faultsMs - storyMs), "at")
          const forMs = Math.round((faultsMs - atMs) * draws.unit("for"))
          return fault === undefined ? [] : [{ id, atMs, fault: { ...fault, id } as Fault, forMs }]
        }).flat()
      })
