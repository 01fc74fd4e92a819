import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import type { CorpusRequest } from "./corpus/format.ts"
import { CorpusWriter, encodeRequest } from "./corpus/writer.ts"
import { runScript } from "./engine/run-script.ts"
import { type StubOptions, type StubRequest, startStub } from "./testing/stub-homeserver.ts"

const target = "target.example"
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Requests of the right form, as a corpus of the flow has them. */
const requestsOf = (flow: string, count: number): readonly CorpusRequest[] =>
  Array.from({ length: count }, (_, i): CorpusRequest => {
    const authorization = `X-Matrix origin="origin.example",destination="${target}",key="ed25519:1",sig="${i}"`
    const get = (endpoint: string, path: string): CorpusRequest => ({
      method: "GET",
      path: `/_matrix/federation/v1/${path}`,
      authorization,
      endpoint,
    })
    const put = (endpoint: string, path: string, content: unknown): CorpusRequest => ({
      ...get(endpoint, path),
      method: "PUT",
      body: JSON.stringify(content),
    })
    const user = encodeURIComponent(`@joiner${i >> 1}:origin.example`)
    switch (flow) {
      case "state-ids":
        return get("state_ids", `state_ids/!room?event_id=$${i}`)
      case "event":
        return get("event", `event/$${i}`)
      case "backfill":
        return get("backfill", `backfill/!room?limit=20&v=$${i}`)
      case "join-storm":
        return i % 2 === 0
          ? get("make_join", `make_join/!room/${user}?ver=11`)
          : put("send_join", `send_join/!room/$join${i}`, { sender: "ünïcode 𐀀" })
      case "mixed":
        return requestsOf(["send-one", "state-ids", "event", "backfill"][i % 4]!, i + 1)[i]!
      default: {
        const pdus = Array.from({ length: flow === "send-fifty" ? 50 : 1 }, (__, n) => ({ n, text: 'é\\"' }))
        return put("send", `send/${i}`, { origin: "origin.example", pdus })
      }
    }
  })

const writeCorpus = async (flow: string, requests: readonly CorpusRequest[]): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), "netsplit-corpus-"))
  closing.push(() => rmSync(directory, { recursive: true }))
  const writer = await CorpusWriter.create(directory, flow)
  for (const request of requests) await writer.write(encodeRequest(request))
  const perIteration = flow === "join-storm" ? 2 : 1
  await writer.close({
    seed: 1,
    target,
    origins: ["origin.example"],
    requests_per_iteration: perIteration,
    pdus: 0,
    rooms: [],
  })
  return directory
}

const stub = async (options: Partial<StubOptions> = {}) => {
  const started = await startStub({ serverName: target, ...options })
  closing.push(started.close)
  return started
}

const run = async (script: string, env: Readonly<Record<string, string>>) => {
  const lines: string[] = []
  const result = await runScript({
    script: new URL(`scripts/${script}.ts`, import.meta.url).pathname,
    env: { RATE: "80", DURATION: "1s", LATENCY_MS_MAX: "5000", ...env },
    engine: "node",
    log: (level, text) => lines.push(`${level}: ${text}`),
    print: () => {},
  })
  return { result, lines }
}

const isPreflight = ({ path }: StubRequest): boolean =>
  ["/_matrix/key/v2/server", "/_matrix/federation/v1/version"].includes(path)

const digest = (text: string): string => createHash("sha256").update(text).digest("hex")

const flows = [
  "send-one",
  "send-fifty",
  "send-conflict",
  "state-ids",
  "event",
  "backfill",
  "join-storm",
  "mixed",
]

describe("every flow runs for seconds without an error", () => {
  it.each(flows)("%s sends each line once, as it was signed", async (flow) => {
    const perIteration = flow === "join-storm" ? 2 : 1
    const requests = requestsOf(flow, 80 * perIteration)
    const server = await stub()
    const { result, lines } = await run(flow, {
      TARGET: server.url,
      CORPUS: await writeCorpus(flow, requests),
    })
    // A machine that is busy may start iterations late; the engine says so, and the flow is none the worse.
    const said = lines.filter((line) => !line.startsWith("warn: 1 % of the iterations"))
    expect(said).toEqual([`info: ${server.url} is ${target}, running stub 1`])
    expect(result).toMatchObject({ exitCode: 0, droppedIterations: 0, iterations: 80 })
    expect(result.thresholds.length).toBeGreaterThan(3)
    expect(result.thresholds.every(({ ok }) => ok)).toBe(true)

    const seen = server.requests.filter((request) => !isPreflight(request))
    const asLine = (method: string, path: string, authorization: string | undefined, body = ""): string =>
      [method, path, authorization, digest(body)].join(" ")
    expect(
      seen.map(({ method, path, headers, body }) => asLine(method, path, headers.authorization, body)).sort(),
    ).toEqual(
      requests
        .map(({ method, path, authorization, body }) => asLine(method, path, authorization, body))
        .sort(),
    )
    expect(new Set(seen.map(({ headers }) => headers.host))).toEqual(new Set([target]))
    const sent = requests.filter(({ endpoint }) => endpoint === "send")
    if (sent.length > 0) {
      const pdus = sent.reduce(
        (sum, { body }) => sum + (JSON.parse(body!) as { pdus: unknown[] }).pdus.length,
        0,
      )
      expect(result.summary?.metrics.pdus_accepted?.values.count).toBe(pdus)
      expect(result.thresholds).toContainEqual({ metric: "pdu_errors", threshold: "count==0", ok: true })
    }
  })

  it("keys needs no corpus", async () => {
    const server = await stub()
    const { result } = await run("keys", { TARGET: server.url, SERVER_NAME: target })
    expect(result).toMatchObject({ exitCode: 0, droppedIterations: 0, iterations: 80 })
  })

  it("breakpoint takes any corpus, and goes up to its rate", async () => {
    const server = await stub()
    const CORPUS = await writeCorpus("event", requestsOf("event", 100))
    const { result } = await run("breakpoint", { TARGET: server.url, CORPUS, RATE: "200" })
    expect(result).toMatchObject({ exitCode: 0, droppedIterations: 0, iterations: 100 })
    expect(result.summary!.metrics.offered_rate!.values.value).toBeGreaterThan(180)
  })
})

describe("what goes wrong fails the run", () => {
  const refused = (request: StubRequest) =>
    request.path.includes("/send/7")
      ? { status: 200, body: { pdus: { $x: { error: "not allowed" } } } }
      : undefined

  it("a PDU with an error in the answer to /send", async () => {
    const server = await stub({ answer: refused })
    const CORPUS = await writeCorpus("send-one", requestsOf("send-one", 80))
    const { result, lines } = await run("send-one", { TARGET: server.url, CORPUS })
    expect(result.exitCode).toBe(99)
    expect(result.thresholds.filter(({ ok }) => !ok)).toEqual([
      { metric: "pdu_errors", threshold: "count==0", ok: false },
    ])
    // /send/7 and /send/70 to /send/79.
    expect(result.summary!.metrics.pdu_errors!.values.count).toBe(11)
    expect(lines).toContain("error: $x: not allowed")
  })

  it("an answer that is not 200", async () => {
    const server = await stub({
      answer: ({ path }) => (path.endsWith("/event/$3") ? { status: 429, body: {} } : undefined),
    })
    const CORPUS = await writeCorpus("event", requestsOf("event", 80))
    const { result } = await run("event", { TARGET: server.url, CORPUS })
    expect(result.exitCode).toBe(99)
    const failed = result.thresholds.filter(({ ok }) => !ok).map(({ metric }) => metric)
    expect(failed).toEqual(["checks", "http_req_failed"])
    expect(result.summary!.root_group.checks).toContainEqual(
      expect.objectContaining({
        name: "event answers 200",
        path: "::event answers 200",
        passes: 79,
        fails: 1,
      }),
    )
  })

  it("a make_join for another user", async () => {
    const template = {
      room_version: "11",
      event: { type: "m.room.member", room_id: "!room", sender: "@else:x" },
    }
    const server = await stub({
      answer: ({ path }) => (path.includes("/make_join/") ? { status: 200, body: template } : undefined),
    })
    const CORPUS = await writeCorpus("join-storm", requestsOf("join-storm", 160))
    const { result } = await run("join-storm", { TARGET: server.url, CORPUS })
    expect(result.exitCode).toBe(99)
    expect(result.thresholds).toContainEqual({ metric: "checks", threshold: "rate==1", ok: false })
  })

  it("iterations that find no VU, and the run ends there", async () => {
    const server = await stub({ delayMs: 1_000 })
    const CORPUS = await writeCorpus("event", requestsOf("event", 2_400))
    const { result } = await run("event", { TARGET: server.url, CORPUS, DURATION: "30s", VUS: "10" })
    expect(result.exitCode).toBe(99)
    expect(result.reason).toBe("threshold failed: dropped_iterations count==0")
    expect(result.droppedIterations).toBeGreaterThan(10)
    expect(result.summary!.state.testRunDurationMs).toBeLessThan(10_000)
  })

  it("a target that is slower than a percentile may be", async () => {
    const server = await stub({ delayMs: 30 })
    const CORPUS = await writeCorpus("event", requestsOf("event", 80))
    const { result } = await run("event", { TARGET: server.url, CORPUS, LATENCY_MS_MAX: "20", VUS: "80" })
    expect(result.exitCode).toBe(99)
    expect(result.thresholds.filter(({ ok }) => !ok)).toEqual([
      { metric: "http_req_duration{endpoint:event}", threshold: "p(95)<20", ok: false },
    ])
  })
})

describe("the preflight stops before any load", () => {
  const expectStopped = async (script: string, env: Readonly<Record<string, string>>, reason: RegExp) => {
    const { result } = await run(script, env)
    expect(result).toMatchObject({ exitCode: 108, iterations: 0 })
    expect(result.reason).toMatch(reason)
  }

  it("where another server is on the port", async () => {
    const server = await stub({ serverName: "other.example" })
    const CORPUS = await writeCorpus("event", requestsOf("event", 80))
    const reason = /is other\.example, and the requests are for target\.example$/
    await expectStopped("event", { TARGET: server.url, CORPUS }, reason)
    expect(server.requests.map(({ path }) => path)).toEqual(["/_matrix/key/v2/server"])
  })

  it("where nobody is there", async () => {
    const server = await stub()
    server.close()
    await expectStopped("keys", { TARGET: server.url }, /^nobody at .* tells keys: connect ECONNREFUSED/)
  })

  it("where the corpus is another flow's, or too short", async () => {
    const server = await stub()
    const CORPUS = await writeCorpus("event", requestsOf("event", 79))
    await expectStopped("backfill", { TARGET: server.url, CORPUS }, /^the corpus is for event, not backfill$/)
    await expectStopped(
      "event",
      { TARGET: server.url, CORPUS },
      /^the corpus has 79 requests, and the run takes 80$/,
    )
    expect(server.requests).toEqual([])
  })

  it("where there is no corpus", async () => {
    const { result } = await run("event", { TARGET: "http://127.0.0.1:1" })
    expect(result.exitCode).toBe(107)
    expect(result.reason).toContain("CORPUS must name a corpus")
  })
})

it("a corpus lies on disk as format.ts says", async () => {
  const requests = requestsOf("join-storm", 2)
  const directory = await writeCorpus("join-storm", requests)
  const lines = readFileSync(join(directory, "join-storm.ndjson"), "utf8").trimEnd().split("\n")
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
    requests.map(({ body, ...head }) =>
      body === undefined ? head : { ...head, body: JSON.parse(body) as unknown },
    ),
  )
  expect(lines[1]).toContain(`,"body":${requests[1]!.body}}`)
  const manifest: unknown = JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8"))
  expect(manifest).toMatchObject({
    format: 1,
    flow: "join-storm",
    target,
    requests: 2,
    requests_per_iteration: 2,
  })
})
