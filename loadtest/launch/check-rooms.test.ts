import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Exit, Scope } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { WireHandler } from "#spec-impl/federation/wire.ts"
import { LocalUsers } from "#spec-impl/homeserver/local-users.ts"
import { makeCorpus } from "../corpus/make-corpus.ts"
import { originKey } from "../corpus/origin-identity.ts"
import { CorpusReader } from "../corpus/reader.ts"
import { makeAuthority } from "../origin/certificates.ts"
import { makeOrigin } from "../origin/homeserver.ts"
import { openFront } from "../origin/https-front.ts"
import { startOrigin } from "../origin/origin.ts"
import type { OriginCalls } from "../origin/origin-worker.ts"
import { checkRooms, outcomesAfter } from "./check-rooms.ts"
import { Exchange } from "./exchange.ts"
import { sendInOrder } from "./prelude.ts"

const seed = 3
const host = "127.0.0.1"
const targetName = "target.test"
const authority = makeAuthority()

let origin: OriginCalls
let originName: string
let federation: Exchange
let front: { readonly port: number; readonly close: () => void }
let handler: WireHandler | undefined
/** Requests that the target answers, and forgets. */
let isDropped: (target: string) => boolean = () => false
const scope = Effect.runSync(Scope.make())
let joinRoom: (roomId: string) => Promise<unknown>
const directories: string[] = []

beforeAll(async () => {
  const listening = { host, port: 0, tls: authority.issue(host) }
  front = await openFront(listening, () => handler)
  const url = `https://${host}:${front.port}`
  origin = startOrigin({ listening, hostName: host, seed })
  originName = await origin.begin({ serverName: targetName, url, authority: undefined })
  const peer = { serverName: originName, url: `https://${originName}`, authority: authority.certificate }
  const target = await Effect.runPromise(
    makeOrigin({ serverName: targetName, seed, target: peer }).pipe(Scope.provide(scope), Effect.orDie),
  )
  const users = Context.get(target.services, LocalUsers)
  joinRoom = (roomId) => Effect.runPromise(users.join(`@user:${targetName}`, roomId, [originName]))
  const forgotten = { status: 200, headers: {}, body: Buffer.from('{"pdus":{}}') }
  handler = (request) => (isDropped(request.target) ? Effect.succeed(forgotten) : target.handler(request))
  federation = new Exchange(url)
})

afterAll(async () => {
  await federation.close()
  await origin.stop()
  front.close()
  await Effect.runPromise(Scope.close(scope, Exit.void))
  for (const directory of directories) rmSync(directory, { recursive: true })
})

/** Sends a whole corpus but for what is dropped, in rooms of its own, and compares. */
const differencesAfter = async (flow: string, dropped: (line: number, requests: number) => boolean) => {
  const directory = mkdtempSync(join(tmpdir(), "netsplit-check-"))
  directories.push(directory)
  const roomIds = await origin.makeRooms({ count: 2, users: 3, prelude: 0 }, "12")
  for (const roomId of roomIds) await joinRoom(roomId)
  const rooms = await origin.starts(roomIds)
  await makeCorpus({ flow, seed, origin: originName, target: targetName, rooms, iterations: 8 }, directory)
  await origin.learn(directory)
  const corpus = await CorpusReader.open(directory)
  const { requests } = corpus.manifest
  const forgotten = new Set<string>()
  for (let line = 0; line < requests; line++) {
    if (dropped(line, requests)) forgotten.add((await corpus.read(line)).path)
  }
  await corpus.close()
  isDropped = (target) => forgotten.has(target)
  await sendInOrder(directory, federation, () => undefined)
  isDropped = () => false
  const relation = { origin: originName, target: targetName, signingKey: originKey(seed, originName) }
  const { differences } = await checkRooms(await outcomesAfter(directory, requests), relation, federation)
  return differences.map(({ roomId, difference }) => [roomIds.indexOf(roomId), difference] as const)
}

it.each(["send-one", "send-fifty", "send-conflict"])(
  "after %s the target has what was sent",
  async (flow) => {
    expect(await differencesAfter(flow, () => false)).toEqual([])
  },
)

it.each(["send-one", "send-conflict"])(
  "a target that loses a transaction of %s is found out",
  async (flow) => {
    const [first, ...others] = await differencesAfter(flow, (line, requests) => line === requests - 1)
    expect(first).toEqual([1, expect.stringMatching(/^it ends in .*, not in /)])
    // What was lost cannot be asked about.
    expect(others.every(([room]) => room === 1)).toBe(true)
  },
)

it("what comes before its predecessor is taken all the same: the origin tells what is missing", async () => {
  const before = (await origin.statistics()).linesTaken
  expect(await differencesAfter("send-one", (line) => line < 2)).toEqual([])
  expect((await origin.statistics()).linesTaken).toBeGreaterThan(before)
})
