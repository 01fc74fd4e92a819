/**
 * Why a server does not hold what others do, where the specification leaves it so: recognised event by event, from what
 * the servers hold and what became of their questions. What is not explained so is a fault of somebody.
 */
import type { Event } from "#spec-impl/core/event.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { joinedServersIn } from "#spec-impl/homeserver/room-members.ts"
import { findLacks, type Lack } from "../checks/liveness.ts"
import type { VirtualServer } from "../world/world.ts"
import { isDeparture } from "./departures.ts"
import { isSignedByLostKey, isSignedByUnheardKey } from "./lost-keys.ts"
import type { Overheard } from "./overheard.ts"
import { RoomCopies } from "./room-copies.ts"

/** Servers that are to hold the same, and what is known of the run beside. */
export interface Judged {
  readonly participants: readonly VirtualServer[]
  /** All that they could have heard it from, themselves among these. */
  readonly within: readonly VirtualServer[]
  /** All that there are: who has which keys is seen of those too that are cut off. */
  readonly everybody: ReadonlyMap<string, VirtualServer>
  /** Servers that came back on a backup. */
  readonly rolledBack: ReadonlySet<string>
  readonly overheard: Overheard
}

/** The room as all within hold it, and why one lacks what another holds. */
class Standing {
  readonly #judged: Judged
  readonly #roomId: string
  readonly #copies: RoomCopies
  readonly #lost = new Map<string, boolean>()

  constructor(judged: Judged, roomId: string) {
    this.#judged = judged
    this.#roomId = roomId
    this.#copies = new RoomCopies(judged.within, roomId)
  }

  lacks(): readonly Lack[] {
    return findLacks(
      this.#judged.participants.flatMap(({ name }) => {
        const dag = this.#copies.dagOf(name)
        return dag === undefined ? [] : [{ server: name, dag }]
      }),
    )
  }

  /**
   * S18: the key that signed it is its server's no more, or was not so late, and so neither it nor what rests on it can be
   * taken in by whoever had not fetched that key in time.
   */
  isOfLostKey({ server, eventId, heldBy }: Lack): boolean {
    const key = `${server} ${eventId}`
    const known = this.#lost.get(key)
    if (known !== undefined) return known
    this.#lost.set(key, false)
    const [holder = heldBy] = this.#copies.holdersOf(eventId)
    const dag = this.#copies.dagOf(holder)
    const event = dag?.record(eventId)?.event
    const isLost =
      dag !== undefined &&
      event !== undefined &&
      (isSignedByLostKey(this.#judged.overheard, event, dag.rules.version) ||
        this.#missedBy(server, event).some((before) => this.isOfLostKey({ server, eventId: before, heldBy })))
    this.#lost.set(key, isLost)
    return isLost
  }

  /** Or what comes before such an event, which was pushed and dropped: who sent that sends nothing of it again. */
  isBeforeLostKey(lack: Lack): boolean {
    const { server, eventId } = lack
    const wasLost = (later: string, _dag: RoomDag, heldBy: string): boolean =>
      this.#judged.overheard.refusedAt(server, later).length > 0 &&
      this.isOfLostKey({ server, eventId: later, heldBy })
    return this.isOfLostKey(lack) || this.#copies.lackedFrom("lost", server, wasLost).has(eventId)
  }

  /** What the event rests on that the server does not hold, or builds on that is no part of the history there. */
  #missedBy(server: string, { authEvents, prevEvents }: Event): readonly string[] {
    const dag = this.#copies.dagOf(server)
    return [
      ...authEvents.filter((eventId) => dag?.record(eventId) === undefined),
      ...prevEvents.filter((eventId) => !this.#copies.isHeld(server, eventId)),
    ]
  }

  /**
   * S19: it was pushed while an access control list denied who pushed it, or whoever could tell of it was asked for it and
   * denied the server; or that became of what builds on it.
   */
  isOfAclIsland({ server, eventId }: Lack): boolean {
    const { overheard } = this.#judged
    const roomId = this.#roomId
    const wasDenied = (later: string): boolean => overheard.dropped(server, roomId, later) === "denied"
    return (
      this.#copies.lackedFrom("denied", server, wasDenied).has(eventId) ||
      (this.#copies.isBehindGap(server, eventId) &&
        this.#copies.holdersOf(eventId).some((holder) => overheard.wasDeniedHistory(server, roomId, holder)))
    )
  }

  /**
   * S15: it was pushed, or what builds on it was, and what the server asked for then came to nothing, or a key had before.
   * It was dropped, and nobody has said anything since that builds on it. Or the server was told the state before what
   * builds on it, and of what came before the event itself nobody holds all: no history leads from there to what the server
   * holds.
   */
  isOutageOrphan({ server, eventId }: Lack): boolean {
    const { overheard } = this.#judged
    const wasDropped = (later: string, dag: RoomDag): boolean =>
      overheard.dropped(server, this.#roomId, later) === "unanswered" ||
      overheard.refusedAt(server, later).some((at) => this.#isOfUnheardKey(server, dag, later, at))
    return (
      this.#copies.lackedFrom("unanswered", server, wasDropped).has(eventId) ||
      (this.#copies.isBehindGap(server, eventId) && this.#isPastLost(server, eventId))
    )
  }

  /**
   * Whether a key was not to be had by then by which the event is signed, or what it rests on that the server had not taken
   * in. Who was asked for a key in vain is not asked again at once (§Querying Keys).
   */
  #isOfUnheardKey(server: string, dag: RoomDag, eventId: string, by: number): boolean {
    const { overheard } = this.#judged
    const seen = new Set<string>()
    const waiting = [eventId]
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const event = dag.record(at)?.event
      const takenAt = overheard.takenAt(server, at)
      if (event === undefined || seen.has(at) || (takenAt > 0 && takenAt < by)) continue
      seen.add(at)
      if (isSignedByUnheardKey(overheard, event, dag.rules.version, server, by)) return true
      waiting.push(...event.prevEvents, ...event.authEvents)
    }
    return false
  }

  /**
   * Whether nobody holds something between the event and what the server holds before it: who holds what builds on that
   * has asked for it in vain, or came into the room by that, and need not hold what was before.
   */
  #isPastLost(server: string, eventId: string): boolean {
    const seen = new Set<string>()
    const waiting = [eventId]
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (seen.has(at) || this.#copies.isHeld(server, at)) continue
      seen.add(at)
      const holders = this.#copies.holdersOf(at)
      const before = this.#copies.dagOf(holders[0] ?? "")?.timeline(at)?.event.prevEvents ?? []
      const isLost = (lost: string): boolean =>
        this.#copies.holdersOf(lost).length === 0 &&
        holders.every(
          (holder) =>
            this.#judged.overheard.hasAskedInVain(holder, lost) || this.#copies.hasEnteredBy(holder, at),
        )
      if (before.some(isLost)) return true
      waiting.push(...before)
    }
    return false
  }

  /**
   * A departure of which the server has not heard. Events go to the servers in the room, by who made them, and to nobody
   * else (§Transactions): a server that was removed by what its remover took for a stranger's ban, or of whose removal
   * only an absent server could tell, hears nothing more.
   */
  isUnheardOf(lack: Lack): boolean {
    const { server } = lack
    const isUnheardDeparture = (eventId: string, dag: RoomDag, heldBy: string): boolean =>
      isDeparture(dag, server, eventId) && this.#isUnowed({ server, eventId, heldBy })
    return (
      this.#isUnowed(lack) ||
      this.#copies.lackedFrom("departure", server, isUnheardDeparture).has(lack.eventId)
    )
  }

  /**
   * Whether nobody who told of the event when it was new knew of the server in the room: who made it, or else those who
   * took it from a server outside (§Leaving Rooms). Whoever handed it over itself, and did not come in by it, is not told.
   */
  #isUnowed({ server, eventId, heldBy }: Lack): boolean {
    const origin = this.#copies.originOf(eventId, heldBy)
    if (!this.#copies.isOn(origin)) return true
    const isJoin = this.#copies.dagOf(heldBy)?.timeline(eventId)?.event.content.membership === "join"
    const isHandedOver = this.#judged.overheard.handedTo(server, eventId).length > 0
    if (origin === server && isHandedOver && !isJoin) return true
    return this.#tellersOf(eventId, origin).every((teller) => {
      const dag = this.#copies.dagOf(teller)
      const record = dag?.timeline(eventId)
      if (dag === undefined || record === undefined) return true
      return ![record.stateBefore, record.stateAfter].some((state) => joinedServersIn(dag, state).has(server))
    })
  }

  /**
   * Of a join that is told by who let it in (§Joining Rooms), maybe a server that is away. What its own server does not
   * hold was given to those who tell of it, or that has forgotten it. Nobody tells of what it rejected: that is not what
   * it let in.
   */
  #tellersOf(eventId: string, origin: string): readonly string[] {
    const record = this.#copies.dagOf(origin)?.timeline(eventId)
    if (record === undefined) {
      const holders = this.#copies
        .holdersOf(eventId)
        .filter((holder) => this.#copies.dagOf(holder)?.timeline(eventId)?.verdict !== "rejected")
      const takers = this.#judged.overheard
        .handedTo(origin, eventId)
        .filter((taker) => holders.includes(taker))
      return takers.length > 0 ? takers : holders
    }
    const { stateSource, event } = record
    const isHandshake = stateSource.kind === "claimed" && event.content.membership === "join"
    return [isHandshake ? stateSource.by : origin]
  }

  /**
   * What its own server has forgotten, which came back on a backup, that server tells nobody any more, also where it has
   * heard of it again. Nor is a server told once more what it knew and has forgotten: that it is out of the room, or what
   * was before that, or what nobody has said anything since that builds on.
   */
  isForgotten({ server, eventId, heldBy }: Lack): boolean {
    const { rolledBack, overheard } = this.#judged
    const origin = this.#copies.originOf(eventId, heldBy)
    const hasKnownDeparture = (later: string, dag: RoomDag): boolean =>
      overheard.hasTaken(server, later) && isDeparture(dag, server, later)
    return (
      (rolledBack.has(origin) &&
        (!this.#copies.isHeld(origin, eventId) || overheard.hasTakenAgain(origin, eventId))) ||
      (rolledBack.has(server) &&
        overheard.hasTaken(server, eventId) &&
        (this.#copies.lackedFrom("forgotten", server, hasKnownDeparture).has(eventId) ||
          this.#copies.builtOn(eventId).every((later) => this.#isUntold(server, later))))
    )
  }

  /** Whether nobody tells the server of the event any more: it knew it once, or nobody who tells of it knew the server. */
  #isUntold(server: string, eventId: string): boolean {
    if (this.#copies.isHeld(server, eventId)) return false
    const [heldBy] = this.#copies.holdersOf(eventId)
    return (
      this.#judged.overheard.hasTaken(server, eventId) ||
      (heldBy !== undefined && this.#isUnowed({ server, eventId, heldBy }))
    )
  }

  /**
   * The server's own join, of which nobody told it that they let it in: whoever did tells all others of it (§Joining Rooms),
   * and nobody has said anything since that builds on it.
   */
  isUnansweredJoin({ server, eventId, heldBy }: Lack): boolean {
    const { overheard } = this.#judged
    return (
      this.#copies.originOf(eventId, heldBy) === server &&
      overheard.hasJoinedInVain(server, eventId) &&
      !overheard.hasTaken(server, eventId)
    )
  }
}

const reasons: readonly (readonly [string, (standing: Standing, lack: Lack) => boolean])[] = [
  ["lost-key", (standing, lack) => standing.isBeforeLostKey(lack)],
  ["acl-island", (standing, lack) => standing.isOfAclIsland(lack)],
  ["outage-orphan", (standing, lack) => standing.isOutageOrphan(lack)],
  ["unheard-departure", (standing, lack) => standing.isUnheardOf(lack)],
  ["forgotten", (standing, lack) => standing.isForgotten(lack)],
  ["unanswered-join", (standing, lack) => standing.isUnansweredJoin(lack)],
]

/** All that servers lack, with why; null where none of these explains it. */
export const lacksIn = (
  judged: Judged,
  roomId: string,
): readonly (readonly [lack: Lack, reason: string | null])[] => {
  const standing = new Standing(judged, roomId)
  return standing
    .lacks()
    .map((lack) => [lack, reasons.find(([, explains]) => explains(standing, lack))?.[0] ?? null])
}

/** The kind of what keeps servers from having the same events; null where one of these is not explained by any, or there are none. */
export const shapeOfStanding = (judged: Judged, roomId: string): string | null => {
  const found = lacksIn(judged, roomId).map(([, reason]) => reason)
  return found.includes(null) ? null : (reasons.find(([name]) => found.includes(name))?.[0] ?? null)
}

/** Whether the server could not verify the event, or something that it rests on. */
export const isOfLostKey = (judged: Judged, roomId: string, lack: Lack): boolean =>
  new Standing(judged, roomId).isOfLostKey(lack)
