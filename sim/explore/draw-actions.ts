/** What users do in a random plan: how its rooms begin, and what comes then. */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import type { Cast } from "./actions/action.ts"
import { type Action, type AnyActionDefinition, actionNamed, actions } from "./actions/catalogue.ts"
import { replaced } from "./actions/rooms.ts"
import { type Crew, drawsFor } from "./crew.ts"
import { ExpectedRooms } from "./expected-rooms.ts"
import type { ActionEntry } from "./plan.ts"

/** When the rooms are made, when members are invited where they must be, and when the first members come. */
const createMs = 1_000
const invitesMs = 2_000
const joinsMs = 6_000
export const storyMs = 15_000

/** Of what replaces a room as well. */
const creatorOf = ({ chance, cast }: Crew, room: string): string =>
  chance.pick(cast, "creator", room.replaceAll(replaced, ""))

/** Each room is made by somebody, and most others come in. */
export const openings = (crew: Crew): readonly ActionEntry[] => {
  const { chance, users, rooms } = crew
  const create = actions.find(({ name }) => name === "create")!
  return rooms.flatMap((room) => {
    const draws = drawsFor(chance, "opening", room)
    const creator = creatorOf(crew, room)
    const via = creator.slice(creator.indexOf(":") + 1)
    const cast = { ...castOf(crew), draws, rooms: [room] }
    const known = crew.servers.find(({ name }) => name === via)?.roomVersions ?? cast.roomVersions
    const made = create.draw({ ...cast, roomVersions: known }) as Omit<Create, "act" | "user">
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
  const slots: readonly Slot[] = Array.from({ length: count }, (_, at) => {
    const id = `a${at + 1}`
    return { id, atMs: storyMs + chance.integer(Math.max(1, faultsMs - storyMs), "action", id, "at") }
  })
  const rooms = [...crew.rooms]
  const earlier: { readonly id: string; readonly room: string }[] = []
  return [...slots, ...departures(crew)].toSorted(inTime).flatMap((slot) => {
    const present = crew.users.filter((user) => goesMs(crew, user) > slot.atMs)
    const users = present.length > 0 ? present : crew.users
    const action =
      slot.do ?? pickAction({ ...crew, users, rooms: [...rooms] }, slot.id, expected, [...earlier])
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
}

const inTime = (a: Slot, b: Slot): number => a.atMs - b.atMs || compareCodePoints(a.id, b.id)

/** The first that is possible of those that are tried for that entry; the first of all where it takes no heed. */
const pickAction = (
  crew: Crew,
  id: string,
  expected: ExpectedRooms,
  earlier: Cast["earlier"],
): Action | undefined => {
  const isHeedless = crew.chance.chance(crew.options.heedlessShare ?? 0, "action", id, "heedless")
  if (isHeedless) return drawAction(crew, id, 0, earlier)
  for (let nth = 0; nth < kindsMax * triesOfKind; nth++) {
    const action = drawAction(crew, id, nth, earlier)
    if (action !== undefined && expected.isPossible(action)) return action
  }
  return undefined
}

/** The nth that is tried for that entry; undefined where there is nothing to do it to. */
const drawAction = (crew: Crew, id: string, nth: number, earlier: Cast["earlier"]): Action | undefined => {
  const { chance, users, options } = crew
  const kind = chance.unit("action", id, "kind", Math.floor(nth / triesOfKind))
  const definition = pickWeighted(options.actions, kind)
  const draws = drawsFor(chance, "action", id, definition.name, nth)
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
