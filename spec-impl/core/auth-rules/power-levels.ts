/**
 * Power levels in all their historical forms (client-server API §m.room.power_levels, rooms §Power level
 * forms). A malformed m.room.power_levels never throws: what cannot be read counts as absent, and the rules on
 * such events say whether it may be sent.
 */
import type { Event } from "../event.ts"
import { isJsonArray, isJsonObject, JsonFloat, type JsonObject, type JsonValue } from "../json/value.ts"
import type { RoomVersion } from "../room-version.ts"
import type { AuthContext } from "./auth-context.ts"

/** The levels of m.room.power_levels that are one number each, with what counts where they are absent. */
export const scalarDefaults = {
  users_default: 0,
  events_default: 0,
  state_default: 50,
  ban: 50,
  redact: 50,
  kick: 50,
  invite: 0,
} as const

export type ScalarLevel = keyof typeof scalarDefaults
export const scalarLevels = Object.keys(scalarDefaults) as readonly ScalarLevel[]

/** Unicode's white space, as Synapse, ruma and gomatrixserverlib all trim it; digits are ASCII alone. */
const integerText = /^\p{White_Space}*([+-]?[0-9]+)\p{White_Space}*$/u

/**
 * One level, or undefined where the room version does not take that form: integers everywhere, strings in
 * rooms 1–9, floats, truncated, in rooms 1–5; one beyond a double is no level in any.
 */
export const readLevel = (
  value: JsonValue | undefined,
  version: RoomVersion,
): number | bigint | undefined => {
  if (typeof value === "number" || typeof value === "bigint") return value
  const forms = version.auth.levelForms
  if (value instanceof JsonFloat) {
    const taken = forms === "integers-strings-floats" && Number.isFinite(value.value)
    return taken ? Math.trunc(value.value) + 0 : undefined
  }
  if (typeof value !== "string" || forms === "integers") return undefined
  const digits = integerText.exec(value)?.[1]
  if (digits === undefined) return undefined
  const integer = Number(digits)
  return Number.isSafeInteger(integer) ? integer + 0 : BigInt(digits)
}

/** A level to compare with: a number, or what no number reaches. */
export type Level = number | bigint

/** The users whose power is infinite: the creators of room 12 (rooms/v12 §Authorisation rules). */
export const privilegedCreators = (create: Event | undefined, version: RoomVersion): ReadonlySet<string> => {
  if (!version.auth.privilegedCreators || create === undefined) return nobody
  const known = creatorsOf.get(create)
  if (known !== undefined) return known
  const additional = create.content.additional_creators
  const creators = new Set([create.sender])
  if (isJsonArray(additional)) {
    for (const user of additional) if (typeof user === "string") creators.add(user)
  }
  creatorsOf.set(create, creators)
  return creators
}

const nobody: ReadonlySet<string> = new Set()
const creatorsOf = new WeakMap<Event, ReadonlySet<string>>()

/** The creator by rooms 1–10's `content.creator`, or by the sender (rooms 11+). */
export const creatorOf = (create: Event, version: RoomVersion): JsonValue | undefined =>
  version.auth.creator === "content" ? create.content.creator : create.sender

/** The levels of a room as its state has them. */
export class PowerLevels {
  readonly #content: JsonObject | undefined
  readonly #create: Event | undefined
  readonly #version: RoomVersion

  constructor(powerLevels: Event | undefined, create: Event | undefined, version: RoomVersion) {
    this.#content = powerLevels?.content
    this.#create = create
    this.#version = version
  }

  /** Without an m.room.power_levels event the creator has 100 and everybody else 0. */
  ofUser(userId: string): Level {
    if (privilegedCreators(this.#create, this.#version).has(userId)) return Number.POSITIVE_INFINITY
    if (this.#content === undefined) {
      const isCreator = this.#create !== undefined && creatorOf(this.#create, this.#version) === userId
      return isCreator ? 100 : 0
    }
    return entryOf(this.#content.users, userId, this.#version) ?? this.scalar("users_default")
  }

  scalar(name: ScalarLevel): Level {
    return readLevel(this.#content?.[name], this.#version) ?? scalarDefaults[name]
  }

  /** §m.room.power_levels: by type, else `state_default` or `events_default`. */
  required(type: string, isState: boolean): Level {
    return (
      entryOf(this.#content?.events, type, this.#version) ??
      this.scalar(isState ? "state_default" : "events_default")
    )
  }
}

const entryOf = (object: JsonValue | undefined, key: string, version: RoomVersion): Level | undefined =>
  isJsonObject(object) && Object.hasOwn(object, key) ? readLevel(object[key], version) : undefined

/**
 * The level by which the reverse topological power ordering compares (rooms/v2 §State resolution): the
 * sender's, by the events that it cites. Where it cites no levels gomatrixserverlib gives the creator of rooms 2–11
 * nothing, which is a matter of reading (`levels-uncited`).
 */
export const powerLevelForOrdering = (
  sender: string,
  powerLevels: Event | undefined,
  create: Event | undefined,
  { version, readings }: Pick<AuthContext, "version" | "readings">,
): Level => {
  const isCreatorKnown = readings.levelsUncited === "creator" || version.auth.privilegedCreators
  return new PowerLevels(powerLevels, isCreatorKnown ? create : undefined, version).ofUser(sender)
}
