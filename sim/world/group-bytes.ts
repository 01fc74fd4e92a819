import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { canonicalJson, compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { JsonFloat, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { Recent } from "#spec-impl/core/recent.ts"
import type {
  DestinationWrite,
  EventWrite,
  StateWrite,
  StoreGroup,
  TransactionAnswer,
} from "#spec-impl/store/event-store.ts"
import { isEqualButForPosition, isEqualState } from "#spec-impl/store/shared-writes.ts"

/**
 * A group as bytes, for the trace and for draws: JSON but for PDUs and other bytes, of which it has the hashes, and for
 * what is undefined in it, which says nothing.
 */
export const groupBytes = (group: StoreGroup): Uint8Array => encoder.encode(groupText(group))

/** The same as text. */
export const groupText = (group: StoreGroup): string => {
  let text = isPlain(group) ? plainText(group) : textOf({ ...group, events: undefined })
  for (const event of group.events ?? []) text += `\n${eventText(event)} ${event.position}`
  return text
}

const plainText = (group: StoreGroup): string => {
  const { extremities = none, destinations = none, answers = none } = group
  let text = hasRare(group) ? rareText(group) : ""
  for (const { roomId, eventIds } of extremities) text += `\n${roomId} ${eventIds.join(" ")}`
  text += destinationsText(destinations)
  for (const { origin, transactionId, answer, answeredTs } of answers) {
    text += `\n${origin} ${transactionId} ${answeredTs} ${answerText(answer)}`
  }
  return text
}

/** Whether there is something in it that most groups are without. */
const hasRare = ({ forgottenRooms, rooms, states = none, answersForgottenBefore }: StoreGroup): boolean =>
  forgottenRooms !== undefined ||
  rooms !== undefined ||
  states.length > 0 ||
  answersForgottenBefore !== undefined

const rareText = ({ forgottenRooms, rooms, states, answersForgottenBefore }: StoreGroup): string => {
  const stateList = states === undefined ? "null" : `[${states.map(stateText).join(",")}]`
  const rest = [forgottenRooms, rooms, answersForgottenBefore].map((part) => JSON.stringify(part ?? null))
  return `[${rest[0]},${rest[1]},${stateList},${rest[2]}]`
}

/** Many servers work out one and the same state. */
const stateTexts = new Recent<string, { readonly state: StateWrite; readonly text: string }>()

const stateText = (state: StateWrite): string => {
  const last = stateTexts.get(state.digest)
  if (last !== undefined && isEqualState(last.state, state)) return last.text
  const text = JSON.stringify(state)
  stateTexts.keep(state.digest, { state, text })
  return text
}

/** What is written alike for destinations in a row stands there once, with the last of them: an event goes to many. */
const destinationsText = (writes: readonly DestinationWrite[]): string => {
  let text = ""
  for (let at = 0; at < writes.length; at++) {
    const write = writes[at]!
    const next = writes[at + 1]
    const isToldNext = next !== undefined && areAlike(write, next)
    text += `\n${isToldNext ? write.destination : JSON.stringify(write)}`
  }
  return text
}

/** Whether two writes are the same but for their destinations, as far as that is seen at once. */
const areAlike = (one: DestinationWrite, other: DestinationWrite): boolean =>
  one.inFlight === other.inFlight &&
  haveSameItems(one.queued, other.queued) &&
  haveSameItems(one.settled, other.settled) &&
  haveSameItems(one.settledEdus, other.settledEdus)

const haveSameItems = (one: readonly unknown[] = none, other: readonly unknown[] = none): boolean =>
  one === other || (one.length === other.length && one.every((item, at) => item === other[at]))

const none: readonly [] = []

/** Many servers give one and the same. */
const answerTexts = new Recent<TransactionAnswer, string>()

const answerText = (answer: TransactionAnswer): string =>
  answerTexts.get(answer) ?? answerTexts.keep(answer, JSON.stringify(answer))

const encoder = new TextEncoder()

/** PDUs are JSON throughout, and of any depth; many servers keep one and the same, and most think the same of it. */
const eventTexts = new Recent<JsonObject, { readonly event: EventWrite; readonly text: string }>()

/** Stands for all of an event but its position. */
const eventText = (event: EventWrite): string => {
  const last = eventTexts.get(event.pdu)
  if (last !== undefined && isEqualButForPosition(last.event, event)) return last.text
  const { pdu } = event
  const digest = encodeBase64(sha256(canonicalJson(pdu)))
  const text = encodeBase64(sha256(JSON.stringify({ ...event, position: undefined, pdu: digest })))
  eventTexts.keep(pdu, { event, text })
  return text
}

/** Whether all that is in it is what `JSON.stringify` can write: as where events alone are kept, and sent. */
const isPlain = ({ records, blobs, outside, destinations }: StoreGroup): boolean =>
  records === undefined &&
  blobs === undefined &&
  outside === undefined &&
  !destinations?.some(
    ({ queuedEdus, inFlight }) => queuedEdus !== undefined || (inFlight?.edus.length ?? 0) > 0,
  )

const textOf = (value: unknown): string => {
  if (typeof value !== "object" || value === null || value instanceof JsonFloat)
    return canonicalJson(value as JsonValue)
  if (value instanceof Uint8Array) return canonicalJson(encodeBase64(sha256(value)))
  return Array.isArray(value) ? listText(value) : objectText(value)
}

const listText = (list: readonly unknown[]): string => {
  let text = "["
  for (let at = 0; at < list.length; at++) text += at === 0 ? textOf(list[at]) : `,${textOf(list[at])}`
  return `${text}]`
}

const objectText = (object: object): string => {
  let text = "{"
  for (const key of sortedKeys(object)) {
    const child = (object as Readonly<Record<string, unknown>>)[key]
    if (child === undefined) continue
    // The values of records are JSON throughout.
    const written = key === "value" ? canonicalJson(child as JsonValue) : textOf(child)
    text += text === "{" ? `${canonicalJson(key)}:${written}` : `,${canonicalJson(key)}:${written}`
  }
  return `${text}}`
}

const sortedKeys = (object: object): readonly string[] => {
  const keys = Object.keys(object)
  return keys.length < 2 ? keys : keys.sort(compareCodePoints)
}
