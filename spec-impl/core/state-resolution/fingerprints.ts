import type { Event } from "../event.ts"
import { sha256 } from "../hash.ts"
import { canonicalJson } from "../json/encode.ts"
import { addDigest, type Digest, digestLanes } from "./digest.ts"

/**
 * A fingerprint for each event of an auth graph: of its id, its whole bytes, signatures included, and its auth
 * chain's. Two graphs that hold the same give the same, whatever their indices; a redacted copy has another.
 *
 * Worked out when first wanted, since most of a room's events are never asked for one.
 */
export class Fingerprints {
  #lanes: Digest = new Uint32Array(64 * digestLanes)
  #count = 0

  /** Adds the fingerprint of the event at `index` to `sum`. */
  addTo(sum: Digest, index: number, graph: Fingerprinted): void {
    while (this.#count <= index) this.#next(graph)
    addDigest(sum, this.#lanes, index * digestLanes)
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
    let text = `${event.eventId}\n${canonicalJson(event.pdu)}`
    for (const cited of graph.citedBy(index)) {
      for (let lane = 0; lane < digestLanes; lane++) text += `\n${this.#lanes[cited * digestLanes + lane]}`
    }
    const bytes = sha256(text)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    for (let lane = 0; lane < digestLanes; lane++) this.#lanes[at + lane] = view.getUint32(lane * 4)
  }
}

/** What fingerprints read of a graph. */
interface Fingerprinted {
  readonly event: (index: number) => Event
  readonly citedBy: (index: number) => Iterable<number>
}
