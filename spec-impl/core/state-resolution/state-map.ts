/**
 * The state of a room at one point: key index → event index, never changed once made.
 *
 * A server keeps the state around thousands of events, and each differs from the one before by an entry. So it
 * is a tree of small arrays: a change copies one path of it and shares the rest, and two states that come from
 * one are compared by skipping what they share.
 */
import { type AuthGraph, digestText, fingerprintLanes } from "./auth-graph.ts"

const bits = 5
const width = 1 << bits
const mask = width - 1
const absent = -1

type Leaf = Int32Array
interface Branch {
  readonly children: readonly (Branch | Leaf | undefined)[]
}
type Node = Branch | Leaf

const isLeaf = (node: Node): node is Leaf => node instanceof Int32Array

export class StateMap {
  static readonly empty = new StateMap(undefined, undefined, 0, 0)

  readonly #graph: AuthGraph | undefined
  readonly #root: Node | undefined
  /** How many levels of branches stand above the leaves. */
  readonly #height: number
  readonly size: number
  /** The sums behind the digest: worked out when first wanted, and from then on kept by each change. */
  #lanes: Int32Array | undefined
  #digest: string | undefined

  private constructor(graph: AuthGraph | undefined, root: Node | undefined, height: number, size: number) {
    this.#graph = graph
    this.#root = root
    this.#height = height
    this.size = size
  }

  /** The event under that key, or −1. */
  get(key: number): number {
    if (key < 0 || key >= width << (this.#height * bits)) return absent
    let node: Node | undefined = this.#root
    for (let level = this.#height; level > 0; level--) {
      node = (node as Branch | undefined)?.children[(key >>> (level * bits)) & mask]
    }
    return node === undefined ? absent : (node as Leaf)[key & mask]!
  }

  /** The state with that event in its place. */
  set(graph: AuthGraph, event: number): StateMap {
    const key = graph.keyOfEvent(event)
    const before = this.get(key)
    if (before === event) return this
    return this.#with(graph, key, before, event)
  }

  /** The state without that key. */
  without(graph: AuthGraph, key: number): StateMap {
    const before = this.get(key)
    return before === absent ? this : this.#with(graph, key, before, absent)
  }

  #with(graph: AuthGraph, key: number, before: number, after: number): StateMap {
    let root = this.#root
    let height = this.#height
    while (key >= width << (height * bits)) {
      root = root === undefined ? undefined : { children: [root] }
      height += 1
    }
    const size = this.size + (before === absent ? 1 : 0) - (after === absent ? 1 : 0)
    const changed = new StateMap(graph, replaced(root, height, key, after), height, size)
    if (this.#lanes !== undefined) {
      changed.#lanes = this.#lanes.slice()
      if (before !== absent) addLanes(changed.#lanes, graph, before, -1)
      if (after !== absent) addLanes(changed.#lanes, graph, after, 1)
    }
    return changed
  }

  /** All entries, by ascending key index. */
  forEach(visit: (event: number, key: number) => void): void {
    if (this.#root !== undefined) visitAll(this.#root, this.#height, 0, visit)
  }

  /** What the state is, by content: equal for two graphs that hold the same, whatever their indices. */
  get digest(): string {
    this.#digest ??= digestText(this.#sums())
    return this.#digest
  }

  #sums(): Int32Array {
    if (this.#lanes !== undefined) return this.#lanes
    const lanes = new Int32Array(fingerprintLanes)
    this.forEach((event) => addLanes(lanes, this.#graph!, event, 1))
    this.#lanes = lanes
    return lanes
  }

  /** Builds a state of many entries at once. */
  static fromEvents(graph: AuthGraph, events: Iterable<number>): StateMap {
    const entries = new Map<number, number>()
    for (const event of events) entries.set(graph.keyOfEvent(event), event)
    const dense = new Int32Array(graph.keyCount).fill(absent)
    for (const [key, event] of entries) dense[key] = event
    let height = 0
    while (graph.keyCount > width << (height * bits)) height += 1
    return new StateMap(graph, built(dense, height, 0), height, entries.size)
  }

  /** The keys under which any two of the states differ, ascending; what they share is skipped. */
  static differences(states: readonly StateMap[]): readonly number[] {
    const height = Math.max(0, ...states.map((state) => state.#height))
    const found: number[] = []
    const roots = states.map((state) => {
      let root = state.#root
      for (let level = state.#height; level < height; level++) {
        root = root === undefined ? undefined : { children: [root] }
      }
      return root
    })
    collectDifferences(roots, height, 0, found)
    return found
  }
}

const addLanes = (lanes: Int32Array, graph: AuthGraph, event: number, sign: 1 | -1): void => {
  for (let lane = 0; lane < fingerprintLanes; lane++) {
    lanes[lane] = (lanes[lane]! + sign * graph.fingerprint(event, lane)) | 0
  }
}

const replaced = (node: Node | undefined, height: number, key: number, event: number): Node => {
  if (height === 0) {
    const leaf = node === undefined ? new Int32Array(width).fill(absent) : (node as Leaf).slice()
    leaf[key & mask] = event
    return leaf
  }
  const children = node === undefined ? [] : [...(node as Branch).children]
  const at = (key >>> (height * bits)) & mask
  children[at] = replaced(children[at], height - 1, key, event)
  return { children }
}

const built = (dense: Int32Array, height: number, from: number): Node | undefined => {
  const span = width << (height * bits)
  if (from >= dense.length) return undefined
  if (height === 0) {
    const leaf = new Int32Array(width).fill(absent)
    leaf.set(dense.subarray(from, from + span))
    return leaf
  }
  const children: (Node | undefined)[] = []
  const step = span >>> bits
  for (let at = 0; at < width && from + at * step < dense.length; at++) {
    children.push(built(dense, height - 1, from + at * step))
  }
  return { children }
}

const visitAll = (
  node: Node,
  height: number,
  from: number,
  visit: (event: number, key: number) => void,
): void => {
  if (isLeaf(node)) {
    for (let at = 0; at < width; at++) {
      const event = node[at]!
      if (event !== absent) visit(event, from + at)
    }
    return
  }
  const step = width << ((height - 1) * bits)
  for (let at = 0; at < node.children.length; at++) {
    const child = node.children[at]
    if (child !== undefined) visitAll(child, height - 1, from + at * step, visit)
  }
}

const collectDifferences = (
  nodes: readonly (Node | undefined)[],
  height: number,
  from: number,
  found: number[],
): void => {
  if (nodes.every((node) => node === nodes[0])) return
  if (height === 0) {
    for (let at = 0; at < width; at++) {
      const first = (nodes[0] as Leaf | undefined)?.[at] ?? absent
      if (nodes.some((node) => ((node as Leaf | undefined)?.[at] ?? absent) !== first)) found.push(from + at)
    }
    return
  }
  const step = width << ((height - 1) * bits)
  const branches = nodes as readonly (Branch | undefined)[]
  for (let at = 0; at < width; at++) {
    collectDifferences(
      branches.map((branch) => branch?.children[at]),
      height - 1,
      from + at * step,
      found,
    )
  }
}
