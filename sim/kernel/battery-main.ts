/** Prints what the battery comes to: two processes are compared by it. Arguments: seed, preemption. */
import { runBattery } from "./battery.ts"

const [seed, preemption] = process.argv.slice(2).map(Number)
process.stdout.write(`${(await runBattery(seed ?? 1, preemption ?? 0.1)).join("\n")}\n`)
