/** The answer of a sync, put together (client-server API §GET /sync). */
import { Clock, Effect } from "effect"
import type { JsonObject } from "../../core/json/value.ts"
import { OneTimeKeys } from "../../federation/encryption/one-time-keys.ts"
import { Presence } from "../../federation/presence/presence.ts"
import { Receipts } from "../../federation/receipts/receipts.ts"
import { ToDevice } from "../../federation/to-device/to-device.ts"
import { Changes } from "../../homeserver/changes.ts"
import { Outside } from "../../homeserver/outside.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { AccountData } from "../account-data/account-data.ts"
import { ForgottenRooms } from "../events/access.ts"
import type { Viewer } from "../events/client-event.ts"
import { TransactionIds } from "../events/transaction-ids.ts"
import { PushRules } from "../push-rules/push-rules.ts"
import { deviceChanges, newcomersIn, type RoomSpan, type Sharing } from "./device-changes.ts"
import { globalAccountData, makeRoomExtras, type RoomChanges, roomChanges } from "./ephemeral.ts"
import { isNews, type RoomNews, roomJson, stateName } from "./joined-room.ts"
import { type OwnRooms, ownRooms, sharingWith, standings } from "./own-rooms.ts"
import type { Span } from "./span.ts"
import type { AtTheDoor } from "./stripped.ts"
import { unreadIn, unreadJson } from "./unread.ts"

/** An answer without its `next_batch`. */
export interface SyncAnswer {
  readonly body: JsonObject
  /** Whether it says anything that the client does not know. */
  readonly isNews: boolean
  /** Up to where in its inbox the device is told; 0 where it is told nothing. */
  readonly toDevicePosition: number
}

type Sections = Readonly<Record<string, JsonObject>>

/** Nothing is told of nothing. */
const orNothing = (name: string, events: readonly JsonObject[]): JsonObject =>
  events.length === 0 ? {} : { [name]: { events } }

export const makeSyncAnswer = Effect.gen(function* () {
  const rooms = yield* Rooms
  const changes = yield* Changes
  const outside = yield* Outside
  const presence = yield* Presence
  const receipts = yield* Receipts
  const toDevice = yield* ToDevice
  const oneTimeKeys = yield* OneTimeKeys
  const accountData = yield* AccountData
  const pushRules = yield* PushRules
  const transactionIds = yield* TransactionIds
  const forgottenRooms = yield* ForgottenRooms
  const roomExtras = yield* makeRoomExtras

  const viewerOf = ({ userId, deviceId }: Span) =>
    Effect.map(
      Clock.currentTimeMillis,
      (nowMs): Viewer => ({
        userId,
        nowMs,
        transactionIdOf: (eventId) => transactionIds.of({ userId, deviceId }, eventId),
      }),
    )

  const joinedRooms = Effect.fnUntraced(function* (
    joined: readonly RoomNews[],
    changed: RoomChanges | undefined,
    span: Span,
    viewer: Viewer,
  ) {
    const sections: Record<string, JsonObject> = {}
    for (const news of joined) {
      const { roomId } = news.room
      if (!span.filter.rooms.wantsRoom(roomId)) continue
      const extras = yield* roomExtras(roomId, news.isAll, changed, span)
      const hasMore = extras.isRead || extras.ephemeral.length + extras.accountData.length > 0
      if (!hasMore && !isNews(news) && !span.fullState) continue
      sections[roomId] = {
        ...roomJson(news, span, viewer),
        ephemeral: { events: extras.ephemeral },
        account_data: { events: extras.accountData },
        ...unreadJson(
          unreadIn(
            news.room,
            news.stateNow,
            span,
            receipts.receiptsIn(roomId),
            pushRules.rulesOf(span.userId),
          ),
          span.filter.rooms.timeline.unreadByThread,
        ),
      }
    }
    return sections
  })

  const leftRooms = (left: readonly RoomNews[], span: Span, viewer: Viewer): Record<string, JsonObject> => {
    const { wantsRoom } = span.filter.rooms
    const told = left.filter(
      ({ room }) =>
        wantsRoom(room.roomId) && (span.since !== undefined || !forgottenRooms.has(span.userId, room)),
    )
    return Object.fromEntries(told.map((news) => [news.room.roomId, roomJson(news, span, viewer)]))
  }

  /** Invites and knocks; and the rooms that the user no longer stands before, which it has not gone into. */
  const doors = (own: OwnRooms, span: Span) => {
    const changed =
      span.changesSince === undefined
        ? undefined
        : changes
            .since("outside", span.changesSince)
            .flatMap(([userId, roomId]) => (userId === span.userId ? [roomId] : []))
    const standing = standings(rooms, outside, span.userId, changed)
    const { wantsRoom } = span.filter.rooms
    const invite: Record<string, JsonObject> = {}
    const knock: Record<string, JsonObject> = {}
    const over: string[] = []
    for (const [roomId, door] of [...own.atTheDoor, ...standing]) {
      if (!wantsRoom(roomId)) continue
      if (door === undefined) over.push(roomId)
      else if (!isIgnored(door, span)) {
        const { membership, events } = door
        if (membership === "invite") invite[roomId] = { invite_state: { events } }
        else knock[roomId] = { knock_state: { events } }
      }
    }
    return { invite, knock, over }
  }

  /** §m.ignored_user_list: their invites are not shown. */
  const isIgnored = ({ membership, sender }: AtTheDoor, { ignoredUsers }: Span): boolean =>
    membership === "invite" && ignoredUsers.has(String(sender))

  const presenceEvents = Effect.fnUntraced(function* (
    sharing: Sharing,
    newcomers: ReadonlySet<string>,
    span: Span,
  ) {
    const { changesSince, filter } = span
    const changed = changesSince === undefined ? undefined : changes.since("presence", changesSince)
    const told = new Set(changed?.map(([userId]) => userId))
    const candidates = changed === undefined ? sharing.all() : [...told].filter(sharing.isSharing)
    const events: JsonObject[] = []
    for (const userId of new Set([...candidates, ...[...newcomers].filter(sharing.isSharing)])) {
      const view = yield* presence.presenceOf(userId)
      const isKnown = view.presence !== "offline" || view.lastActiveAgoMs !== undefined || told.has(userId)
      const content = {
        presence: view.presence,
        currently_active: view.currentlyActive,
        ...(view.lastActiveAgoMs === undefined ? {} : { last_active_ago: view.lastActiveAgoMs }),
        ...(view.statusMsg === undefined ? {} : { status_msg: view.statusMsg }),
      }
      const event = { type: "m.presence", sender: userId, content }
      if (isKnown && filter.presence.wants(event)) events.push(event)
    }
    return events
  })

  const ownData = (changed: RoomChanges | undefined, span: Span): readonly JsonObject[] => {
    const kept = accountData.all(span.userId, "").filter(([type]) => type !== "m.push_rules")
    const rules = ["m.push_rules", pushRules.accountDataOf(span.userId)] as const
    return globalAccountData([...kept, rules], changed, span)
  }

  const devices = (own: OwnRooms, sharing: Sharing, span: Span) => {
    const { changesSince, since } = span
    if (since === undefined) return { changed: [], left: [] }
    const changed =
      changesSince === undefined
        ? undefined
        : changes.since("devices", changesSince).map(([userId]) => userId)
    return deviceChanges(sharing, { joined: own.joined.map(spanOf), left: own.left.map(spanOf) }, changed)
  }

  const keysJson = ({ userId, deviceId }: Span): JsonObject => ({
    device_one_time_keys_count: oneTimeKeys.counts(userId, deviceId),
    device_unused_fallback_key_types: oneTimeKeys.unusedFallbacks(userId, deviceId),
  })

  const keysChanged = ({ userId, deviceId, changesSince }: Span): boolean =>
    changesSince !== undefined &&
    changes
      .since("oneTimeKeys", changesSince)
      .some(([owner, device]) => owner === userId && device === deviceId)

  return Effect.fnUntraced(function* (span: Span): Effect.fn.Return<SyncAnswer> {
    const changed = roomChanges(changes, span)
    const isWhole = (roomId: string): boolean => changed?.whole.has(roomId) === true
    const isTouched = (roomId: string): boolean =>
      span.fullState ||
      changed === undefined ||
      isWhole(roomId) ||
      changed.typing.has(roomId) ||
      changed.receipts.has(roomId) ||
      changed.accountData.has(roomId)
    const own = ownRooms(rooms, outside, { isTouched, isWhole }, span)
    const sharing = sharingWith(rooms, span.userId)
    const { invite, knock, over } = doors(own, span)
    const viewer = yield* viewerOf(span)
    const join = yield* joinedRooms(own.joined, changed, span, viewer)
    const leave: Record<string, JsonObject> = leftRooms(own.left, span, viewer)
    for (const roomId of over) {
      if (span.since !== undefined)
        leave[roomId] ??= { timeline: nothingHappened, [stateName(span)]: { events: [] } }
    }
    const sections = Object.entries({ join, invite, knock, leave } satisfies Record<string, Sections>)
    const told = Object.fromEntries(sections.filter(([, section]) => Object.keys(section).length > 0))
    const newcomers = span.since === undefined ? new Set<string>() : newcomersIn(own.joined.map(spanOf))
    const deviceLists = devices(own, sharing, span)
    const inbox = toDevice.inbox(span.userId, span.deviceId)
    const body: JsonObject = {
      ...(Object.keys(told).length === 0 ? {} : { rooms: told }),
      ...orNothing("presence", yield* presenceEvents(sharing, newcomers, span)),
      ...orNothing("account_data", ownData(changed, span)),
      ...orNothing(
        "to_device",
        inbox.messages.map((message) => ({ ...message })),
      ),
      ...(deviceLists.changed.length + deviceLists.left.length === 0 ? {} : { device_lists: deviceLists }),
    }
    return {
      body: { ...body, ...keysJson(span) },
      isNews: Object.keys(body).length > 0 || keysChanged(span),
      toDevicePosition: inbox.position,
    }
  })
})

const nothingHappened: JsonObject = { events: [], limited: false }

const spanOf = ({ room, isAll, happened = [] }: RoomNews): RoomSpan => ({ room, cameIn: isAll, happened })
