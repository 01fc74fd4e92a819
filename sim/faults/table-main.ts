/** Prints docs/faults.md. */
import { faultsTable } from "./table.ts"

process.stdout.write(`${faultsTable()}\n`)
