/** Seeds as people write them: `1..1000`, or `7,9,20..1000` for those that an interrupted sweep left over. */

/** From the first to the last, both included. */
export type SeedRange = readonly [first: number, last: number]

const wordPattern = /^(\d+)(?:\.\.(\d+))?$/

/** Ranges in order, none of which touches another; undefined where the words are none. */
export const parseSeeds = (words: string): readonly SeedRange[] | undefined => {
  const ranges: SeedRange[] = []
  for (const word of words.split(",")) {
    const [, firstDigits, lastDigits = firstDigits] = wordPattern.exec(word) ?? []
    const [first, last] = [Number(firstDigits), Number(lastDigits)]
    if (!(Number.isSafeInteger(first) && Number.isSafeInteger(last) && first <= last)) return undefined
    ranges.push([first, last])
  }
  return joinRanges(ranges)
}

/** In order, with those that overlap or touch made one. */
const joinRanges = (ranges: readonly SeedRange[]): readonly SeedRange[] => {
  const joined: [number, number][] = []
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = joined.at(-1)
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else joined.push([first, last])
  }
  return joined
}

/** As `parseSeeds` takes them. */
export const showSeeds = (ranges: readonly SeedRange[]): string =>
  ranges.map(([first, last]) => (first === last ? `${first}` : `${first}..${last}`)).join(",")

export const countSeeds = (ranges: readonly SeedRange[]): number =>
  ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0)

/** Deals seeds in order to those who work at them, and knows which are not done. */
export interface SeedDealer {
  /** The next seed to work at; undefined where all are dealt. */
  readonly deal: () => number | undefined
  readonly done: (seed: number) => void
  /** Seeds that are not done: those at work, and those not dealt. */
  readonly left: () => readonly SeedRange[]
}

export const dealSeeds = (ranges: readonly SeedRange[]): SeedDealer => {
  const atWork = new Set<number>()
  let at = 0
  let next = ranges[0]?.[0] ?? 0
  return {
    deal: () => {
      const range = ranges[at]
      if (range === undefined) return undefined
      const seed = next++
      if (seed === range[1]) next = ranges[++at]?.[0] ?? 0
      atWork.add(seed)
      return seed
    },
    done: (seed) => void atWork.delete(seed),
    left: () => {
      const range = ranges[at]
      const notDealt: readonly SeedRange[] =
        range === undefined ? [] : [[next, range[1]], ...ranges.slice(at + 1)]
      return joinRanges([...[...atWork].map((seed): SeedRange => [seed, seed]), ...notDealt])
    },
  }
}
