/** The smallest and the greatest of some indices: the part of a graph that a sweep has to visit. */
export const rangeOf = (indices: Iterable<number>): readonly [oldest: number, newest: number] => {
  let oldest = Number.POSITIVE_INFINITY
  let newest = -1
  for (const index of indices) {
    if (index < oldest) oldest = index
    if (index > newest) newest = index
  }
  return [oldest, newest]
}
