/** States that were told and differ from what their tellers hold, and why the specification lets them. */
import type { Event } from "#spec-impl/core/event.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { differingKeys, stateByKey } from "../checks/agreement.ts"
import { objectionOfCitations } from "../checks/by-the-rules.ts"
import { authChainOf } from "./auth-chains.ts"
import { isSignedByUnheardKey } from "./lost-keys.ts"
import { isOfLostKey, type Judged, lacksIn } from "./standing.ts"

/** A state that one server told another, beside what it holds itself. */
interface Told {
  readonly to: string
  readonly by: string
  readonly eventId: string
  readonly ofHearer: RoomDag
  /** As the teller holds it, or if that has forgotten the event with a backup, another who has not. */
  readonly ofTeller: RoomDag
  readonly keys: readonly (readonly [told: Event | undefined, held: Event | undefined])[]
}

/** Those that differ from what their teller holds, whoever was told it: who believed it tells it to others in good faith. */
const toldOtherwise = (judged: Judged, roomId: string): readonly Told[] =>
  [...judged.everybody.values()].flatMap(({ name, rooms }) => {
    const dag = rooms.find(roomId)?.dag
    return [...(dag?.records() ?? [])].flatMap((record): readonly Told[] => {
      if (dag === undefined || record.place === "outlier" || record.stateSource.kind === "computed") return []
      const { by } = record.stateSource
      const ofTeller = dagOfTeller(judged, roomId, by, record.event.eventId)
      const there = ofTeller?.timeline(record.event.eventId)
      if (ofTeller === undefined || there === undefined) return []
      const [told, held] = [stateByKey(dag, record.stateBefore), stateByKey(ofTeller, there.stateBefore)]
      const keys = differingKeys([told, held]).map(
        (key) => [dag.record(told[key] ?? "")?.event, ofTeller.record(held[key] ?? "")?.event] as const,
      )
      return keys.length === 0
        ? []
        : [{ to: name, by, eventId: record.event.eventId, ofHearer: dag, ofTeller, keys }]
    })
  })

const dagOfTeller = (
  { everybody, rolledBack, overheard }: Judged,
  roomId: string,
  teller: string,
  eventId: string,
): RoomDag | undefined => {
  const own = everybody.get(teller)?.rooms.find(roomId)?.dag
  if (own?.timeline(eventId) !== undefined) return own
  const hasForgotten = rolledBack.has(teller) && overheard.hasTaken(teller, eventId)
  return hasForgotten ? dagThatComputed(everybody, roomId, eventId) : undefined
}

/** Of a server that has worked the state before the event out itself. */
const dagThatComputed = (
  everybody: Judged["everybody"],
  roomId: string,
  eventId: string,
): RoomDag | undefined =>
  [...everybody.values()]
    .flatMap(({ rooms }) => rooms.find(roomId)?.dag ?? [])
    .find((dag) => dag.timeline(eventId)?.stateSource.kind === "computed")

/**
 * What S01 and S02 start from: a server was told a state that its teller neither holds nor had said so, and in which each
 * key that is otherwise is of an earlier time or lacking.
 */
export const isStaleState = (judged: Judged, roomId: string): boolean =>
  toldOtherwise(judged, roomId).some(
    ({ to, by, eventId, ofTeller, keys }) =>
      judged.overheard.wasStateAltered(to, by, eventId) &&
      keys.every(
        ([told, held]) =>
          told === undefined ||
          (held !== undefined && ofTeller.record(told.eventId) !== undefined && told.depth < held.depth),
      ),
  )

/** S18: what was told in vain, for nobody can verify it any more. */
export const isUnverifiableState = (judged: Judged, roomId: string): boolean =>
  toldOtherwise(judged, roomId).some(({ to, by, keys }) =>
    keys.every(
      ([, held]) =>
        held !== undefined && isOfLostKey(judged, roomId, { server: to, eventId: held.eventId, heldBy: by }),
    ),
  )

/**
 * S18, for a while: what was told in vain, for the keys by which it is signed, or something that it rests on, were not to
 * be had when it was.
 */
export const isUnheardKey = (judged: Judged, roomId: string): boolean =>
  isToldInVain(judged, roomId, isUnheard)

/**
 * The same where such an event itself did not come as it was said: it has the id that was asked for, but its signatures do
 * not hold (check 2). They are no part of what that is made of (§Calculating the reference hash), and in rooms 1 and 2
 * nothing is. A server asks for it again, four times at most, of who told the state and of others in the room: each time
 * it must have come damaged or not at all. Not so where the damage is in a key's name, for it looks like one that is not
 * to be had, nor for more than twenty events of one state.
 */
export const isDamagedEvent = (judged: Judged, roomId: string): boolean =>
  isToldInVain(judged, roomId, isDamaged)

type Reason = (judged: Judged, told: Told, held: Event) => boolean

/**
 * Such events are dropped, and nobody tells that state again. What builds on a state without them may be rejected there,
 * and is then no part of what is told later (§Rejection). All else that servers lack is explained.
 */
const isToldInVain = (judged: Judged, roomId: string, isSo: Reason): boolean => {
  const reasons: readonly Reason[] = [isUnheard, isDamaged, isRejected]
  const told = toldOtherwise(judged, roomId)
  return (
    told.some((one) => one.keys.some(([, held]) => held !== undefined && isSo(judged, one, held))) &&
    told.every((one) =>
      one.keys.every(
        ([got, held]) =>
          got === undefined && held !== undefined && reasons.some((reason) => reason(judged, one, held)),
      ),
    ) &&
    lacksIn(judged, roomId).every(([, reason]) => reason !== null)
  )
}

/** The event, and what it rests on. */
const withChain = ({ ofTeller }: Told, { eventId }: Event): readonly Event[] =>
  [eventId, ...authChainOf(ofTeller, [eventId])].flatMap((id) => ofTeller.record(id)?.event ?? [])

const isUnheard: Reason = ({ overheard }, told, held) => {
  const takenAt = overheard.takenAt(told.to, told.eventId)
  return withChain(told, held).some((event) =>
    isSignedByUnheardKey(overheard, event, told.ofTeller.rules.version, told.to, takenAt),
  )
}

const isDamaged: Reason = ({ overheard }, told, held) =>
  withChain(told, held).some(({ eventId }) => overheard.wasEventAltered(told.to, eventId, told.eventId))

/** Whether the server holds the event as one that its own auth_events reject, and they do. */
const isRejected: Reason = (_, { ofHearer }, { eventId }) => {
  const record = ofHearer.record(eventId)
  return record?.verdict === "rejected" && objectionOfCitations(ofHearer, record.event) !== undefined
}
