/** Looks for the first seed whose random plan shows what is wrong with a mutant. */
import { searchSeed } from "../explore/search-seed.ts"
import type { Mutant } from "./mutant.ts"

/** What the check that is to find a mutant says of that seed; undefined where it is silent, or knows the failure. */
export const killIn = async (
  { name, killedBy, wishes }: Mutant,
  seed: number,
): Promise<string | undefined> => {
  const { cases } = await searchSeed(seed, { ...wishes, mutant: name }, "direct")
  return cases.find(({ check, shape }) => check === killedBy && shape === null)?.why
}

/** What that check says of the same seed where no server is a mutant. */
export const complaintWithout = async (
  { killedBy, wishes }: Mutant,
  seed: number,
): Promise<string | undefined> => {
  const { cases } = await searchSeed(seed, wishes ?? {}, "direct")
  return cases.find(({ check }) => check === killedBy)?.why
}

/** The first seed from `from` to `to` in which the mutant alone makes its check trip. */
export const seekSeed = async (mutant: Mutant, from: number, to: number): Promise<number | undefined> => {
  for (let seed = from; seed <= to; seed++) {
    const isKilled = (await killIn(mutant, seed)) !== undefined
    if (isKilled && (await complaintWithout(mutant, seed)) === undefined) return seed
  }
  return undefined
}
