/** States that were told and differ from what their tellers hold, and why the specification lets them. */
import type { Event } from "#spec-impl/core/event.ts"
import { isWhole } from "#spec-impl/core/hash.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { differingKeys, stateByKey } from "../checks/agreement.ts"
import { objectionOfCitations } from "../checks/by-the-rules.ts"
import { authChainOf } from "./auth-chains.ts"
import { isSignedByUnheardKey } from "./lost-keys.ts"
import { isOfLostKey, type Judged, lacksIn } from "./standing.ts"

/** A state that one server told another, beside what is held before the same event elsewhere. */
interface Told {
  readonly roomId: string
  readonly to: string
  readonly by: string
  readonly eventId: string
  readonly ofHearer: RoomDag
  /** By which it is compared. */
  readonly ofHolder: RoomDag
  readonly keys: readonly (readonly [told: Event | undefined, held: Event | undefined])[]
}

/**
 * Those that differ from what their teller holds, whoever was told it: who believed it tells it to others in good faith.
 * What it has forgotten with a backup another may hold.
 */
const toldOtherwise = (judged: Judged, roomId: string): readonly Told[] =>
  toldUnlike(judged, roomId, (by, eventId) => dagOfTeller(judged, roomId, by, eventId))

/** Those that differ from what somebody has worked out from the history itself. */
const toldUnlikeComputed = (judged: Judged, roomId: string): readonly Told[] =>
  toldUnlike(judged, roomId, (_, eventId) => dagThatComputed(judged.everybody, roomId, eventId))

const toldUnlike = (
  judged: Judged,
  roomId: string,
  holderOf: (by: string, eventId: string) => RoomDag | undefined,
): readonly Told[] =>
  [...judged.everybody.values()].flatMap(({ name, rooms }) => {
    const dag = rooms.find(roomId)?.dag
    return [...(dag?.records() ?? [])].flatMap((record): readonly Told[] => {
      if (dag === undefined || record.place === "outlier" || record.stateSource.kind === "computed") return []
      const { by } = record.stateSource
      const { eventId } = record.event
      const ofHolder = holderOf(by, eventId)
      const there = ofHolder?.timeline(eventId)
      if (ofHolder === undefined || there === undefined) return []
      const [told, held] = [stateByKey(dag, record.stateBefore), stateByKey(ofHolder, there.stateBefore)]
      const keys = differingKeys([told, held]).map(
        (key) => [dag.record(told[key] ?? "")?.event, ofHolder.record(held[key] ?? "")?.event] as const,
      )
      return keys.length === 0 ? [] : [{ roomId, to: name, by, eventId, ofHearer: dag, ofHolder, keys }]
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
    ({ to, by, eventId, ofHolder, keys }) =>
      judged.overheard.wasStateAltered(to, by, eventId) &&
      keys.every(
        ([told, held]) =>
          told === undefined ||
          (held !== undefined && ofHolder.record(told.eventId) !== undefined && told.depth < held.depth),
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
    areLacksExplained(judged, roomId)
  )
}

const areLacksExplained = (judged: Judged, roomId: string): boolean =>
  lacksIn(judged, roomId).every(([, reason]) => reason !== null)

/**
 * Before room version 9 a restricted join does not keep `join_authorised_via_users_server` when it is redacted (MSC3375):
 * the membership that it cites for that is then one too many (rule 2.2), and whoever gets it redacted has to
 * reject it, for good. That server's state is without it, and so is what it tells those who ask. All that is told is
 * explained so, as far as somebody has worked the state there out.
 */
export const isRedactedJoin = (judged: Judged, roomId: string): boolean => {
  const told = toldUnlikeComputed(judged, roomId)
  return (
    told.some((one) => one.keys.some(([, held]) => held !== undefined && isStripped(judged, one, held))) &&
    told.every((one) =>
      one.keys.every(
        ([got, held]) =>
          held !== undefined &&
          (got === undefined || got.depth < held.depth) &&
          (isStripped(judged, one, held) || isRejected(judged, one, held)),
      ),
    ) &&
    areLacksExplained(judged, roomId)
  )
}

/** Whether its teller or its hearer rejected the event, or what it rests on, by a redacted copy, and a whole one stands. */
const isStripped: Reason = ({ everybody }, told, held) =>
  withChain(told, held).some(
    (whole) =>
      isWhole(whole.pdu) &&
      objectionOfCitations(told.ofHolder, whole) === undefined &&
      [everybody.get(told.by)?.rooms.find(told.roomId)?.dag, told.ofHearer].some((dag) => {
        const copy = dag?.record(whole.eventId)?.event.pdu
        return dag !== undefined && copy !== undefined && !isWhole(copy) && isRejectedIn(dag, whole.eventId)
      }),
  )

/** The event, and what it rests on. */
const withChain = ({ ofHolder }: Told, { eventId }: Event): readonly Event[] =>
  [eventId, ...authChainOf(ofHolder, [eventId])].flatMap((id) => ofHolder.record(id)?.event ?? [])

const isUnheard: Reason = ({ overheard }, told, held) => {
  const takenAt = overheard.takenAt(told.to, told.eventId)
  return withChain(told, held).some((event) =>
    isSignedByUnheardKey(overheard, event, told.ofHolder.rules.version, told.to, takenAt),
  )
}

const isDamaged: Reason = ({ overheard }, told, held) =>
  withChain(told, held).some(({ eventId }) => overheard.wasEventAltered(told.to, eventId, told.eventId))

/** Whether the server holds the event as one that its own auth_events reject, and they do. */
const isRejected: Reason = (_, { ofHearer }, { eventId }) => isRejectedIn(ofHearer, eventId)

const isRejectedIn = (dag: RoomDag, eventId: string): boolean => {
  const record = dag.record(eventId)
  return record?.verdict === "rejected" && objectionOfCitations(dag, record.event) !== undefined
}
