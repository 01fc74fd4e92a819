/**
 * What a server made of each event is what the rules say of it (§Checks performed on receipt of a PDU, 4 to 6): by its
 * auth_events, by the state before it, and, for what is new, by the state of the room as it stood when it came. So is
 * what follows from a verdict: a rejected event changes no state, and neither that nor a soft-failed one is built on.
 */
import type { EventRecord, Objection } from "#spec-impl/core/room-dag/event-record.ts"
import { verdictBy } from "#spec-impl/core/room-dag/objections.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import { objectionOfCitations, objectionOfState, presentFor } from "./by-the-rules.ts"
import type { Check, CheckedWorld } from "./check.ts"

export const verdicts: Check = {
  name: "verdicts",
  about:
    "events are accepted, rejected and soft-failed as the rules say, and what is not accepted is no forward extremity",
  watch: (world) => {
    const rooms = new Map<string, Noted>()
    return {
      onRecord: ({ kind, fields }) => {
        if (kind !== "event") return []
        const [server, roomId, eventId] = fields.map(String) as [string, string, string]
        const dag = heldBy(world, server, roomId)
        const record = dag?.record(eventId)
        if (dag === undefined || record === undefined) return []
        const key = `${server} ${roomId}`
        const before = rooms.get(key)
        rooms.set(key, noted(dag, before, record))
        const problem =
          before?.dag === dag ? (problemOf(world, before, record) ?? tipProblem(before, record)) : undefined
        return problem === undefined ? [] : [`${server}, ${roomId}: ${problem}`]
      },
    }
  },
}

/** A room as it was after the event before. */
interface Noted {
  readonly dag: RoomDag
  readonly tips: readonly string[]
  /** After its forward extremities. */
  readonly states: readonly StateMap[]
  /** What was accepted by its auth_events before its place was known: that stands. */
  readonly outliers: Set<string>
  /** What was there before the first event that was looked at. */
  readonly known: ReadonlySet<string>
}

const heldBy = ({ servers, honest }: CheckedWorld, server: string, roomId: string): RoomDag | undefined => {
  const room = honest.includes(server) ? servers.get(server)?.rooms.find(roomId) : undefined
  return room?.partial === undefined ? room?.dag : undefined
}

const noted = (dag: RoomDag, before: Noted | undefined, record: EventRecord): Noted => {
  const isSame = before?.dag === dag
  const outliers = isSame ? before.outliers : acceptedOutliersOf(dag)
  if (record.place === "outlier" && record.verdict === "accepted") outliers.add(record.event.eventId)
  const tips = isSame && record.place === "outlier" ? before.tips : dag.forwardExtremities()
  return {
    dag,
    tips,
    states: tips.flatMap((eventId) => dag.timeline(eventId)?.stateAfter ?? []),
    outliers,
    known: isSame ? before.known : new Set([...dag.records()].map(({ event }) => event.eventId)),
  }
}

const acceptedOutliersOf = (dag: RoomDag): Set<string> =>
  new Set(
    [...dag.records()]
      .filter(({ place, verdict }) => place === "outlier" && verdict === "accepted")
      .map(({ event }) => event.eventId),
  )

const problemOf = (world: CheckedWorld, before: Noted, record: EventRecord): string | undefined => {
  const { event, verdict, place } = record
  // Of what was decided anew, or read at a boot, only what gets its place later is looked at.
  const isNew =
    !before.known.has(event.eventId) || (place === "timeline" && before.outliers.has(event.eventId))
  if (!isNew) return undefined
  const objection = objectionTo(world, before, record)
  const wanted = verdictBy(objection, before.dag.rules.readings)
  if (wanted === verdict) return undefined
  const why =
    objection === undefined ? "nothing speaks against it" : `rule ${objection.rule}: ${objection.reason}`
  return `${event.eventId} is ${verdict}, and is to be ${wanted}: ${why}`
}

const objectionTo = (world: CheckedWorld, before: Noted, record: EventRecord): Objection | undefined => {
  const { dag, outliers, states } = before
  const { event } = record
  const byCitations =
    record.place === "timeline" && outliers.has(event.eventId) ? undefined : objectionOfCitations(dag, event)
  if (record.place === "outlier") return byCitations
  return (
    byCitations ??
    objectionOfState(dag, event, record.stateBefore, 5) ??
    (record.arrival === "new" && states.length > 0
      ? objectionOfState(dag, event, presentFor(world.resolve, dag, states, record), 6)
      : undefined)
  )
}

/** What is not accepted is no forward extremity, nor in the way of those that there are, unless something builds on it. */
const tipProblem = (
  { dag, tips }: Noted,
  { event: { eventId }, verdict }: EventRecord,
): string | undefined => {
  if (verdict === "accepted" || dag.held.childrenOf(eventId).length > 0) return undefined
  const now = dag.forwardExtremities()
  return now.join() === tips.join()
    ? undefined
    : `${eventId} is ${verdict}, and has changed the forward extremities from ${tips.join(" ")} to ${now.join(" ")}`
}
