/** Whether the levels of an m.room.power_levels event have the form that its room version wants. */
import type { Event } from "../event.ts"
import { isUserId } from "../identifiers.ts"
import { isJsonInteger, isJsonObject, type JsonObject } from "../json/value.ts"
import type { RoomVersion } from "../room-version.ts"
import type { Facts } from "./facts.ts"
import { readLevel, scalarLevels } from "./power-levels.ts"

/** What is odd about an event's levels. */
export interface LevelForm {
  /** One of `ban`, `users_default` and the like is there and not an integer. */
  readonly hasOddScalar: boolean
  /** `events` or `notifications` is there and not an object of integers. */
  readonly hasOddMap: boolean
  /** `users` is there and not an object of levels. */
  readonly hasOddUsers: boolean
  /** `users` names what is no user id. */
  readonly hasOddUserIds: boolean
}

/** The form of the event's levels, worked out once and kept beside the event: it is judged many times. */
export const formOf = ({ event, context: { version } }: Facts): LevelForm => {
  const known = kept.get(event)
  if (known?.version === version) return known
  const { content } = event
  const form = {
    version,
    hasOddScalar: scalarLevels.some((name) => isThereAndNoInteger(content, name)),
    hasOddMap: ["events", "notifications"].some((name) => isThereAndNoMap(content, name)),
    hasOddUsers: hasOddUsers(content, version),
    hasOddUserIds: isJsonObject(content.users) && !Object.keys(content.users).every(isUserId),
  }
  kept.set(event, form)
  return form
}

interface Kept extends LevelForm {
  readonly version: RoomVersion
}

const kept = new WeakMap<Event, Kept>()

const isThereAndNoInteger = (content: JsonObject, name: string): boolean =>
  content[name] !== undefined && !isJsonInteger(content[name])

const isThereAndNoMap = (content: JsonObject, name: string): boolean => {
  const map = content[name]
  return map !== undefined && !(isJsonObject(map) && Object.values(map).every(isJsonInteger))
}

/** An absent `users` is nobody listed, as Synapse and ruma have it; the text leaves that open. */
const hasOddUsers = ({ users }: JsonObject, version: RoomVersion): boolean => {
  if (users === undefined) return false
  if (!isJsonObject(users)) return true
  for (const userId in users) {
    if (readLevel(users[userId], version) === undefined) return true
  }
  return false
}
