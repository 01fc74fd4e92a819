/** Which events a client wants (client-server API §Filtering: EventFilter and RoomEventFilter). */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"

export interface EventFilter {
  /** Undefined where nothing is said: as many as the endpoint gives. */
  readonly limit: number | undefined
  readonly lazyLoadMembers: boolean
  /** Whether unread notifications are counted for each thread by itself. */
  readonly unreadByThread: boolean
  /** Whether the event is wanted. */
  readonly wants: (event: FilteredEvent) => boolean
  /** Whether anything of that room is wanted. */
  readonly wantsRoom: (roomId: string) => boolean
}

/** What a filter looks at; an event without a sender is nobody's. */
export interface FilteredEvent {
  readonly type: string
  readonly sender?: string
  readonly content: JsonObject
}

const keys = ["types", "not_types", "senders", "not_senders", "rooms", "not_rooms"] as const
const flags = [
  "lazy_load_members",
  "include_redundant_members",
  "unread_thread_notifications",
  "contains_url",
] as const

type Lists = { readonly [K in (typeof keys)[number]]: readonly string[] | undefined }

/** Undefined for what is no filter; nothing said wants everything. */
export const readEventFilter = (given: JsonValue | undefined): EventFilter | undefined => {
  const json = given ?? {}
  if (!isJsonObject(json)) return undefined
  const { limit } = json
  if (limit !== undefined && !(typeof limit === "number" && Number.isSafeInteger(limit) && limit >= 0))
    return undefined
  if (!flags.every((flag) => json[flag] === undefined || typeof json[flag] === "boolean")) return undefined
  if (!keys.every((key) => json[key] === undefined || isStrings(json[key]))) return undefined
  const lists = json as unknown as Lists
  const types = lists.types?.map(matcherOf)
  const notTypes = lists.not_types?.map(matcherOf)
  return {
    limit: limit as number | undefined,
    lazyLoadMembers: json.lazy_load_members === true,
    unreadByThread: json.unread_thread_notifications === true,
    wants: ({ type, sender = "", content }) =>
      isWanted(sender, lists.senders, lists.not_senders) &&
      types?.some((matches) => matches(type)) !== false &&
      notTypes?.some((matches) => matches(type)) !== true &&
      (json.contains_url === undefined || json.contains_url === Object.hasOwn(content, "url")),
    wantsRoom: (roomId) => isWanted(roomId, lists.rooms, lists.not_rooms),
  }
}

const isStrings = (value: JsonValue | undefined): boolean =>
  isJsonArray(value) && value.every((one) => typeof one === "string")

/** "Excluded even if it is listed": what is not wanted counts first. */
const isWanted = (
  value: string,
  wanted: readonly string[] | undefined,
  unwanted: readonly string[] | undefined,
): boolean => wanted?.includes(value) !== false && unwanted?.includes(value) !== true

/** A `*` stands for any sequence of characters. */
const matcherOf = (pattern: string): ((text: string) => boolean) => {
  const [first = "", ...rest] = pattern.split("*")
  if (rest.length === 0) return (text) => text === pattern
  const last = rest.pop()!
  return (text) => {
    if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last))
      return false
    let at = first.length
    for (const part of rest) {
      const found = text.indexOf(part, at)
      if (found < 0 || found + part.length > text.length - last.length) return false
      at = found + part.length
    }
    return true
  }
}
