/** Levenshtein's distance between two short words. */
const distance = (left: string, right: string): number => {
  let above = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const replaced = above[column - 1]! + (left[row - 1] === right[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, above[column]! + 1, current[column - 1]! + 1))
    }
    above = current
  }
  return above[right.length]!
}

/**
 * What to say after an unknown name: the nearest known one where the word looks mistyped (at most a third of
 * it is wrong, or it begins a name), else all that are known.
 */
export const suggestName = (word: string, known: readonly string[]): string => {
  const begun = known.filter((name) => word.length > 2 && name.startsWith(word))
  const near = known.filter((name) => distance(word, name) <= name.length / 3)
  const candidates = begun.length > 0 ? begun : near
  if (candidates.length > 0) return `did you mean ${candidates.join(" or ")}?`
  return `known are ${known.join(", ")}`
}
