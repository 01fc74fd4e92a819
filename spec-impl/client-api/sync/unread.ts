/** What a user has not read of a room, as far as its push rules want it to know (client-server API §Receiving notifications). */
import { PowerLevels } from "../../core/auth-rules/power-levels.ts"
import type { Event } from "../../core/event.ts"
import { isJsonInteger, isJsonObject, type JsonObject } from "../../core/json/value.ts"
import type { StateMap } from "../../core/state-resolution/state-map.ts"
import { maySee, userAudience } from "../../federation/history/visibility.ts"
import type { Receipt } from "../../federation/receipts/receipts.ts"
import type { Room } from "../../homeserver/rooms.ts"
import { threadOf } from "../ephemeral/threads.ts"
import type { Ruleset } from "../push-rules/default-rules.ts"
import { noticeOf, type RuleContext } from "../push-rules/evaluate.ts"
import type { Span } from "./span.ts"

/** No more events than that are looked at: who has so much to read is told of the last of it. */
const eventsMax = 5_000

/** Counts of one thread, or of all. */
interface Count {
  highlight_count: number
  notification_count: number
}

/** By thread, `main` too; a thread without any is not in it. */
export type UnreadCounts = ReadonlyMap<string, Readonly<Count>>

/** Counts what came after the user's receipts, of events that others sent and the user may see. */
export const unreadIn = (
  room: Room,
  stateNow: StateMap,
  { userId, until, ignoredUsers }: Span,
  receipts: readonly Receipt[],
  rules: Ruleset,
): UnreadCounts => {
  const { dag } = room
  const counts = new Map<string, Count>()
  const readUpTo = receiptPositions(room, userId, receipts)
  const audience = userAudience(userId)
  const context = ruleContext(room, stateNow)
  const unread = room.timeline.after(readUpTo.get(undefined) ?? 0, until).slice(-eventsMax)
  for (const { position, record } of unread.toReversed()) {
    const { event } = record
    const thread = threadOf(dag, event)
    if (event.sender === userId) {
      // Before it came in the user had nothing to read.
      if (event.type === "m.room.member" && event.stateKey === userId) break
      // §Marking notifications as read: "by sending an event".
      readUpTo.set(thread, Math.max(position, readUpTo.get(thread) ?? 0))
    } else if (
      position > (readUpTo.get(thread) ?? 0) &&
      !(event.stateKey === undefined && ignoredUsers.has(event.sender)) &&
      dag.redactions.of(event) === undefined &&
      maySee(dag, record, audience)
    ) {
      const { isNotified, isHighlighted } = noticeOf(rules, asTold(event), context(event))
      if (!isNotified) continue
      const count = counts.get(thread) ?? { highlight_count: 0, notification_count: 0 }
      counts.set(thread, count)
      count.notification_count += 1
      if (isHighlighted) count.highlight_count += 1
    }
  }
  return counts
}

/** By thread, undefined for all: up to where the user has read, by whichever of its receipts is ahead. */
const receiptPositions = (
  { dag, timeline }: Room,
  userId: string,
  receipts: readonly Receipt[],
): Map<string | undefined, number> => {
  const positions = new Map<string | undefined, number>()
  for (const receipt of receipts) {
    const record = receipt.userId === userId ? dag.record(receipt.eventId) : undefined
    const position = record === undefined ? undefined : timeline.positionOf(record)
    if (position === undefined) continue
    positions.set(receipt.threadId, Math.max(position, positions.get(receipt.threadId) ?? 0))
  }
  return positions
}

const asTold = ({ type, roomId, sender, stateKey, content, eventId }: Event): JsonObject => ({
  event_id: eventId,
  type,
  room_id: roomId,
  sender,
  content,
  ...(stateKey === undefined ? {} : { state_key: stateKey }),
})

const ruleContext = ({ dag }: Room, state: StateMap): ((event: Event) => RuleContext) => {
  const levelsEvent = dag.eventIn(state, "m.room.power_levels", "")
  const levels = new PowerLevels(levelsEvent, dag.create(), dag.rules.version)
  const notifications = levelsEvent?.content.notifications
  /** §m.room.power_levels: 50 where nothing is said. */
  const required = (key: string): number | bigint => {
    const level = isJsonObject(notifications) && Object.hasOwn(notifications, key) ? notifications[key] : 50
    return isJsonInteger(level) ? level : 50
  }
  let memberCount = 0
  state.forEach((index) => {
    const { type, content } = dag.graph.event(index)
    if (type === "m.room.member" && content.membership === "join") memberCount += 1
  })
  return ({ sender }) => ({ memberCount, mayNotify: (key) => levels.ofUser(sender) >= required(key) })
}

/** `unread_notifications`, and where the client wants to know of each thread by itself `unread_thread_notifications`. */
export const unreadJson = (counts: UnreadCounts, byThread: boolean): JsonObject => {
  const sum = (threads: readonly string[]): JsonObject => ({
    highlight_count: threads.reduce((total, thread) => total + (counts.get(thread)?.highlight_count ?? 0), 0),
    notification_count: threads.reduce(
      (total, thread) => total + (counts.get(thread)?.notification_count ?? 0),
      0,
    ),
  })
  if (!byThread) return { unread_notifications: sum([...counts.keys()]) }
  const threads = [...counts.keys()].filter((thread) => thread !== "main")
  return {
    unread_notifications: sum(["main"]),
    ...(threads.length === 0
      ? {}
      : {
          unread_thread_notifications: Object.fromEntries(threads.map((thread) => [thread, sum([thread])])),
        }),
  }
}
