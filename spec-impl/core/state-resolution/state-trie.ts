/**
 * The tree below a state map: 32 entries a leaf, 32 children a branch, found by five bits of the key at a time.
 *
 * A change copies the nodes on one path and shares all others, so nodes that are one and the same object need
 * not be compared, and what was worked out about a node (its digest) is kept on it.
 */
import type { AuthGraph } from "./auth-graph.ts"
import { addDigest, type Digest, emptyDigest, type Lanes, lanesOf } from "./digest.ts"

const bits = 5
const width = 1 << bits
const mask = width - 1

/** What stands where no event is. */
export const absent = -1

/** Who may change a node in place: the one draft that made it. */
type Owner = object

export class Leaf {
  readonly events: number[]
  readonly owner: Owner
  digest: Lanes | undefined

  constructor(events: number[], owner: Owner) {
    this.events = events
    this.owner = owner
  }
}

export class Branch {
  readonly children: (Node | undefined)[]
  readonly owner: Owner
  digest: Lanes | undefined

  constructor(children: (Node | undefined)[], owner: Owner) {
    this.children = children
    this.owner = owner
  }
}

export type Node = Leaf | Branch

/** A tree of `height` levels of branches above the leaves. */
export interface Trie {
  readonly root: Node | undefined
  readonly height: number
}

const emptyLeaf: readonly number[] = Array.from({ length: width }, () => absent)
const emptyBranch: readonly undefined[] = Array.from({ length: width }, () => undefined)

/** How many keys a node at `height` covers. */
const span = (height: number): number => 2 ** (bits * (height + 1))

/** The event under `key`, or `absent`. */
export const entryOf = ({ root, height }: Trie, key: number): number => {
  if (key < 0 || key >= span(height)) return absent
  let node = root
  for (let level = height; node instanceof Branch; level--) {
    node = node.children[(key >>> (level * bits)) & mask]
  }
  return node === undefined ? absent : node.events[key & mask]!
}

/** A trie in the making: copies what it changes of the one that it began from, each node once. */
export class TrieDraft {
  readonly #owner: Owner = {}
  #root: Node | undefined
  #height: number
  #leaf: Leaf | undefined
  /** Which leaf `#leaf` is: its keys without their last five bits. */
  #leafNumber = -1

  constructor({ root, height }: Trie) {
    this.#root = root
    this.#height = height
  }

  get trie(): Trie {
    return { root: this.#root, height: this.#height }
  }

  /** Puts `event`, or `absent`, under `key`, and gives what was there before. */
  write(key: number, event: number): number {
    const leaf = key >>> bits === this.#leafNumber ? this.#leaf! : this.#leafOf(key)
    const at = key & mask
    const before = leaf.events[at]!
    leaf.events[at] = event
    return before
  }

  #leafOf(key: number): Leaf {
    while (key >= span(this.#height)) {
      this.#root = raised(this.#root, this.#owner)
      this.#height += 1
    }
    let node = owned(this.#root, this.#height, this.#owner)
    this.#root = node
    for (let level = this.#height; node instanceof Branch; level--) {
      const at = (key >>> (level * bits)) & mask
      const child = owned(node.children[at], level - 1, this.#owner)
      node.children[at] = child
      node = child
    }
    this.#leaf = node
    this.#leafNumber = key >>> bits
    return node
  }
}

const raised = (root: Node | undefined, owner: Owner): Node | undefined => {
  if (root === undefined) return undefined
  const children: (Node | undefined)[] = emptyBranch.slice()
  children[0] = root
  return new Branch(children, owner)
}

const owned = (node: Node | undefined, level: number, owner: Owner): Node => {
  if (node === undefined) {
    return level === 0 ? new Leaf(emptyLeaf.slice(), owner) : new Branch(emptyBranch.slice(), owner)
  }
  if (node.owner === owner) return node
  return node instanceof Leaf
    ? new Leaf(node.events.slice(), owner)
    : new Branch(node.children.slice(), owner)
}

/** Calls `visit` for each entry. As deep as the tree is high: at most seven. */
export const visitEntries = (trie: Trie, visit: (event: number, key: number) => void): void => {
  visitNode(trie.root, trie.height, 0, visit)
}

const visitNode = (
  node: Node | undefined,
  height: number,
  from: number,
  visit: (event: number, key: number) => void,
): void => {
  if (node === undefined) return
  if (node instanceof Leaf) {
    for (let at = 0; at < width; at++) {
      const event = node.events[at]!
      if (event !== absent) visit(event, from + at)
    }
    return
  }
  const step = span(height - 1)
  for (let at = 0; at < width; at++) visitNode(node.children[at], height - 1, from + at * step, visit)
}

/** The keys under which any two of the tries differ; what all share is skipped. */
export const differingKeys = (tries: readonly Trie[]): number[] => {
  const height = Math.max(0, ...tries.map((trie) => trie.height))
  const owner = {}
  const roots = tries.map((trie) => {
    let root = trie.root
    for (let level = trie.height; level < height; level++) root = raised(root, owner)
    return root
  })
  const found: number[] = []
  if (roots.length === 2) compareTwo(roots[0], roots[1], height, 0, found)
  else compareNodes(roots, height, 0, found)
  return found
}

/** As `compareNodes` of two, which is what is asked most, and of every event: without arrays. */
const compareTwo = (
  one: Node | undefined,
  other: Node | undefined,
  height: number,
  from: number,
  found: number[],
): void => {
  if (one === other) return
  if (height === 0) {
    const events = one instanceof Leaf ? one.events : emptyLeaf
    const others = other instanceof Leaf ? other.events : emptyLeaf
    for (let at = 0; at < width; at++) if (events[at] !== others[at]) found.push(from + at)
    return
  }
  const children = one instanceof Branch ? one.children : emptyBranch
  const others = other instanceof Branch ? other.children : emptyBranch
  const step = span(height - 1)
  for (let at = 0; at < width; at++) {
    compareTwo(children[at], others[at], height - 1, from + at * step, found)
  }
}

const compareNodes = (
  nodes: readonly (Node | undefined)[],
  height: number,
  from: number,
  found: number[],
): void => {
  const first = nodes[0]
  if (nodes.every((node) => node === first)) return
  if (height === 0) {
    const leaves = nodes.map((node) => (node instanceof Leaf ? node.events : emptyLeaf))
    compareLeaves(leaves, from, found)
    return
  }
  const branches = nodes.map((node) => (node instanceof Branch ? node.children : emptyBranch))
  const step = span(height - 1)
  for (let at = 0; at < width; at++) {
    compareNodes(
      branches.map((children) => children[at]),
      height - 1,
      from + at * step,
      found,
    )
  }
}

const compareLeaves = (leaves: readonly (readonly number[])[], from: number, found: number[]): void => {
  const first = leaves[0]!
  for (let at = 0; at < width; at++) {
    const event = first[at]
    for (let other = 1; other < leaves.length; other++) {
      if (leaves[other]![at] === event) continue
      found.push(from + at)
      break
    }
  }
}

/** The sum of the fingerprints of all events below `node`, kept on each node from the first time on. */
export const digestOf = (node: Node, graph: AuthGraph): Digest => {
  const sum = emptyDigest()
  addDigest(sum, lanesBelow(node, graph), 0)
  return sum
}

const lanesBelow = (node: Node, graph: AuthGraph): Lanes => {
  if (node.digest !== undefined) return node.digest
  const sum = emptyDigest()
  if (node instanceof Leaf) {
    for (const event of node.events) if (event !== absent) graph.addFingerprint(sum, event)
  } else {
    for (const child of node.children) if (child !== undefined) addDigest(sum, lanesBelow(child, graph), 0)
  }
  node.digest = lanesOf(sum)
  return node.digest
}
