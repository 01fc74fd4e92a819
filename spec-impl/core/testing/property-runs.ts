/** For property tests: on how many cases, and from which seed, so that CI always tries the same and a night tries others. */

/**
 * Parameters for `fc.assert`. `npm run night` tries more cases of another seed; its number stands in NETSPLIT_NIGHT, so
 * that what it has found can be found again.
 */
export const propertyRuns = (numRuns: number, seed: number): { numRuns: number; seed: number } => {
  const night = Number(process.env.NETSPLIT_NIGHT ?? 0)
  return night === 0 ? { numRuns, seed } : { numRuns: numRuns * nightTimes, seed: seed + night }
}

const nightTimes = 20
