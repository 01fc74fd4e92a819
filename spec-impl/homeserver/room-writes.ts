import type { Event } from "../core/event.ts"
import { Recent } from "../core/recent.ts"
import type { EventRecord, TimelineRecord } from "../core/room-dag/event-record.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { AuthGraph } from "../core/state-resolution/auth-graph.ts"
import { StateMap } from "../core/state-resolution/state-map.ts"
import type { EventWrite, StateWrite, StoreGroup } from "../store/event-store.ts"
import type { RoomTimeline } from "./timeline.ts"

/** What is asked of a room whose events are kept. */
interface KeptRoom {
  readonly roomId: string
  readonly timeline: RoomTimeline
}

/**
 * What must be kept so that `records` are still known after a restart: one part of a store group. `taken` are the
 * positions of those that have none yet.
 */
export const writesOf = (
  room: KeptRoom,
  dag: RoomDag,
  records: readonly EventRecord[],
  taken: ReadonlyMap<string, number>,
): Required<Pick<StoreGroup, "states" | "events">> => ({
  states: stateWritesOf(dag, records),
  events: [...records, ...redactedBy(dag, records)].map((record) =>
    eventWrite(room, dag, record, isRedacted(dag, record, records), positionOf(room, record, taken)),
  ),
})

/** The position of an accepted event of the history: the one that it has, or the one that was taken for it. */
export const positionOf = (
  { timeline }: KeptRoom,
  record: EventRecord,
  taken: ReadonlyMap<string, number>,
): number | undefined =>
  record.place === "timeline" && record.verdict === "accepted"
    ? (taken.get(record.event.eventId) ?? timeline.positionOf(record))
    : undefined

/** What was held before `records` came, and must be kept otherwise from now on. */
const redactedBy = (dag: RoomDag, records: readonly EventRecord[]): readonly EventRecord[] =>
  records.flatMap(({ event: { redacts } }) => {
    const target = redacts === undefined ? undefined : dag.record(redacts)
    return target !== undefined && isRedacted(dag, target, records) ? [target] : []
  })

/**
 * Whether redaction leaves its mark in the store (client-server API §Redactions: a message is to be gone). State events
 * and redactions stay as they came, though nobody is shown more than the redacted copy: by them it is decided what is
 * in the state, and what is redacted.
 */
const isRedacted = (dag: RoomDag, { event }: EventRecord, records: readonly EventRecord[]): boolean =>
  event.stateKey === undefined &&
  event.type !== "m.room.redaction" &&
  (dag.redactions.of(event) !== undefined || records.some((record) => dag.redactions.applies(record, event)))

const eventWrite = (
  { roomId }: KeptRoom,
  dag: RoomDag,
  record: EventRecord,
  redacted: boolean,
  position: number | undefined,
): EventWrite => ({
  roomId,
  eventId: record.event.eventId,
  pdu: (redacted ? dag.redactions.redacted(record.event) : record.event).pdu,
  verdict: record.verdict,
  objection: record.objection,
  restrictedJoinSigned: dag.restrictedJoinIsSigned(record.event.eventId),
  history:
    record.place === "outlier"
      ? undefined
      : {
          stateBefore: record.stateBefore.digest,
          stateAfter: record.stateAfter.digest,
          claimedBy: record.stateSource.kind === "claimed" ? record.stateSource.by : undefined,
        },
  ...(position === undefined ? {} : { position }),
})

/**
 * Each state as a change to one that is kept already or comes before it in the group, never in a circle: where a parent
 * comes after its child, whose state was claimed, nothing rests on it.
 */
const stateWritesOf = (dag: RoomDag, records: readonly EventRecord[]): readonly StateWrite[] => {
  const earlier = new Map<string, StateMap>()
  const inGroup = new Set(records.map(({ event }) => event.eventId))
  const stateAfter = (eventId: string) =>
    earlier.get(eventId) ?? (inGroup.has(eventId) ? undefined : dag.held.stateAfter(eventId))
  return records.flatMap((record) => {
    if (record.place !== "timeline") return []
    const writes = stateWrites(dag, record, stateAfter)
    earlier.set(record.event.eventId, record.stateAfter)
    return writes
  })
}

/** The states around an event, as changes to a parent's state where one is known. */
const stateWrites = (
  dag: RoomDag,
  record: TimelineRecord,
  stateAfter: (eventId: string) => StateMap | undefined,
): readonly StateWrite[] => {
  const parent = record.event.prevEvents.map(stateAfter).find((state) => state !== undefined)
  return [
    ...changeFrom(dag, parent ?? StateMap.empty, record.stateBefore),
    ...changeFrom(dag, record.stateBefore, record.stateAfter),
  ]
}

const changeFrom = (dag: RoomDag, from: StateMap, to: StateMap): readonly StateWrite[] => {
  if (from.digest === to.digest) return []
  const changes = StateMap.differences([from, to]).map((key) => {
    const index = to.get(key)
    return index < 0 ? ([...dag.graph.keyOf(key), null] as const) : changeTo(dag.graph.event(index))
  })
  return [{ digest: to.digest, basedOn: from.size === 0 ? undefined : from.digest, changes }]
}

/** The same for all virtual servers, each of which begins with a state of hundreds of events. */
const changeTo = (event: Event): StateWrite["changes"][number] =>
  changesTo.get(event) ?? changesTo.keep(event, [event.type, event.stateKey!, event.eventId])

const changesTo = new Recent<Event, StateWrite["changes"][number]>()

/**
 * The states of a room that was kept, by their digests, with what its events are in `graph`. Each is made once, of the
 * one that it is based on, and shares with that one all but what changes: as when they first were.
 */
export const statesFrom = (kept: ReadonlyMap<string, StateWrite>, graph: AuthGraph) => {
  const made = new Map([[StateMap.empty.digest, StateMap.empty]])
  return (digest: string): StateMap => {
    const layers: StateWrite[] = []
    for (let at: string | undefined = digest; at !== undefined && !made.has(at); ) {
      const layer = kept.get(at)
      if (layer !== undefined) layers.push(layer)
      at = layer?.basedOn
    }
    let state = made.get(layers.at(-1)?.basedOn ?? StateMap.empty.digest) ?? StateMap.empty
    for (const { digest: named, changes } of layers.reverse()) {
      state = state.with(graph, {
        put: changes.flatMap(([, , eventId]) => (eventId === null ? [] : (graph.indexOf(eventId) ?? []))),
        remove: changes.flatMap(([type, stateKey]) => {
          const key = graph.knownKeyIndex(type, stateKey)
          return key < 0 ? [] : [key]
        }),
      })
      made.set(named, state)
    }
    return made.get(digest) ?? state
  }
}
