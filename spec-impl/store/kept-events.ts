import type { EventWrite } from "./event-store.ts"
import { KeptLog } from "./kept-log.ts"
import { sharedEvent } from "./shared-writes.ts"

/**
 * The events of one room as a disk in memory keeps them. What servers of one process keep alike of an event is held once
 * for all of them; beside it stands its position, which is the server's own: 0 where it has none.
 */
export class KeptEvents {
  readonly #writes: KeptLog<EventWrite>
  readonly #positions: number[]

  constructor(writes = new KeptLog<EventWrite>(({ eventId }) => eventId), positions: number[] = []) {
    this.#writes = writes
    this.#positions = positions
  }

  /** An event of the history replaces the outlier it was, and keeps its place: what cites it came after. */
  keep(write: EventWrite): void {
    if (write.history === undefined && this.#writes.get(write.eventId)?.history !== undefined) return
    this.#positions[this.#writes.set(sharedEvent(write))] = write.position ?? 0
  }

  get(eventId: string): EventWrite | undefined {
    const index = this.#writes.indexOf(eventId)
    return index < 0 ? undefined : this.#at(index)
  }

  /** In the order in which they came first. */
  *values(): Iterable<EventWrite> {
    for (const index of this.#writes.values().keys()) yield this.#at(index)
  }

  copy(): KeptEvents {
    return new KeptEvents(this.#writes.copy(), [...this.#positions])
  }

  /** As it was written. */
  #at(index: number): EventWrite {
    const write = this.#writes.values()[index]!
    const position = this.#positions[index]!
    if ((write.position ?? 0) === position) return write
    const { position: _, ...others } = write
    return position === 0 ? others : { ...others, position }
  }
}
