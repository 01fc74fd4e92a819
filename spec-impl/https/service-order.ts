/** In which order the targets of SRV records are tried (RFC 2782 §Usage rules). */

/** What an SRV record says of the order. */
export interface Ranked {
  readonly priority: number
  readonly weight: number
}

/**
 * Lower priorities first; of one priority each next one by weighted chance, those of weight 0 seldom. `draw`
 * gives, for a priority and how many of it were chosen so far, a number from 0 to 1, not included.
 */
export const orderServices = <A extends Ranked>(
  records: readonly A[],
  draw: (priority: number, chosen: number) => number,
): readonly A[] => {
  const ordered: A[] = []
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b)
  for (const priority of priorities) {
    // Those of weight 0 stand first, so that a draw of 0 alone chooses them.
    const left = records
      .filter((record) => record.priority === priority)
      .sort((a, b) => Math.sign(a.weight) - Math.sign(b.weight))
    for (let chosen = 0; left.length > 0; chosen++) {
      const sum = left.reduce((total, { weight }) => total + weight, 0)
      const drawn = Math.floor(draw(priority, chosen) * (sum + 1))
      let running = 0
      const at = left.findIndex(({ weight }) => {
        running += weight
        return running >= drawn
      })
      ordered.push(...left.splice(at, 1))
    }
  }
  return ordered
}
