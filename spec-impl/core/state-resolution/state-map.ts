import { Recent } from "../recent.ts"
import type { AuthGraph } from "./auth-graph.ts"
import { digestText, emptyDigest } from "./digest.ts"
import { absent, differingKeys, digestOf, entryOf, type Trie, TrieDraft, visitEntries } from "./state-trie.ts"

/** By what a map differs from the one that it was made of. */
interface Origin {
  readonly base: StateMap
  readonly put: readonly number[]
  readonly remove: readonly number[]
  /** How many changes lie between it and the map before it that is never folded. */
  readonly changes: number
}

/** More changes than that are not made again, nor are they looked for among more: such a map keeps its tree. */
const changesMax = 64
const none: readonly number[] = []
const noOrigin = { base: undefined, put: none, remove: none, changes: 0 } as const
const mentionsMax = 256

/**
 * The state of a room at one point: which event stands under which key, both as indices of one auth graph.
 *
 * Never changes; a changed copy shares with the first all but one path of a shallow tree, because a server
 * keeps the state around thousands of events of a room of 50,000 members. Nor does each keep its path: of most states
 * nobody asks any more, so that those which were not used lately are folded to what they came of, and grow their tree
 * again if they are asked for.
 */
export class StateMap {
  static readonly empty = new StateMap({ root: undefined, height: 0 }, 0, undefined, undefined)

  /** How many keys have an event. */
  readonly size: number
  /** Undefined while it is folded. */
  #trie: Trie | undefined
  // What it came of is no object of its own: of a thousand servers each holds thousands of states.
  /** Undefined for a map that is never folded. */
  readonly #base: StateMap | undefined
  /** One alone stands for itself. */
  readonly #put: number | readonly number[]
  readonly #remove: readonly number[]
  readonly #changes: number
  /** Undefined for the empty map, which is every graph's. */
  readonly #graph: AuthGraph | undefined
  #digest: string | undefined

  private constructor(trie: Trie, size: number, graph: AuthGraph | undefined, origin: Origin | undefined) {
    this.#trie = trie
    this.size = size
    this.#graph = graph
    const { base, put, remove, changes } = origin ?? noOrigin
    this.#base = base
    this.#put = put.length === 1 ? put[0]! : put
    this.#remove = remove
    this.#changes = changes
    if (origin !== undefined) graph?.statesInUse.note(this)
  }

  /** Lets go of the tree, where it can be made again. */
  fold(): void {
    if (this.#base !== undefined) this.#trie = undefined
  }

  // Static, for each instance has room for a mark of its class where one method of its own is private.
  static #treeOf(state: StateMap): Trie {
    return state.#trie ?? StateMap.#unfolded(state, state.#base!, state.#graph!)
  }

  static #unfolded(state: StateMap, base: StateMap, graph: AuthGraph): Trie {
    const draft = new TrieDraft(StateMap.#treeOf(base))
    for (const key of state.#remove) draft.write(key, absent)
    const put = state.#put
    for (const event of typeof put === "number" ? [put] : put) draft.write(graph.keyOfEvent(event), event)
    const { trie } = draft
    state.#trie = trie
    graph.statesInUse.note(state)
    return trie
  }

  /** The map of those events of `graph`; of two under one key the later one stays. */
  static fromEvents(graph: AuthGraph, events: Iterable<number>): StateMap {
    return StateMap.empty.with(graph, { put: events, remove: [] })
  }

  /** The event under `key`, or −1 where there is none (and for the key −1). */
  get(key: number): number {
    return entryOf(StateMap.#treeOf(this), key)
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
    const draft = new TrieDraft(StateMap.#treeOf(this))
    const removed = [...remove]
    const added = [...put]
    let size = this.size
    for (const key of removed) if (draft.write(key, absent) !== absent) size -= 1
    for (const event of added) if (draft.write(graph.keyOfEvent(event), event) === absent) size += 1
    return new StateMap(draft.trie, size, graph, StateMap.#originOf(this, draft.trie, graph, added, removed))
  }

  /** How a map comes of another one, if that can be done again in a few changes. */
  static #originOf(
    base: StateMap,
    trie: Trie,
    graph: AuthGraph,
    added: readonly number[],
    removed: readonly number[],
  ): Origin | undefined {
    if (added.length + removed.length > mentionsMax) return undefined
    const remove = removed.filter((key) => entryOf(trie, key) === absent && base.get(key) !== absent)
    const put = added.filter((event) => {
      const key = graph.keyOfEvent(event)
      return entryOf(trie, key) === event && base.get(key) !== event
    })
    // One at least: whoever unfolds goes through no more maps than there are changes.
    const changes = base.#changes + Math.max(1, put.length + remove.length)
    return changes > changesMax ? undefined : { base, put: exactly(put), remove: exactly(remove), changes }
  }

  /** Calls `visit` for each entry, in no order that means anything. */
  forEach(visit: (event: number, key: number) => void): void {
    visitEntries(StateMap.#treeOf(this), visit)
  }

  /**
   * What the map holds, as 32 hexadecimal digits: equal for the maps of two graphs that hold the same events
   * under the same keys, with the same auth chains.
   */
  get digest(): string {
    if (this.#digest !== undefined) return this.#digest
    const { root } = StateMap.#treeOf(this)
    const text = digestText(
      root === undefined || this.#graph === undefined ? emptyDigest() : digestOf(root, this.#graph),
    )
    this.#digest = texts.get(text) ?? texts.keep(text, text)
    return this.#digest
  }

  /** The keys under which any two of the maps, all of one graph, differ; absence counts. */
  static differences(maps: readonly StateMap[]): readonly number[] {
    return differingKeys(maps.map(StateMap.#treeOf))
  }
}

/** Of states that servers of one process have in common: each text once. */
const texts = new Recent<string, string>()

/** The same without room for more, of which a filtered array has plenty. */
const exactly = (numbers: readonly number[]): readonly number[] =>
  numbers.length === 0 ? none : numbers.slice()
