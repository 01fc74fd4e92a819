import type { AuthGraph } from "./auth-graph.ts"
import { digestText, emptyDigest } from "./digest.ts"
import { absent, differingKeys, digestOf, entryOf, type Trie, TrieDraft, visitEntries } from "./state-trie.ts"

/**
 * The state of a room at one point: which event stands under which key, both as indices of one auth graph.
 *
 * Never changes; a changed copy shares with the first all but one path of a shallow tree, because a server
 * keeps the state around thousands of events of a room of 50,000 members.
 */
export class StateMap {
  static readonly empty = new StateMap({ root: undefined, height: 0 }, 0, undefined)

  /** How many keys have an event. */
  readonly size: number
  readonly #trie: Trie
  /** Undefined for the empty map, which is every graph's. */
  readonly #graph: AuthGraph | undefined
  #digest: string | undefined

  private constructor(trie: Trie, size: number, graph: AuthGraph | undefined) {
    this.#trie = trie
    this.size = size
    this.#graph = graph
  }

  /** The map of those events of `graph`; of two under one key the later one stays. */
  static fromEvents(graph: AuthGraph, events: Iterable<number>): StateMap {
    return StateMap.empty.with(graph, { put: events, remove: [] })
  }

  /** The event under `key`, or −1 where there is none (and for the key −1). */
  get(key: number): number {
    return entryOf(this.#trie, key)
  }

  /** The map with that event of `graph` in its place. */
  set(graph: AuthGraph, event: number): StateMap {
    return this.get(graph.keyOfEvent(event)) === event ? this : this.with(graph, { put: [event], remove: [] })
  }

  /** The map without what stands under the keys of `remove`, and then with the events of `put`. */
  with(
    graph: AuthGraph,
    { put, remove }: { readonly put: Iterable<number>; readonly remove: Iterable<number> },
  ): StateMap {
    const draft = new TrieDraft(this.#trie)
    let size = this.size
    for (const key of remove) if (draft.write(key, absent) !== absent) size -= 1
    for (const event of put) if (draft.write(graph.keyOfEvent(event), event) === absent) size += 1
    return new StateMap(draft.trie, size, graph)
  }

  /** Calls `visit` for each entry, in no order that means anything. */
  forEach(visit: (event: number, key: number) => void): void {
    visitEntries(this.#trie, visit)
  }

  /**
   * What the map holds, as 32 hexadecimal digits: equal for the maps of two graphs that hold the same events
   * under the same keys, with the same auth chains.
   */
  get digest(): string {
    this.#digest ??= digestText(
      this.#trie.root === undefined || this.#graph === undefined
        ? emptyDigest()
        : digestOf(this.#trie.root, this.#graph),
    )
    return this.#digest
  }

  /** The keys under which any two of the maps, all of one graph, differ; absence counts. */
  static differences(maps: readonly StateMap[]): readonly number[] {
    return differingKeys(maps.map((map) => map.#trie))
  }
}
