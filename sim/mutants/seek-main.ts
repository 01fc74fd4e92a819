/**
 * Seeks, from seed 1 to 1000, the first random plan in which each mutant is found; with names, of those mutants alone, and
 * without, of all but those whose plans were made by hand.
 * `--write` makes that plan as small as it can and keeps it in plans/, and the seed in seeds.json, which docs/mutants.md
 * is made with; `npx biome check --write sim/mutants` then puts both in the form of the house. Exit code 1 where one is
 * not found.
 */
import { readFile, writeFile } from "node:fs/promises"
import { makePlan } from "../explore/make-plan.ts"
import { mutants } from "./catalogue.ts"
import { seekSeed, shrinkKill } from "./seek.ts"

const seedMax = 1_000
const asksMax = 300
const words = process.argv.slice(2)
const names = words.filter((word) => !word.startsWith("--"))

const seedsFile = new URL("seeds.json", import.meta.url)

/** In the order of the catalogue. */
const noteSeed = async (name: string, seed: number): Promise<void> => {
  const known: Record<string, number> = { ...JSON.parse(await readFile(seedsFile, "utf8")), [name]: seed }
  const inOrder = mutants.flatMap((mutant) => {
    const found = known[mutant.name]
    return found === undefined ? [] : [[mutant.name, found]]
  })
  await writeFile(seedsFile, `${JSON.stringify(Object.fromEntries(inOrder), undefined, 2)}\n`)
}

for (const mutant of mutants) {
  const { name, killedBy, wishes, byHand } = mutant
  if (names.length > 0 ? !names.includes(name) : byHand !== undefined) continue
  const seed = await seekSeed(mutant, seedMax)
  process.stdout.write(`${name}: ${seed === undefined ? `${killedBy} does not find it` : `seed ${seed}`}\n`)
  if (seed === undefined) process.exitCode = 1
  else if (words.includes("--write")) {
    const plan = await shrinkKill(mutant, makePlan(seed, { ...wishes, mutant: name }), asksMax)
    const file = new URL(`plans/${name}.json`, import.meta.url)
    await writeFile(file, `${JSON.stringify(plan, undefined, 2)}\n`)
    await noteSeed(name, seed)
  }
}
