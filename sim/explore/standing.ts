/**
 * Why a server does not hold what others do, where the specification leaves it so: recognised event by event, from what
 * the servers hold. What is not explained so is a fault of somebody.
 */
import type { Event } from "#spec-impl/core/event.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { isJsonObject } from "#spec-impl/core/json/value.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { serverIsAllowed } from "#spec-impl/core/server-acl.ts"
import { joinedServersIn } from "#spec-impl/homeserver/room-members.ts"
import { findLacks, type Lack } from "../checks/liveness.ts"
import type { VirtualServer } from "../world/world.ts"

/** Servers that are to hold the same, and all that they could have heard it from, themselves among these. */
export interface Judged {
  readonly participants: readonly VirtualServer[]
  readonly within: readonly VirtualServer[]
}

/** The room, as all within hold it. */
class Standing {
  readonly #participants: readonly VirtualServer[]
  readonly #servers: ReadonlyMap<string, VirtualServer>
  readonly #roomId: string
  readonly #lost = new Map<string, boolean>()
  readonly #unheard = new Map<string, ReadonlySet<string>>()

  constructor({ participants, within }: Judged, roomId: string) {
    this.#participants = participants
    this.#servers = new Map(within.map((server) => [server.name, server]))
    this.#roomId = roomId
  }

  dagOf(server: string): RoomDag | undefined {
    return this.#servers.get(server)?.rooms.find(this.#roomId)?.dag
  }

  lacks(): readonly Lack[] {
    return findLacks(
      this.#participants.flatMap(({ name }) => {
        const dag = this.dagOf(name)
        return dag === undefined ? [] : [{ server: name, dag }]
      }),
    )
  }

  /**
   * S18: the key that signed it is its server's no more, nobody else can say what it was, and so what rests on the event
   * cannot be taken in either.
   */
  isOfLostKey({ server, eventId, heldBy }: Lack): boolean {
    const key = `${server} ${eventId}`
    const known = this.#lost.get(key)
    if (known !== undefined) return known
    this.#lost.set(key, false)
    const event = this.dagOf(heldBy)?.record(eventId)?.event
    const isLost =
      event !== undefined &&
      (this.#isSignedOtherwise(event) ||
        this.#missedBy(server, event).some((before) => this.isOfLostKey({ server, eventId: before, heldBy })))
    this.#lost.set(key, isLost)
    return isLost
  }

  #isSignedOtherwise({ sender, pdu: { signatures } }: Event): boolean {
    const author = this.#servers.get(domainOf(sender) ?? "")
    const own = isJsonObject(signatures) && author !== undefined ? signatures[author.name] : undefined
    return isJsonObject(own) && !Object.hasOwn(own, author!.identity.signingKey.keyId)
  }

  /** What the event rests on that the server does not hold. */
  #missedBy(server: string, { authEvents, prevEvents }: Event): readonly string[] {
    const dag = this.dagOf(server)
    return [...authEvents, ...prevEvents].filter((eventId) => dag?.record(eventId) === undefined)
  }

  /**
   * S19: an access control list shut out one of the two, or who made the event, while it held it back: what was sent then
   * is sent no more, and what builds on it asks for it in vain as long as the list stands.
   */
  isOfAclIsland(lack: Lack, seen = new Set<string>()): boolean {
    const event = this.dagOf(lack.heldBy)?.record(lack.eventId)?.event
    if (event === undefined || seen.has(lack.eventId)) return false
    seen.add(lack.eventId)
    const origin = domainOf(event.sender) ?? ""
    return (
      this.#wasDenied(lack.server, origin) ||
      this.#wasDenied(origin, lack.server) ||
      this.#missedBy(lack.server, event).some((eventId) => this.isOfAclIsland({ ...lack, eventId }, seen))
    )
  }

  /** Whether a list that `by` took in denies `server`. */
  #wasDenied(by: string, server: string): boolean {
    const dag = this.dagOf(by)
    return [...(dag?.records() ?? [])].some(
      ({ place, verdict, event: { type, stateKey, content } }) =>
        place === "timeline" &&
        verdict === "accepted" &&
        type === "m.room.server_acl" &&
        stateKey === "" &&
        !serverIsAllowed(content, server),
    )
  }

  /**
   * A departure of which the server has not heard. Events go to the servers in the room, by who made them, and to nobody
   * else (§Transactions): a server that was removed by what its remover took for a stranger's ban, or of whose removal
   * only an absent server could tell, hears nothing more. Nor does one that could not take in its own removal when it
   * came, for want of what comes before it: what was answered is done, whatever became of its PDUs.
   */
  isUnheardOf(lack: Lack): boolean {
    return this.#isUnowed(lack) || this.#departures(lack).has(lack.eventId)
  }

  /** The events by which the server went out of the room without its knowledge, and what comes before them. */
  #departures({ server, heldBy }: Lack): ReadonlySet<string> {
    const key = `${server} ${heldBy}`
    const known = this.#unheard.get(key)
    if (known !== undefined) return known
    const dag = this.dagOf(heldBy)
    const own = this.dagOf(server)
    const found = new Set<string>()
    const waiting = [...(dag?.records() ?? [])].flatMap((record) => {
      if (dag === undefined || record.place === "outlier" || record.verdict !== "accepted") return []
      const { event, stateBefore, stateAfter } = record
      if (event.type !== "m.room.member" || domainOf(event.stateKey ?? "") !== server) return []
      const isDeparture =
        joinedServersIn(dag, stateBefore).has(server) && !joinedServersIn(dag, stateAfter).has(server)
      return isDeparture && own?.timeline(event.eventId) === undefined ? [event.eventId] : []
    })
    for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
      if (found.has(eventId) || own?.timeline(eventId) !== undefined) continue
      found.add(eventId)
      waiting.push(...(dag?.timeline(eventId)?.event.prevEvents ?? []))
    }
    this.#unheard.set(key, found)
    return found
  }

  #isUnowed({ server, eventId, heldBy }: Lack): boolean {
    const event = this.dagOf(heldBy)?.record(eventId)?.event
    const origin = domainOf(event?.sender ?? "") ?? ""
    const dag = this.dagOf(origin)
    if (dag === undefined) return true
    const record = dag.timeline(eventId)
    if (record === undefined) return false
    const knew = [record.stateBefore, record.stateAfter]
    return (
      !knew.some((state) => joinedServersIn(dag, state).has(server)) &&
      this.#membersOf(server).every((userId) => {
        const membership = dag.eventIn(record.stateBefore, "m.room.member", userId)?.content.membership
        return membership !== "join"
      })
    )
  }

  /** By its own word. */
  #membersOf(server: string): readonly string[] {
    const dag = this.dagOf(server)
    if (dag === undefined) return []
    return dag.eventIdsIn(dag.currentState()).flatMap((eventId) => {
      const event = dag.record(eventId)?.event
      const isIn = event?.type === "m.room.member" && event.content.membership === "join"
      return isIn && domainOf(event.stateKey ?? "") === server ? [event.stateKey!] : []
    })
  }
}

const reasons: readonly (readonly [string, (standing: Standing, lack: Lack) => boolean])[] = [
  ["lost-key", (standing, lack) => standing.isOfLostKey(lack)],
  ["acl-island", (standing, lack) => standing.isOfAclIsland(lack)],
  ["unheard-departure", (standing, lack) => standing.isUnheardOf(lack)],
]

/** The kind of what keeps servers from having the same events; null where one of these is not explained by any, or there are none. */
export const shapeOfStanding = (judged: Judged, roomId: string): string | null => {
  const standing = new Standing(judged, roomId)
  const found = standing
    .lacks()
    .map((lack) => reasons.find(([, explains]) => explains(standing, lack))?.[0] ?? null)
  return found.includes(null) ? null : (reasons.find(([name]) => found.includes(name))?.[0] ?? null)
}

/** Whether the server could not verify the event, or something that it rests on. */
export const isOfLostKey = (judged: Judged, roomId: string, lack: Lack): boolean =>
  new Standing(judged, roomId).isOfLostKey(lack)
