/**
 * A random plan: a seed draws an option set, swarm-style (which actions and faults there are in this plan at all, and
 * how often), and from that the plan. No draw depends on another entry of the plan being there.
 */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { type AnyFaultDefinition, type Fault, faults } from "../faults/catalogue.ts"
import type { Draws } from "../faults/fault.ts"
import { KeyedChance, type KeyPart } from "../kernel/keyed-chance.ts"
import type { Cast } from "./actions/action.ts"
import { type Action, type AnyActionDefinition, actionNamed, actions } from "./actions/catalogue.ts"
import { ExpectedRooms } from "./expected-rooms.ts"
import { suggestName } from "./nearest-name.ts"
import type { ActionEntry, Plan, PlanEntry } from "./plan.ts"

export interface PlanWishes {
  /** The room versions that rooms may have; all where it says nothing. */
  readonly roomVersions?: readonly string[]
  readonly servers?: number
  /** About how many actions; 40 where it says nothing. */
  readonly actions?: number
  /** The faults that there are, each once or more; drawn where it says nothing. */
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
  const opened = openings(crew)
  const entries = [...opened, ...drawActions(crew, opened, actionCount), ...drawFaults(crew)]
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
      plannable
        .filter(
          (fault) =>
            (fault.family !== "hostile" || wishes.hostile === true) &&
            draws.chance(shareOf(fault), "fault", fault.name),
        )
        .map(({ name }) => name),
    burstMax: draws.pick([2, 5, 15, 30], "burst"),
    levelsShare: draws.pick([0, 0.2, 0.5], "levels"),
    calmShare: draws.pick([0, 0.3, 0.5], "calm"),
    heedlessShare: draws.pick([0.05, 0.1, 0.3], "heedless"),
  }
}

/** Faults that a plan may have: it has neither names to be found by, nor policy or identity servers. */
const plannable: readonly AnyFaultDefinition[] = faults.filter(
  ({ wantsNames, isRepairable, name }) => !wantsNames && isRepairable && !name.includes("-server-"),
)

/** The names of the faults that a random plan may have. */
export const plannableFaults: readonly string[] = plannable.map(({ name }) => name)

/** What is wrong with a name that none of them has, and what may have been meant. */
export const unknownPlannableFault = (name: string): string =>
  `random plans have no fault ${name}: ${suggestName(name, plannableFaults)}`

/** Servers differ in how much history they ask for at once, and in how they join. */
const drawServer = (draws: Draws, name: string): Plan["servers"][number] => ({
  name,
  settings: {
    missingEventsLimit: draws.pick([1, 1, 2, 5, 20], "missing-events"),
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

/** When the rooms are made, when members are invited where they must be, and when the first members come. */
const createMs = 1_000
const invitesMs = 2_000
const joinsMs = 6_000
const storyMs = 15_000

const creatorOf = ({ chance, users }: Crew, room: string): string => chance.pick(users, "creator", room)

/** Who made a room does more in it than others, who may do less. */
const creatorShare = 0.3

/** Each room is made by somebody, and most others come in. */
const openings = (crew: Crew): readonly ActionEntry[] => {
  const { chance, users, rooms } = crew
  const create = actions.find(({ name }) => name === "create")!
  return rooms.flatMap((room) => {
    const draws = drawsFor(chance, "opening", room)
    const creator = creatorOf(crew, room)
    const made = create.draw({ ...castOf(crew), draws, rooms: [room] }) as Omit<Create, "act" | "user">
    const via = creator.slice(creator.indexOf(":") + 1)
    const members = users.filter((user) => user !== creator && draws.chance(0.85, "member", user))
    const named = (user: string): string => `${room}-${user.slice(1).replace(":", "-")}`
    return [
      { id: `make-${room}`, atMs: createMs, do: { act: "create", user: creator, ...made } as Create },
      ...(made.joinRule === "invite"
        ? members.map((target) => ({
            id: `first-invite-${named(target)}`,
            atMs: invitesMs + draws.integer(joinsMs - invitesMs, "invites-at", target),
            do: { act: "invite" as const, user: creator, room, target },
          }))
        : []),
      ...members.map((user) => ({
        id: `first-join-${named(user)}`,
        atMs: joinsMs + draws.integer(storyMs - joinsMs, "joins-at", user),
        do: { act: "join" as const, user, room, via: [via] },
      })),
    ]
  })
}

type Create = Extract<Action, { readonly act: "create" }>

const castOf = ({ names, users, rooms, options }: Crew): Omit<Cast, "draws"> => ({
  servers: names,
  users,
  rooms,
  roomVersions: options.roomVersions,
  earlier: [],
  burstMax: options.burstMax,
  levelsShare: options.levelsShare ?? 0.5,
})

/** How many kinds of action are tried for an entry, and how many of each, until one is possible. */
const kindsMax = 3
const triesOfKind = 4

/**
 * What users do, each entry drawn by its id from what is possible by then, but for a share that takes no heed: what the
 * rules forbid is tried too.
 */
const drawActions = (crew: Crew, opened: readonly ActionEntry[], count: number): readonly ActionEntry[] => {
  const { chance, faultsMs, options } = crew
  const expected = new ExpectedRooms()
  for (const entry of opened) if (expected.isPossible(entry.do)) expected.expect(entry.do)
  const slots = Array.from({ length: count }, (_, at) => {
    const id = `a${at + 1}`
    return { id, atMs: storyMs + chance.integer(Math.max(1, faultsMs - storyMs), "action", id, "at") }
  }).toSorted((a, b) => a.atMs - b.atMs || compareCodePoints(a.id, b.id))
  const earlier: { readonly id: string; readonly room: string }[] = []
  return slots.flatMap(({ id, atMs }) => {
    const isHeedless = chance.chance(options.heedlessShare ?? 0, "action", id, "heedless")
    for (let nth = 0; nth < (isHeedless ? 1 : kindsMax * triesOfKind); nth++) {
      const action = drawAction(crew, id, nth, [...earlier])
      if (action === undefined) continue
      const isPossible = expected.isPossible(action)
      if (!isPossible && !isHeedless) continue
      if (isPossible) {
        expected.expect(action)
        if (actionNamed(action.act).makesEvent && "room" in action) earlier.push({ id, room: action.room })
      }
      return [{ id, atMs, do: action }]
    }
    return []
  })
}

/** The nth that is tried for that entry; undefined where there is nothing to do it to. */
const drawAction = (crew: Crew, id: string, nth: number, earlier: Cast["earlier"]): Action | undefined => {
  const { chance, users, options } = crew
  const kind = chance.unit("action", id, "kind", Math.floor(nth / triesOfKind))
  const definition = pickWeighted(options.actions, kind)
  const draws = drawsFor(chance, "action", id, definition.name, nth)
  const drawn = definition.draw({ ...castOf(crew), draws, earlier }) as { readonly room?: string } | undefined
  if (drawn === undefined) return undefined
  const isByCreator = drawn.room !== undefined && draws.chance(creatorShare, "by-creator")
  const user = isByCreator ? creatorOf(crew, drawn.room!) : draws.pick(users, "user")
  return { act: definition.name, user, ...drawn } as Action
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

/** What is wrong with a server stays so, mostly; a network that is cut now and then is so for long. */
const throughoutShareOf = ({ family, name }: AnyFaultDefinition): number =>
  family === "protocol" ? 0.7 : cuts.has(name) ? 0.4 : 0

/** Of each kind one or a few, each for a while or throughout. */
const drawFaults = ({ chance, names, options, faultsMs }: Crew): readonly PlanEntry[] => {
  const calmMs = storyMs + Math.round((options.calmShare ?? 0) * Math.max(0, faultsMs - storyMs))
  return names.length < 2
    ? []
    : options.faults.flatMap((name) => {
        const definition = faults.find((fault) => fault.name === name)!
        const count = 1 + chance.integer(2, "fault", name, "count")
        return Array.from({ length: count }, (_, nth) => {
          const id = `${name}-${nth + 1}`
          const draws = drawsFor(chance, "fault", id)
          const fault = definition.draw(draws, names) as Fault | undefined
          const isThroughout = draws.chance(throughoutShareOf(definition), "throughout")
          const atMs = isThroughout ? calmMs : calmMs + draws.integer(Math.max(1, faultsMs - calmMs), "at")
          const forMs = isThroughout ? faultsMs - atMs : Math.round((faultsMs - atMs) * draws.unit("for"))
          return fault === undefined ? [] : [{ id, atMs, fault: { ...fault, id } as Fault, forMs }]
        }).flat()
      })
}
