/** Cuts: which links carry nothing, and what is lost when a cut falls while it is on its way. */
/** A cut of one link: `one-way` takes what goes from the source to the destination, and nothing else. */
export type CutDirection = "both" | "one-way"

/** Groups of servers that cannot speak to each other. */
export type Groups = readonly (readonly string[])[]

/** Whether messages from `source` to `destination` are lost. */
export type LinkTest = (source: string, destination: string) => boolean

interface Passage {
  readonly source: string
  readonly destination: string
  isLost: boolean
}

/** All cuts of a network, and the messages that are on their way. Says nothing of time. */
export class Partition {
  #groupsOf: GroupsOf = new Map()
  readonly #cutFrom = new Map<string, Set<string>>()
  readonly #severed = new Set<LinkTest>()
  readonly #passages = new Set<Passage>()

  /**
   * Cuts every link between servers that share no group; takes the place of the groups before. A server in two
   * groups is a bridge; one in no group keeps all its links.
   */
  split(groups: Groups): void {
    this.#groupsOf = groupsOfEach(groups)
    this.#losePassages()
  }

  /** Cuts one link, whatever the groups. */
  cut(source: string, destination: string, direction: CutDirection): void {
    this.#setCut(source, destination, true)
    if (direction === "both") this.#setCut(destination, source, true)
    this.#losePassages()
  }

  /** Undoes `cut`; servers of different groups stay apart. */
  mend(source: string, destination: string, direction: CutDirection): void {
    this.#setCut(source, destination, false)
    if (direction === "both") this.#setCut(destination, source, false)
  }

  /** Cuts all links for which that gives true, until `join`; several may hold at once. */
  sever(isSevered: LinkTest): void {
    this.#severed.add(isSevered)
    this.#losePassages()
  }

  /** Undoes that `sever`. */
  join(isSevered: LinkTest): void {
    this.#severed.delete(isSevered)
  }

  /** Undoes every cut. What was lost stays lost. */
  heal(): void {
    this.#groupsOf = new Map()
    this.#cutFrom.clear()
    this.#severed.clear()
  }

  /** Whether messages from `source` to `destination` are lost. */
  blocks(source: string, destination: string): boolean {
    if (this.#cutFrom.get(source)?.has(destination)) return true
    if (areApart(this.#groupsOf, source, destination)) return true
    for (const isSevered of this.#severed) if (isSevered(source, destination)) return true
    return false
  }

  /** Takes a message over a link in that time, by `after`, and tells whether it has arrived: a cut may take it. */
  cross(
    source: string,
    destination: string,
    after: (task: () => void) => void,
    tell: (hasArrived: boolean) => void,
  ): void {
    if (this.blocks(source, destination)) {
      tell(false)
      return
    }
    const passage: Passage = { source, destination, isLost: false }
    this.#passages.add(passage)
    after(() => {
      this.#passages.delete(passage)
      tell(!passage.isLost)
    })
  }

  #setCut(source: string, destination: string, isCut: boolean): void {
    const from = this.#cutFrom.get(source) ?? new Set()
    if (isCut) from.add(destination)
    else from.delete(destination)
    this.#cutFrom.set(source, from)
  }

  #losePassages(): void {
    for (const passage of this.#passages) {
      if (this.blocks(passage.source, passage.destination)) passage.isLost = true
    }
  }
}

type GroupsOf = ReadonlyMap<string, ReadonlySet<number>>

const groupsOfEach = (groups: Groups): GroupsOf => {
  const groupsOf = new Map<string, Set<number>>()
  for (const [group, servers] of groups.entries()) {
    for (const server of servers) groupsOf.set(server, (groupsOf.get(server) ?? new Set()).add(group))
  }
  return groupsOf
}

const areApart = (groupsOf: GroupsOf, source: string, destination: string): boolean => {
  const groups = groupsOf.get(source)
  const others = groupsOf.get(destination)
  return groups !== undefined && others !== undefined && groups.isDisjointFrom(others)
}

/** The links between servers that share no group. */
export const between = (groups: Groups): LinkTest => {
  const groupsOf = groupsOfEach(groups)
  return (source, destination) => areApart(groupsOf, source, destination)
}
