/** Prints docs/mutants.md. */
import { mutantsTable } from "./table.ts"

process.stdout.write(`${mutantsTable()}\n`)
