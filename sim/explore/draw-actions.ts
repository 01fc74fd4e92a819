/** What users do in a random plan once its rooms have begun. */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import type { Cast } from "./actions/action.ts"
import { type Action, type AnyActionDefinition, actionNamed, actions } from "./actions/catalogue.ts"
import { type Crew, drawsFor } from "./crew.ts"
import { ExpectedRooms } from "./expected-rooms.ts"
import { aboutMoment, type Moment, momentFor, momentsOf } from "./moments.ts"
import { castOf, creatorOf, storyMs } from "./openings.ts"
import type { ActionEntry } from "./plan.ts"

/** How many kinds of action are tried for an entry, and how many of each, until one is possible. */
const kindsMax = 3
const triesOfKind = 4

/** When that user goes for good; never, where it stays. */
const goesMs = ({ chance, options, faultsMs }: Crew, user: string): number =>
  chance.chance(options.turnoverShare ?? 0, "goes", user)
    ? storyMs + chance.integer(Math.max(1, faultsMs - storyMs), "goes", user, "at")
    : Number.POSITIVE_INFINITY

/** Who goes for good leaves the rooms of the beginning. */
const departures = (crew: Crew): readonly ActionEntry[] =>
  crew.users.flatMap((user) => {
    const atMs = goesMs(crew, user)
    if (!Number.isFinite(atMs)) return []
    return crew.rooms.map((room) => ({
      id: `last-leave-${room}-${user.slice(1).replace(":", "-")}`,
      atMs,
      do: { act: "leave" as const, user, room },
    }))
  })

/**
 * What users do, each entry drawn by its id from what is possible by then, but for a share that takes no heed: what the
 * rules forbid is tried too.
 */
export const drawActions = (
  crew: Crew,
  opened: readonly ActionEntry[],
  count: number,
): readonly ActionEntry[] => {
  const { chance, faultsMs } = crew
  const expected = new ExpectedRooms()
  for (const entry of opened) if (expected.isPossible(entry.do)) expected.expect(entry.do)
  const moments = momentsOf(crew, count)
  const slots: readonly Slot[] = Array.from({ length: count }, (_, at) => {
    const id = `a${at + 1}`
    const within = momentFor(crew, id, moments)
    return within === undefined
      ? { id, atMs: storyMs + chance.integer(Math.max(1, faultsMs - storyMs), "action", id, "at") }
      : { id, atMs: within.moment.atMs + within.afterMs, moment: within.moment }
  })
  const before = new Map<Moment, ExpectedRooms>()
  const rooms = [...crew.rooms]
  const earlier: { readonly id: string; readonly room: string }[] = []
  const all: readonly Slot[] = [...slots, ...departures(crew)]
  return all.toSorted(inTime).flatMap((slot) => {
    const present = crew.users.filter((user) => goesMs(crew, user) > slot.atMs)
    const users = present.length > 0 ? present : crew.users
    const { moment } = slot
    if (moment !== undefined && !before.has(moment)) before.set(moment, expected.copy())
    const known = moment === undefined ? expected : before.get(moment)!
    const action = slot.do ?? pickAction({ ...crew, users, rooms: [...rooms] }, slot, known, [...earlier])
    if (action === undefined) return []
    if (expected.isPossible(action)) {
      expected.expect(action)
      if (action.act === "upgrade") rooms.push(action.as)
      if (actionNamed(action.act).makesEvent && "room" in action)
        earlier.push({ id: slot.id, room: action.room })
    }
    return [{ id: slot.id, atMs: slot.atMs, do: action }]
  })
}

/** An entry whose action is to be drawn, unless it is settled. */
interface Slot {
  readonly id: string
  readonly atMs: number
  readonly do?: Action
  /** The one that it falls into, if into any. */
  readonly moment?: Moment
}

const inTime = (a: Slot, b: Slot): number => a.atMs - b.atMs || compareCodePoints(a.id, b.id)

/** The first that is possible of those that are tried for that entry; the first of all where it takes no heed. */
const pickAction = (
  crew: Crew,
  slot: Slot,
  expected: ExpectedRooms,
  earlier: Cast["earlier"],
): Action | undefined => {
  const isHeedless = crew.chance.chance(crew.options.heedlessShare ?? 0, "action", slot.id, "heedless")
  if (isHeedless) return drawAction(crew, slot, 0, earlier)
  for (let nth = 0; nth < kindsMax * triesOfKind; nth++) {
    const action = drawAction(crew, slot, nth, earlier)
    if (action !== undefined && expected.isPossible(action)) return action
  }
  return undefined
}

/** The nth that is tried for that entry; undefined where there is nothing to do it to. */
const drawAction = (
  crew: Crew,
  { id, moment }: Slot,
  nth: number,
  earlier: Cast["earlier"],
): Action | undefined => {
  const { chance, users, options } = crew
  const ofKind = Math.floor(nth / triesOfKind)
  const about = moment === undefined || ofKind > 0 ? undefined : aboutMoment(crew, id, moment)
  const definition = pickWeighted(options.actions, about?.kind ?? chance.unit("action", id, "kind", ofKind))
  const own = drawsFor(chance, "action", id, definition.name, nth)
  const draws = about?.with(own, nth) ?? own
  const drawn = definition.draw({ ...castOf(crew), draws, earlier }) as { readonly room?: string } | undefined
  if (drawn === undefined) return undefined
  const isByCreator = drawn.room !== undefined && draws.chance(options.creatorShare ?? 0, "by-creator")
  const creator = isByCreator ? creatorOf(crew, drawn.room!) : undefined
  const user = creator !== undefined && users.includes(creator) ? creator : draws.pick(users, "user")
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
