/**
 * How much a `netsplit serve` takes that has one processor to itself, over TLS, all that it takes durable, beside the
 * checks of signatures that a thread does, the GETs that a bare server answers, and what other homeservers did:
 * `node loadtest/bench/serving.ts [name…]`. One line each; CPU is that of the server's whole process.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { CorpusReader } from "../corpus/reader.ts"
import { checkRooms, outcomesAfter } from "../launch/check-rooms.ts"
import { startOwnTarget } from "../launch/own-target.ts"
import { prepare } from "../launch/prepare.ts"
import { pinSelf, splitProcessors, usageOf } from "../launch/processors.ts"
import { measureVerifyRate } from "../launch/verify-rate.ts"
import { makeAuthority } from "../origin/certificates.ts"
import { sendClosed } from "./closed-loop.ts"

/** What is sent, and what it is put beside. */
interface Course {
  readonly name: string
  /** At the beginning, not measured. */
  readonly warmUp: number
  readonly requests: number
  readonly connections: number
  /** Of each request; where there are none the request itself counts. */
  readonly pdus?: number
  readonly wanted: number
}

const courses: readonly Course[] = [
  { name: "send-one", warmUp: 20_000, requests: 20_000, connections: 32, pdus: 1, wanted: 0.2 },
  { name: "send-fifty", warmUp: 400, requests: 800, connections: 8, pdus: 50, wanted: 0.5 },
  { name: "send-conflict", warmUp: 2_000, requests: 4_000, connections: 32, pdus: 2, wanted: 0.1 },
  { name: "keys", warmUp: 40_000, requests: 60_000, connections: 32, wanted: 0.5 },
  { name: "keys, plain HTTP", warmUp: 40_000, requests: 60_000, connections: 32, wanted: 0.5 },
  { name: "event", warmUp: 20_000, requests: 20_000, connections: 32, wanted: 4_680 },
  { name: "state-ids", warmUp: 16_000, requests: 16_000, connections: 32, wanted: 3_180 },
  { name: "backfill", warmUp: 8_000, requests: 8_000, connections: 32, wanted: 690 },
]

/** The keys, which need no corpus: over TLS, and beside a server that speaks plain HTTP by plain HTTP too. */
const isOfKeys = ({ name }: Course): boolean => name.startsWith("keys")
const isPlain = ({ name }: Course): boolean => name.endsWith("plain HTTP")

const host = "127.0.0.1"
const seed = 1
const split = splitProcessors()

/** Of the requests measured. */
interface Taken {
  readonly wallUs: number
  readonly cpuUs: number
}

/** Sends the first of `requests` unmeasured, and measures the others. */
const take = async (
  course: Course,
  goal: { readonly url: string; readonly authority?: string },
  pid: number | undefined,
  requests: readonly Buffer[],
): Promise<Taken> => {
  const { warmUp, connections } = course
  const check = (body: Buffer): void => {
    if (course.pdus !== undefined && body.includes('"error"')) throw new Error(body.toString())
  }
  await sendClosed({ ...goal, connections }, requests.slice(0, warmUp), check)
  const cpuMs = usageOf(pid)?.cpuMs ?? Number.NaN
  const started = performance.now()
  await sendClosed({ ...goal, connections }, requests.slice(warmUp), check)
  const wallMs = performance.now() - started
  const measured = requests.length - warmUp
  return {
    wallUs: (wallMs * 1_000) / measured,
    cpuUs: (((usageOf(pid)?.cpuMs ?? Number.NaN) - cpuMs) * 1_000) / measured,
  }
}

const keysRequest = (name: string): Buffer =>
  Buffer.from(`GET /_matrix/key/v2/server HTTP/1.1\r\nHost: ${name}\r\n\r\n`)

const requestsOf = async (directory: string, count: number): Promise<readonly Buffer[]> => {
  const corpus = await CorpusReader.open(directory)
  const requests: Buffer[] = []
  for (let line = 0; line < count; line++) {
    const { method, path, authorization, body } = await corpus.read(line)
    const head = `${method} ${path} HTTP/1.1\r\nHost: ${corpus.manifest.target}\r\nAuthorization: ${authorization}\r\n`
    requests.push(
      Buffer.from(
        body === undefined
          ? `${head}\r\n`
          : `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      ),
    )
  }
  await corpus.close()
  return requests
}

/** A bare node:http server's GETs, on the target's processor. */
const takeBare = async (course: Course): Promise<Taken> => {
  const bare = [process.execPath, fileURLToPath(new URL("bare-server.ts", import.meta.url))]
  const [command, ...rest] = split === undefined ? bare : ["taskset", "-c", String(split.target), ...bare]
  const child = spawn(command!, rest, { stdio: ["pipe", "pipe", "inherit"] })
  const [port] = (await once(child.stdout, "data")) as [Buffer]
  const requests = Array<Buffer>(course.warmUp + course.requests).fill(keysRequest("bare.example"))
  const taken = await take(course, { url: `http://${host}:${Number(String(port))}` }, child.pid, requests)
  child.stdin.end()
  await once(child, "exit")
  return taken
}

/** A course on a server of its own, whose rooms must then be what was sent. */
const run = async (course: Course, directory: string) => {
  const authority = makeAuthority()
  const target = await startOwnTarget({
    directory: join(directory, "target"),
    authority,
    isPinned: true,
    isPlain: isPlain(course),
    log: (text) => process.stderr.write(text),
  })
  const goal = {
    url: target.address.url,
    ...(isPlain(course) ? {} : { authority: authority.certificate }),
  }
  const lines = course.warmUp + course.requests
  const unpin = split === undefined ? () => undefined : pinSelf(split.others)
  try {
    if (isOfKeys(course)) {
      const requests = Array<Buffer>(lines).fill(keysRequest(target.address.serverName))
      return await take(course, goal, target.pid, requests)
    }
    const { origin, relation } = await prepare(
      {
        ...{ script: course.name, engine: "node", seed, roomVersion: "12", rooms: {}, directory },
        pace: { rate: lines, durationSeconds: 1 },
        ...{ latencyMsMax: undefined, flow: undefined, target: undefined, originTls: undefined },
        ...{ originHost: host, originListen: { host, port: 0 } },
        ...{ tell: () => undefined, onProgress: () => undefined },
      },
      target,
      authority,
    )
    try {
      const taken = await take(course, goal, target.pid, await requestsOf(directory, lines))
      const { differences } = await checkRooms(
        await outcomesAfter(directory, lines),
        relation,
        target.federation,
      )
      if (differences.length > 0) throw new Error(JSON.stringify(differences))
      return taken
    } finally {
      await origin.stop()
    }
  } finally {
    unpin()
    await target.stop()
  }
}

const measureVerify = (): Taken => {
  const before = process.threadCpuUsage()
  const started = performance.now()
  const wallUs = 1_000_000 / measureVerifyRate()
  const { user, system } = process.threadCpuUsage(before)
  return { wallUs, cpuUs: (wallUs * (user + system)) / ((performance.now() - started) * 1_000) }
}

const second: Taken = { wallUs: 1_000_000, cpuUs: 1_000_000 }

/** What one of what a course is put beside takes, here and now. */
const measureBeside = async (course: Course): Promise<Taken> => {
  if (isOfKeys(course)) return takeBare(course)
  return course.pdus === undefined ? second : measureVerify()
}

const besideOf = (course: Course): string => {
  const { pdus = 0 } = course
  if (isOfKeys(course)) return "GETs for one of a bare node:http server"
  return pdus > 0 ? "PDUs for one check of a signature" : "a second"
}

/** Before and after, since the machine may not be the same all the time: how fast it was then, a check tells. */
const measure = async (course: Course): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), "netsplit-serving-"))
  try {
    const checkBefore = measureVerify()
    const before = await measureBeside(course)
    const taken = await run(course, directory)
    const after = await measureBeside(course)
    const checkUs = ((checkBefore.wallUs + measureVerify().wallUs) / 2).toPrecision(3)
    const parts = course.pdus ?? 1
    const ratio = (of: keyof Taken): string =>
      (((before[of] + after[of]) / 2 / taken[of]) * parts).toPrecision(3)
    const cpuUs = (taken.cpuUs / parts).toPrecision(3)
    const cells = [
      course.name,
      ratio("wallUs"),
      ratio("cpuUs"),
      course.wanted,
      besideOf(course),
      cpuUs,
      checkUs,
    ]
    return `| ${cells.join(" | ")} |`
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const asked = process.argv.slice(2)
console.log("| what | by wall time | by CPU time | wanted | which is | CPU of each, µs | a check, µs |")
console.log("| --- | --- | --- | --- | --- | --- | --- |")
for (const course of courses) {
  if (asked.length === 0 || asked.includes(course.name)) console.log(await measure(course))
}
