/**
 * What a homeserver that serves holds in memory while it gets the requests of `mixed`:
 * `node loadtest/bench/mixed-memory.ts [requests]`. An hour of the script's own pace is 720,000. Rooms take turns, each
 * request after the one before it in its room, as fast as they are answered. A line each tenth, after full collections.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { corpusFlows } from "../corpus/flows.ts"
import { makeCorpus } from "../corpus/make-corpus.ts"
import { originKey } from "../corpus/origin-identity.ts"
import { CorpusReader } from "../corpus/reader.ts"
import { startOwnTarget } from "../launch/own-target.ts"
import { sendInOrder } from "../launch/prelude.ts"
import { usageOf } from "../launch/processors.ts"
import { makeAuthority } from "../origin/certificates.ts"
import { startOrigin } from "../origin/origin.ts"

const flow = "mixed"
const seed = 1
const host = "127.0.0.1"
const requests = Number(process.argv[2] ?? 72_000)

/** Has the server collect and tell, on its error output, when it is sent a signal. */
const teller = `process.on("SIGUSR2", () => {
  for (let round = 0; round < 4; round++) gc({ type: "major", flavor: "last-resort" })
  process.stderr.write("memory " + JSON.stringify(process.memoryUsage()) + "\\n")
})`
// As the launcher has it.
process.env.MALLOC_ARENA_MAX = "1"
process.env.NODE_OPTIONS = `--expose-gc --import data:text/javascript,${encodeURIComponent(teller)}`

const directory = mkdtempSync(join(tmpdir(), "netsplit-mixed-"))
const mebibytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1)
let hear: (usage: NodeJS.MemoryUsage) => void = () => undefined
const authority = makeAuthority()
const target = await startOwnTarget({
  directory: join(directory, "target"),
  authority,
  isPinned: false,
  log: (text) => {
    const told = /^memory (\{.*\})$/m.exec(text)?.[1]
    if (told === undefined) process.stderr.write(text)
    else hear(JSON.parse(told))
  },
})
const origin = startOrigin({ listening: { host, port: 0, tls: authority.issue(host) }, hostName: host, seed })

const report = async (done: number): Promise<void> => {
  const { rssBytes = 0 } = usageOf(target.pid) ?? {}
  const usage = await new Promise<NodeJS.MemoryUsage>((resolve) => {
    hear = resolve
    process.kill(target.pid!, "SIGUSR2")
  })
  const database = statSync(join(directory, "target", "data", "homeserver.sqlite")).size
  const row = [
    ...[done, Math.round(done / 2)],
    ...[usage.heapUsed, usage.external, rssBytes, usage.rss, database].map(mebibytes),
    (performance.now() / 1_000).toFixed(0),
  ]
  console.log(`| ${row.join(" | ")} |`)
}

try {
  const name = await origin.begin(target.address)
  const relation = { origin: name, target: target.address.serverName, signingKey: originKey(seed, name) }
  const wanted = corpusFlows[flow]!.rooms
  const roomIds = await origin.makeRooms(wanted, "12")
  for (const roomId of roomIds) await target.join(roomId, name)
  const rooms = await origin.starts(roomIds)
  const plan = { flow, seed, origin: name, target: relation.target, rooms, iterations: requests }
  await makeCorpus(plan, directory, { prelude: wanted.prelude, onProgress: () => undefined })
  await origin.learn(join(directory, "prelude"))
  await sendInOrder(join(directory, "prelude"), target.federation, () => undefined)
  const corpus = await CorpusReader.open(directory)
  const send = async (line: number): Promise<void> => {
    const { method, path, authorization, body } = await corpus.read(line)
    const headers = { authorization, host: relation.target }
    const { status, text } = await target.federation.ask({
      ...{ method, path, headers },
      ...(body === undefined ? {} : { body }),
    })
    if (status !== 200) throw new Error(`line ${line} was answered with ${status}: ${text.slice(0, 200)}`)
  }
  console.log(
    "| requests | PDUs | heap MiB | external MiB | RSS MiB before | RSS MiB after | database MiB | seconds |",
  )
  await report(0)
  const tenth = wanted.count * Math.ceil(requests / 10 / wanted.count)
  for (let from = 0; from < requests; from += tenth) {
    const end = Math.min(from + tenth, requests)
    // Lines of rooms take turns: every so many there is one of the same room.
    const lanes = Array.from({ length: wanted.count }, async (_, lane) => {
      for (let line = from + lane; line < end; line += wanted.count) await send(line)
    })
    await Promise.all(lanes)
    await report(end)
  }
  await corpus.close()
} finally {
  await origin.stop()
  await target.stop()
  rmSync(directory, { recursive: true, force: true })
}
