import type { Event } from "../event.ts"
import { isWhole, referenceHash, sha256Binary, without } from "../hash.ts"
import { canonicalJson } from "../json/encode.ts"
import { Recent } from "../recent.ts"
import type { RoomVersion } from "../room-version.ts"
import { addDigest, type Digest, digestLanes, emptyDigest, type Lanes, lanesOf } from "./digest.ts"

/**
 * A fingerprint for each event of an auth graph: of its id and those of its auth chain. An id says what the event is,
 * but for rooms 1 and 2, where servers pick it: there the reference hash counts as well. So two graphs that hold the
 * same events give the same, whatever their indices, and whether they hold them whole or redacted, and signed by
 * whom: states are kept by these sums for good, and of an event a better copy may come.
 *
 * Worked out when first wanted, since most of a room's events are never asked for one.
 */
export class Fingerprints {
  #lanes: Digest = new Uint32Array(64 * digestLanes)
  #count = 0
  /** What tells those copies from others that are not told by the hashes: the redacted ones. */
  readonly #copies = new Map<number, Digest>()

  /** Adds the fingerprint of the event at `index` to `sum`. */
  addTo(sum: Digest, index: number, graph: Fingerprinted): void {
    while (this.#count <= index) this.#next(graph)
    addDigest(sum, this.#lanes, index * digestLanes)
  }

  /** Adds to `sum` what tells the copies in which the graph holds its events: nothing for those that are whole. */
  addCopies(sum: Digest, graph: Fingerprinted): void {
    while (this.#count < graph.size) this.#next(graph)
    for (const copy of this.#copies.values()) addDigest(sum, copy, 0)
  }

  /** The event at `index` is there in another copy now. */
  renewCopy(index: number, graph: Fingerprinted): void {
    if (index < this.#count) this.#readCopy(index, graph.event(index))
  }

  /** Forgets the events from index `size` on. */
  truncate(size: number): void {
    for (let index = size; index < this.#count; index++) this.#copies.delete(index)
    this.#count = Math.min(this.#count, size)
  }

  #readCopy(index: number, { eventId, pdu }: Event): void {
    this.#copies.delete(index)
    if (isWhole(pdu)) return
    const copy = emptyDigest()
    writeDigest(copy, 0, `${eventId}\n${canonicalJson(without(pdu, ["signatures", "unsigned"]))}`)
    this.#copies.set(index, copy)
  }

  /** Auth events stand at smaller indices, so theirs are there already. */
  #next(graph: Fingerprinted): void {
    const index = this.#count++
    const at = index * digestLanes
    if (at === this.#lanes.length) {
      const larger = new Uint32Array(at * 2)
      larger.set(this.#lanes)
      this.#lanes = larger
    }
    const event = graph.event(index)
    this.#readCopy(index, event)
    const known = graph.version.eventId === "opaque" ? undefined : fingerprints.get(event)
    if (known !== undefined) {
      this.#lanes.set(known, at)
      return
    }
    let text = event.eventId
    if (graph.version.eventId === "opaque") text += `\n${referenceHash(event.pdu, graph.version).join()}`
    for (const cited of graph.citedBy(index)) {
      for (let lane = 0; lane < digestLanes; lane++) text += `\n${this.#lanes[cited * digestLanes + lane]}`
    }
    writeDigest(this.#lanes, at, text)
    if (graph.version.eventId === "opaque") return
    fingerprints.keep(event, lanesOf(this.#lanes, at))
  }
}

/** Of events of which ids are hashes: such an event has one auth chain on every server. */
const fingerprints = new Recent<Event, Lanes>(4_096)

const writeDigest = (digests: Digest, at: number, text: string): void => {
  const bytes = sha256Binary(text)
  for (let lane = 0; lane < digestLanes; lane++) {
    let value = 0
    for (let from = lane * 4; from < lane * 4 + 4; from++) value = (value << 8) | bytes.charCodeAt(from)
    digests[at + lane] = value
  }
}

/** What fingerprints read of a graph. */
interface Fingerprinted {
  readonly version: RoomVersion
  readonly size: number
  readonly event: (index: number) => Event
  readonly citedBy: (index: number) => Iterable<number>
}
