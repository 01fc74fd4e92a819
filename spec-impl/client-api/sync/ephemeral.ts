/** What a sync tells of a room besides its events (client-server API §Typing Notifications, §Receipts, §Client Config). */
import { Effect } from "effect"
import { compareCodePoints } from "../../core/json/encode.ts"
import type { JsonObject } from "../../core/json/value.ts"
import { type Receipt, Receipts } from "../../federation/receipts/receipts.ts"
import { Typing } from "../../federation/typing/typing.ts"
import type { Changes } from "../../homeserver/changes.ts"
import { AccountData } from "../account-data/account-data.ts"
import type { Span } from "./span.ts"

/** What has changed of rooms in the span; undefined where everything is told. */
export interface RoomChanges {
  /** Whose state has become whole. */
  readonly whole: ReadonlySet<string>
  readonly typing: ReadonlySet<string>
  /** By room: the keys of receipts. */
  readonly receipts: ReadonlyMap<string, ReadonlySet<string>>
  /** By room: types. */
  readonly accountData: ReadonlyMap<string, ReadonlySet<string>>
}

const grouped = (pairs: readonly (readonly [string, string])[]): ReadonlyMap<string, ReadonlySet<string>> => {
  const groups = new Map<string, Set<string>>()
  for (const [key, value] of pairs) groups.set(key, (groups.get(key) ?? new Set<string>()).add(value))
  return groups
}

/** All that is of a room; account data of none is under "". */
export const roomChanges = (
  changes: Changes["Service"],
  { userId, changesSince }: Span,
): RoomChanges | undefined =>
  changesSince === undefined
    ? undefined
    : {
        whole: new Set(changes.since("wholeRoom", changesSince).map(([roomId]) => roomId)),
        typing: new Set(changes.since("typing", changesSince).map(([roomId]) => roomId)),
        receipts: grouped(changes.since("receipt", changesSince)),
        accountData: grouped(
          changes
            .since("accountData", changesSince)
            .flatMap(([owner, roomId, type]) => (owner === userId ? [[roomId, type] as const] : [])),
        ),
      }

/** The ephemeral events and the account data of a room for that user. */
export const makeRoomExtras = Effect.gen(function* () {
  const typing = yield* Typing
  const receipts = yield* Receipts
  const accountData = yield* AccountData

  const typingEvents = Effect.fnUntraced(function* (roomId: string, isChanged: boolean) {
    const userIds = yield* typing.typingIn(roomId)
    return isChanged || userIds.length > 0 ? [{ type: "m.typing", content: { user_ids: userIds } }] : []
  })

  return Effect.fnUntraced(function* (
    roomId: string,
    isAll: boolean,
    changed: RoomChanges | undefined,
    span: Span,
  ) {
    const { ephemeral: wanted, accountData: wantedData } = span.filter.rooms
    const everything = isAll || changed === undefined
    const typed = everything || changed.typing.has(roomId) ? yield* typingEvents(roomId, !everything) : []
    const keys = changed?.receipts.get(roomId)
    const read =
      everything || keys !== undefined
        ? receipts
            .receiptsIn(roomId)
            .filter((receipt) => everything || keys?.has(receipts.keyOf(receipt)) === true)
            .filter(({ type, userId }) => type === "m.read" || userId === span.userId)
        : []
    const types = changed?.accountData.get(roomId)
    const data =
      everything || types !== undefined
        ? accountData.all(span.userId, roomId).filter(([type]) => everything || types?.has(type) === true)
        : []
    return {
      /** Whether the user has read more. */
      isRead: !everything && read.some(({ userId }) => userId === span.userId),
      ephemeral: wanted.wantsRoom(roomId)
        ? [...typed, ...receiptEvents(read)].filter((event) => wanted.wants(event))
        : [],
      accountData: wantedData.wantsRoom(roomId)
        ? data.map(([type, content]) => ({ type, content })).filter((event) => wantedData.wants(event))
        : [],
    }
  })
})

/** §m.receipt: by event, by type, by user. One user may have read one event in the room and in a thread of it: two events. */
const receiptEvents = (receipts: readonly Receipt[]): readonly { type: string; content: JsonObject }[] => {
  const contents: Record<string, Record<string, Record<string, JsonObject>>>[] = []
  for (const { eventId, type, userId, ts, threadId } of receipts) {
    let content = contents.find((one) => one[eventId]?.[type]?.[userId] === undefined)
    if (content === undefined) {
      content = {}
      contents.push(content)
    }
    const data = { ts, ...(threadId === undefined ? {} : { thread_id: threadId }) }
    const byType = content[eventId] ?? {}
    content[eventId] = { ...byType, [type]: { ...byType[type], [userId]: data } }
  }
  return contents.map((content) => ({ type: "m.receipt", content }))
}

/** Account data of no room, by type. */
export const globalAccountData = (
  all: readonly (readonly [type: string, content: JsonObject])[],
  changed: RoomChanges | undefined,
  { filter }: Span,
): readonly JsonObject[] => {
  const types = changed?.accountData.get("")
  return all
    .filter(([type]) => changed === undefined || types?.has(type) === true)
    .map(([type, content]) => ({ type, content }))
    .filter((event) => filter.accountData.wants(event))
    .sort((one, other) => compareCodePoints(one.type, other.type))
}
