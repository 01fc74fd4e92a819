/**
 * What strangers may send to a real listener: each time a Matrix error or a closed connection, and afterwards the server
 * is there as before. `NETSPLIT_NIGHT` searches longer.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { exchangeRaw, openRaw, parseAnswer, type RawOptions } from "./testing/raw-connection.ts"
import { loopbackArguments, residentMiB, type ServeProcess, startServe } from "./testing/serve-process.ts"

const directory = mkdtempSync(join(tmpdir(), "netsplit-fuzz-"))
let server: ServeProcess
let port: number

beforeAll(async () => {
  server = await startServe(loopbackArguments("localhost:1", "127.0.0.1:0", directory))
  port = Number(server.federation.split(":")[1])
})

const alive = async (): Promise<void> => {
  const { received } = await exchangeRaw(port, [get("/_matrix/key/v2/server")])
  expect(parseAnswer(received)).toEqual({ status: 200, errcode: undefined })
}

afterAll(async () => {
  try {
    await alive()
    expect(server.complaints()).toBe("")
    // Bodies may weigh half a gigabyte together; what V8 keeps of it comes on top.
    expect(residentMiB(server.pid)).toBeLessThan(1_024)
    expect(await server.end("SIGTERM")).toBe(0)
  } finally {
    server.child.kill("SIGKILL")
    rmSync(directory, { recursive: true, force: true })
  }
})

const get = (target: string, ...headers: readonly string[]): string =>
  [`GET ${target} HTTP/1.1`, "host: localhost", "connection: close", ...headers, "", ""].join("\r\n")

const sendTarget = "/_matrix/federation/v1/send/1"
const put = (
  body: string | Uint8Array,
  headers = [`content-length: ${body.length}`],
  target = sendTarget,
) => [
  [`PUT ${target} HTTP/1.1`, "host: localhost", "connection: close", ...headers, "", ""].join("\r\n"),
  body,
]

/** `status errcode`, or that there was none. */
const answerTo = async (pieces: readonly (string | Uint8Array)[], options?: RawOptions): Promise<string> => {
  const answer = parseAnswer((await exchangeRaw(port, pieces, options)).received)
  return answer === undefined ? "closed" : `${answer.status} ${answer.errcode}`
}

const tooLong = 17 * 1_048_576

describe("bodies", () => {
  test.each<[string, () => readonly (string | Uint8Array)[], string]>([
    ["announced as too long", () => put("{", [`content-length: ${tooLong}`]), "413 M_TOO_LARGE"],
    [
      "announced so by who waits to be told to go on",
      () => put("", [`content-length: ${tooLong}`, "expect: 100-continue"]),
      "413 M_TOO_LARGE",
    ],
    [
      "that turn out too long",
      () =>
        put(`${tooLong.toString(16)}\r\n${" ".repeat(tooLong)}\r\n0\r\n\r\n`, ["transfer-encoding: chunked"]),
      "413 M_TOO_LARGE",
    ],
    ["of too many values", () => put(`{"a":[${"{},".repeat(4_000_000)}{}]}`), "413 M_TOO_LARGE"],
    [
      "of 100,000 arrays in each other",
      () => put("[".repeat(100_000) + "]".repeat(100_000)),
      "400 M_BAD_JSON",
    ],
    ["of arrays without end", () => put("[".repeat(100_000)), "400 M_NOT_JSON"],
    [
      "deep inside an object",
      () => put(`{"pdus":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
      "401 M_UNAUTHORIZED",
    ],
    [
      "of objects in each other",
      () => put(`${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`),
      "401 M_UNAUTHORIZED",
    ],
    ["with more after their end", () => put("{} {}"), "400 M_NOT_JSON"],
    ["that are no UTF-8", () => put(Uint8Array.of(0x22, 0xff, 0x22)), "400 M_NOT_JSON"],
    ["of two lengths", () => put("{}", ["content-length: 2", "content-length: 3"]), "400 M_UNKNOWN"],
    [
      "both of a length and in chunks",
      () => put("2\r\n{}\r\n0\r\n\r\n", ["content-length: 2", "transfer-encoding: chunked"]),
      "400 M_UNKNOWN",
    ],
    ["of a length that is no number", () => put("{}", ["content-length: two"]), "400 M_UNKNOWN"],
    ["in chunks that are none", () => put("zz\r\n", ["transfer-encoding: chunked"]), "closed"],
  ])("%s", async (_, pieces, expected) => {
    expect(await answerTo(pieces())).toBe(expected)
  })

  test("longer than they say: what follows is another request", async () => {
    expect(await answerTo(put("{} and more", ["content-length: 2"]))).toMatch(/closed|401 M_UNAUTHORIZED/)
  })

  test("that end before their length: the connection is closed", async () => {
    expect(await answerTo(put("{", ["content-length: 100"]), { halfClose: true })).toMatch(
      /closed|400 M_UNKNOWN/,
    )
  })
})

describe("headers", () => {
  test.each<[string, string, string]>([
    ["that are too long", get("/", `x: ${"x".repeat(40_000)}`), "431 M_TOO_LARGE"],
    ["of a path that is too long", get(`/${"x".repeat(40_000)}`), "431 M_TOO_LARGE"],
    ["with a NUL", get("/", "x: \0"), "400 M_UNKNOWN"],
    ["without a colon", get("/", "what is this"), "400 M_UNKNOWN"],
    ["of another protocol", "HELO localhost\r\n\r\n", "400 M_UNKNOWN"],
    ["without Host", "GET / HTTP/1.1\r\nconnection: close\r\n\r\n", "400 M_UNKNOWN"],
    ["that expect what there is not", get("/", "expect: more"), "417 M_UNKNOWN"],
    ["of no known method", "WHAT / HTTP/1.1\r\n\r\n", "400 M_UNKNOWN"],
    ["named as what objects inherit", get("/", "__proto__: x", "constructor: y"), "404 M_UNRECOGNIZED"],
    ["that name the whole URL", get("https://elsewhere/_matrix/nothing"), "404 M_UNRECOGNIZED"],
    [
      "with a signature that is none",
      get("/_matrix/federation/v1/event/$x", "authorization: X-Matrix"),
      "401 M_UNAUTHORIZED",
    ],
    [
      "with one of a server that cannot be",
      get("/_matrix/federation/v1/event/$x", 'authorization: X-Matrix origin="a/b",key="ed25519:1",sig="x"'),
      "401 M_UNAUTHORIZED",
    ],
  ])("%s", async (_, request, expected) => {
    expect(await answerTo([request])).toBe(expected)
  })

  test("two of Authorization are one list", async () => {
    const one = 'authorization: X-Matrix origin="a.test",destination="localhost:1",key="ed25519:1",sig="x"'
    const { received } = await exchangeRaw(port, [
      get("/_matrix/federation/v1/event/$x", one, one.replace("a.test", "b.test")),
    ])
    expect(received.toString()).toContain("of several servers")
  })
})

describe("connections", () => {
  test("of who says no more, but listens: the answer comes", async () => {
    expect(await answerTo([get("/_matrix/nothing")], { halfClose: true })).toBe("404 M_UNRECOGNIZED")
  })

  test.each<[string, () => Promise<string>]>([
    ["plain HTTP where TLS is spoken", () => answerTo([get("/")], { tls: false })],
    [
      "TLS that is retired",
      () => answerTo([get("/")], { tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1" } }),
    ],
    ["half a handshake", () => answerTo([Uint8Array.of(22, 3, 1, 2, 0, 1)], { tls: false, halfClose: true })],
  ])("%s is closed", async (_, attempt) => {
    expect(await attempt()).toBe("closed")
  })

  test("of the slow are closed in time: in the handshake, in the headers, between requests", async () => {
    const request = get("/_matrix/nothing")
    const slowly = async (tls: false | object): Promise<number> => {
      const startedMs = Date.now()
      const socket = openRaw(port, tls)
      socket.on("error", () => undefined).on("data", () => undefined)
      let at = 0
      const drip = setInterval(() => {
        if (tls !== false && at < request.length - 4) socket.write(request[at++]!)
      }, 200)
      await new Promise((resolve) => socket.once("close", resolve))
      clearInterval(drip)
      return Date.now() - startedMs
    }
    const waitedMs = await Promise.all([slowly(false), slowly({})])
    for (const ms of waitedMs) expect(ms).toBeLessThan(14_000)
  })

  test("in great number: the server answers while they are open, and when they are gone", async () => {
    const openFilesMax = Number(execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }))
    const count = Math.min(10_000, openFilesMax - 500)
    const sockets: Socket[] = []
    for (let at = 0; at < count; at++) {
      const socket = openRaw(port, false).on("error", () => undefined)
      sockets.push(socket)
      if (at % 250 === 249)
        await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve))
    }
    const { received } = await exchangeRaw(Number(new URL(server.clientUrl).port), [get("/health")], {
      tls: false,
    })
    expect(received.toString()).toContain('{"status":"ok"}')
    const mebibytes = residentMiB(server.pid)
    console.info(`${count} open connections: ${mebibytes.toFixed(0)} MiB`)
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 500))
    await alive()
  })
})

test("requests that are wrong in any way", async () => {
  const isNight = process.env.NETSPLIT_NIGHT !== undefined
  const whole = [
    get("/_matrix/federation/v1/version"),
    get("/_matrix/key/v2/server", 'authorization: X-Matrix origin="a.test",key="ed25519:1",sig="x"'),
    put('{"origin":"a.test","origin_server_ts":1,"pdus":[{"type":"m.room.message"}],"edus":[]}').join(""),
  ].map((text) => Buffer.from(text))
  const mutation = fc.record({
    of: fc.constantFrom(...whole),
    at: fc.nat({ max: 400 }),
    removed: fc.nat({ max: 20 }),
    inserted: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom("\r\n", "\0", ":", "{".repeat(500)).map((s) => Buffer.from(s)),
    ),
    times: fc.integer({ min: 1, max: 3 }),
  })
  const bytes = fc.oneof(
    {
      weight: 4,
      arbitrary: mutation.map(({ of, at, removed, inserted, times }) => {
        let mutated = of
        for (let time = 0; time < times; time++) {
          const place = (at * (time + 1)) % mutated.length
          mutated = Buffer.concat([mutated.subarray(0, place), inserted, mutated.subarray(place + removed)])
        }
        return mutated
      }),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2_000 }).map((random) => Buffer.from(random)) },
  )
  await fc.assert(
    fc.asyncProperty(bytes, fc.constantFrom<RawOptions["tls"]>({}, {}, {}, false), async (sent, tls) => {
      const { received } = await exchangeRaw(port, [sent], { tls: tls!, halfClose: true })
      const answer = tls === false ? undefined : parseAnswer(received)
      if (answer === undefined) return
      expect(answer.status < 500).toBe(true)
      if (answer.status >= 400) expect(answer.errcode).toMatch(/^M_[A-Z_]+$/)
    }),
    { seed: 7, numRuns: isNight ? 20_000 : 600, interruptAfterTimeLimit: isNight ? 600_000 : 20_000 },
  )
}, 700_000)
