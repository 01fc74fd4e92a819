/**
 * What the node engine costs by itself: `node loadtest/bench/engine-ceiling.ts`. A bare node:http server in another
 * process answers a GET with a kilobyte; undici alone and the engine ask it 10,000 times, in one run, and then the
 * engine holds 4,000 requests a second in an open model.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Client } from "undici"
import { runScript } from "../engine/run-script.ts"

const requests = 10_000
const connections = 32

interface Cost {
  readonly perSecond: number
  readonly cpuMicrosPerRequest: number
}

const measure = async (count: number, work: () => Promise<void>): Promise<Cost> => {
  const cpu = process.cpuUsage()
  const started = performance.now()
  await work()
  const elapsedMs = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (count * 1_000) / elapsedMs, cpuMicrosPerRequest: (user + system) / count }
}

const askWithUndici = async (origin: string): Promise<void> => {
  let left = requests
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new Client(origin)
      while (left > 0) {
        left -= 1
        const { body } = await client.request({ path: "/_matrix/key/v2/server", method: "GET" })
        await body.text()
      }
      await client.close()
    }),
  )
}

const script = (scenario: object): string => `
import http from "k6/http"
export const options = { scenarios: { ceiling: ${JSON.stringify(scenario)} } }
export default async () => {
  await http.asyncRequest("GET", __ENV.TARGET + "/_matrix/key/v2/server", null, { tags: { name: "keys", endpoint: "keys" } })
}`

const directory = mkdtempSync(join(tmpdir(), "netsplit-ceiling-"))
const server = spawn(process.execPath, [fileURLToPath(new URL("bare-server.ts", import.meta.url))], {
  stdio: ["pipe", "pipe", "inherit"],
})
const [line] = (await once(server.stdout, "data")) as [Buffer]
const origin = `http://127.0.0.1:${Number(String(line))}`

const runEngine = async (scenario: object) => {
  const path = join(directory, "ceiling.ts")
  writeFileSync(path, script(scenario))
  return runScript({ script: path, env: { TARGET: origin }, engine: "node", print: () => {} })
}

const show = (name: string, { perSecond, cpuMicrosPerRequest }: Cost): void =>
  console.log(
    `${name.padEnd(28)} ${perSecond.toFixed(0).padStart(6)}/s  ${cpuMicrosPerRequest.toFixed(0).padStart(4)} µs of CPU each`,
  )

const closed = { executor: "shared-iterations", vus: connections, iterations: requests }
// Both once, so that neither is measured cold.
await askWithUndici(origin)
await runEngine(closed)
const undici = await measure(requests, () => askWithUndici(origin))
const engine = await measure(requests, async () => void (await runEngine(closed)))
show("undici alone", undici)
show("node engine", engine)
console.log(
  `the engine takes ${(engine.cpuMicrosPerRequest / undici.cpuMicrosPerRequest).toFixed(2)} of undici's CPU`,
)

const rate = 4_000
const seconds = 5
const open = { executor: "constant-arrival-rate", rate, duration: `${seconds}s`, preAllocatedVUs: 200 }
const cpu = process.cpuUsage()
const { droppedIterations, iterations, startLatenessMs } = await runEngine(open)
const { user, system } = process.cpuUsage(cpu)
console.log(
  `open model, ${rate}/s: ${(iterations / seconds).toFixed(0)}/s, ${droppedIterations} dropped, ` +
    `${((user + system) / (seconds * 10_000)).toFixed(0)} % of a core, started late by ` +
    `${startLatenessMs!["p(50)"]!.toFixed(2)} ms (median), ${startLatenessMs!["p(99)"]!.toFixed(2)} ms (p99)`,
)

server.stdin.end()
rmSync(directory, { recursive: true })
