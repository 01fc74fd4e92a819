/** A room as servers hold it: who holds which event, and what one lacks of what others hold. */
import { domainOf } from "#spec-impl/core/identifiers.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { VirtualServer } from "../world/world.ts"

export class RoomCopies {
  readonly #servers: ReadonlyMap<string, VirtualServer>
  readonly #roomId: string
  readonly #closures = new Map<string, ReadonlySet<string>>()

  constructor(servers: readonly VirtualServer[], roomId: string) {
    this.#servers = new Map(servers.map((server) => [server.name, server]))
    this.#roomId = roomId
  }

  isOn(server: string): boolean {
    return this.#servers.has(server)
  }

  dagOf(server: string): RoomDag | undefined {
    return this.#servers.get(server)?.rooms.find(this.#roomId)?.dag
  }

  isHeld(server: string, eventId: string): boolean {
    return this.dagOf(server)?.timeline(eventId) !== undefined
  }

  holdersOf(eventId: string): readonly string[] {
    return [...this.#servers.keys()].filter((server) => this.isHeld(server, eventId))
  }

  originOf(eventId: string, heldBy: string): string {
    return domainOf(this.dagOf(heldBy)?.record(eventId)?.event.sender ?? "") ?? ""
  }

  /** Whether the server came in by that event, as others let it: what was before it need not hold. */
  hasEnteredBy(server: string, eventId: string): boolean {
    const record = this.dagOf(server)?.timeline(eventId)
    return (
      record?.stateSource.kind === "claimed" &&
      record.event.type === "m.room.member" &&
      domainOf(record.event.sender) === server
    )
  }

  /** Whether the server holds what builds on the event, or on what builds on it. */
  isBehindGap(server: string, eventId: string): boolean {
    const isBeforeHeld = (later: string, dag: RoomDag): boolean =>
      dag.held.childrenOf(later).some((child) => this.isHeld(server, child))
    return this.lackedFrom("gap", server, isBeforeHeld).has(eventId)
  }

  /** All that builds on the event, or on what does, as any of them holds it. */
  builtOn(eventId: string): readonly string[] {
    const found = new Set<string>()
    const waiting = [eventId]
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      for (const server of this.holdersOf(at)) {
        const later = this.dagOf(server)?.held.childrenOf(at) ?? []
        waiting.push(...later.filter((child) => !found.has(child)))
        for (const child of later) found.add(child)
      }
    }
    return [...found]
  }

  /** What the server lacks of what anybody holds: the events of which that is true, and all before these. */
  lackedFrom(
    about: string,
    server: string,
    isOne: (eventId: string, dag: RoomDag, heldBy: string) => boolean,
  ): ReadonlySet<string> {
    const key = `${about} ${server}`
    const known = this.#closures.get(key)
    if (known !== undefined) return known
    const dags = [...this.#servers.keys()].flatMap((heldBy) => {
      const dag = this.dagOf(heldBy)
      return dag === undefined || heldBy === server ? [] : [{ heldBy, dag }]
    })
    const found = new Set<string>()
    const waiting = dags.flatMap(({ heldBy, dag }) =>
      [...dag.records()].flatMap(({ place, event: { eventId } }) =>
        place === "timeline" && !this.isHeld(server, eventId) && isOne(eventId, dag, heldBy) ? [eventId] : [],
      ),
    )
    for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
      if (found.has(eventId) || this.isHeld(server, eventId)) continue
      found.add(eventId)
      for (const { dag } of dags) waiting.push(...(dag.timeline(eventId)?.event.prevEvents ?? []))
    }
    this.#closures.set(key, found)
    return found
  }
}
