/** Prints a line for every fault: two processes are compared by it. Arguments: seed, transport. */
import { faults } from "../catalogue.ts"
import { bout } from "./battery.ts"

const [seed = "1", transport = "http"] = process.argv.slice(2)
for (const definition of faults) {
  const { name, traceHash } = await bout(definition, Number(seed), transport === "direct" ? "direct" : "http")
  process.stdout.write(`${name} ${traceHash}\n`)
}
