/**
 * Seeks anew, from seed 1 to 1000, the first seed in which each mutant is found; with names of mutants of those alone.
 * `--write` keeps them in seeds.ts and writes docs/mutants.md. Exit code 1 where one is not found.
 */
import { writeFile } from "node:fs/promises"
import { mutants } from "./catalogue.ts"
import { seeds as known } from "./seeds.ts"
import { seekSeed } from "./seek.ts"

const seedMax = 1_000
const names = process.argv.slice(2).filter((word) => !word.startsWith("--"))
const found = new Map(Object.entries(known))

for (const mutant of mutants) {
  const { name, killedBy } = mutant
  if (names.length > 0 && !names.includes(name)) continue
  const seed = await seekSeed(mutant, 1, seedMax)
  if (seed === undefined) {
    found.delete(name)
    process.exitCode = 1
  } else found.set(name, seed)
  console.log(`${name}: ${seed === undefined ? `${killedBy} does not find it` : `seed ${seed}`}`)
}

if (process.argv.includes("--write")) {
  const lines = mutants.flatMap(({ name }) => (found.has(name) ? [`  "${name}": ${found.get(name)},`] : []))
  const text = [
    "/** Written by `node sim/mutants/seek-main.ts --write`: by mutant the first seed in which its check finds it. */",
    "export const seeds: Readonly<Record<string, number>> = {",
    ...lines,
    "}",
  ]
  await writeFile(new URL("seeds.ts", import.meta.url), `${text.join("\n")}\n`)
}
