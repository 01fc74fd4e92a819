/** How the rooms of a random plan begin: who makes them, and who comes in; and with what its users come. */
import type { Cast } from "./actions/action.ts"
import { type Action, actions } from "./actions/catalogue.ts"
import { replaced } from "./actions/rooms.ts"
import { type Crew, drawsFor } from "./crew.ts"
import type { ActionEntry } from "./plan.ts"

/** When the rooms are made, when members are invited where they must be, and when the first members come. */
const createMs = 1_000
const invitesMs = 2_000
const joinsMs = 6_000
export const storyMs = 15_000

/** The part of the users who have a device from the start. */
const deviceShare = 0.4

/** Of what replaces a room as well. */
export const creatorOf = ({ chance, cast }: Crew, room: string): string =>
  chance.pick(cast, "creator", room.replaceAll(replaced, ""))

type Create = Extract<Action, { readonly act: "create" }>

export const castOf = ({ names, users, rooms, options }: Crew): Omit<Cast, "draws"> => ({
  servers: names,
  users,
  rooms,
  roomVersions: options.roomVersions,
  earlier: [],
  burstMax: options.burstMax,
  levelsShare: options.levelsShare ?? 0.5,
})

const named = (user: string): string => user.slice(1).replace(":", "-")

/** Many come with a device, each room is made by somebody, and most others come in. */
export const openings = (crew: Crew): readonly ActionEntry[] => [...devices(crew), ...beginnings(crew)]

const devices = (crew: Crew): readonly ActionEntry[] =>
  crew.users.flatMap((user) => {
    const draws = drawsFor(crew.chance, "opening", user)
    if (!draws.chance(deviceShare, "device")) return []
    const addDevice = actions.find(({ name }) => name === "add-device")!
    const drawn = addDevice.draw({ ...castOf(crew), draws })
    return [
      {
        id: `first-device-${named(user)}`,
        atMs: draws.integer(createMs, "device-at"),
        do: { act: "add-device", user, ...drawn } as Action,
      },
    ]
  })

const beginnings = (crew: Crew): readonly ActionEntry[] => {
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
    return [
      { id: `make-${room}`, atMs: createMs, do: { act: "create", user: creator, ...made } as Create },
      ...(made.joinRule === "invite"
        ? members.map((target) => ({
            id: `first-invite-${room}-${named(target)}`,
            atMs: invitesMs + draws.integer(joinsMs - invitesMs, "invites-at", target),
            do: { act: "invite" as const, user: creator, room, target },
          }))
        : []),
      ...members.map((user) => ({
        id: `first-join-${room}-${named(user)}`,
        atMs: joinsMs + draws.integer(storyMs - joinsMs, "joins-at", user),
        do: { act: "join" as const, user, room, via: [via] },
      })),
    ]
  })
}
