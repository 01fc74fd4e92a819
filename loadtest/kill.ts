/**
 * `kill -9` under load: a `netsplit serve` on SQLite is killed at random instants and started again on what it left,
 * while a server goes on sending to it as servers do: the same transaction under the same id until it is answered.
 * Nothing that was acknowledged may be lost, nothing be there twice, and the rooms must be as if nobody had been killed.
 */
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { makeDraws } from "./corpus/draws.ts"
import { askEvent } from "./corpus/flows/reading.ts"
import type { CorpusRequest } from "./corpus/format.ts"
import { seededBytes } from "./corpus/origin-identity.ts"
import { CorpusReader } from "./corpus/reader.ts"
import type { Relation } from "./corpus/requests.ts"
import { checkRooms, outcomesAfter } from "./launch/check-rooms.ts"
import { type Exchange, readObject } from "./launch/exchange.ts"
import type { LoadOptions } from "./launch/load-options.ts"
import { type OwnTarget, startOwnTarget } from "./launch/own-target.ts"
import { problemIn } from "./launch/prelude.ts"
import { prepare } from "./launch/prepare.ts"
import { joinAs, registerUser } from "./launch/target.ts"
import { makeAuthority } from "./origin/certificates.ts"

export interface KillOptions {
  readonly kills: number
  readonly seed: number
  readonly flow: "send-conflict" | "send-fifty" | "send-one"
  /** For corpus and data; must be empty. */
  readonly directory: string
  readonly tell: (line: string) => void
}

/** What came of it; all of `lost`, `twice`, `missing` and `differences` must be empty. */
export interface KillReport {
  readonly kills: number
  readonly acknowledged: number
  /** How many transactions were sent again, since nobody had answered. */
  readonly repeated: number
  /** Acknowledged before a kill, and not held after it. */
  readonly lost: readonly string[]
  /** Sent, and not shown to the user. */
  readonly missing: readonly string[]
  /** Shown to the user more than once. */
  readonly twice: readonly string[]
  readonly differences: readonly string[]
  /** Requests by which the target asked for what it might have lost. */
  readonly askedOfOrigin: number
}

const rooms = 4
/** Transactions of each room between two kills. */
const linesPerKill = 12

const quietMs = 500

/** The count once it stays the same: a server that has joined goes on to ask for what was before. */
const countWhenQuiet = async (count: () => Promise<number>): Promise<number> => {
  let known = await count()
  for (;;) {
    await sleep(quietMs)
    const now = await count()
    if (now === known) return now
    known = now
  }
}

/** Sends the transactions of all rooms, one after the other in each, and counts what is acknowledged. */
class Sender {
  readonly acknowledged: string[] = []
  /** Since the last kill. */
  recent: string[] = []
  repeated = 0
  exchange: Exchange
  /** How many lines each room may have sent so far. */
  allowance = 0
  readonly #target: string

  constructor(exchange: Exchange, target: string) {
    this.exchange = exchange
    this.#target = target
  }

  async run(requests: readonly (readonly [CorpusRequest, readonly string[]])[]): Promise<void> {
    for (const [nth, [request, events]] of requests.entries()) {
      while (nth >= this.allowance) await sleep(2)
      await this.#untilAcknowledged(request)
      this.acknowledged.push(...events)
      this.recent.push(...events)
    }
  }

  async #untilAcknowledged({ method, path, authorization, body }: CorpusRequest): Promise<void> {
    for (;;) {
      const headers = { authorization, host: this.#target }
      try {
        const answer = await this.exchange.ask({ method, path, headers, body: body! })
        const problem = problemIn(answer)
        if (problem === undefined) return
        if (answer.status < 500) throw new RefusedError(problem)
      } catch (error) {
        if (error instanceof RefusedError) throw error
      }
      this.repeated += 1
      await sleep(20)
    }
  }
}

class RefusedError extends Error {}

/** Kills so many times. Fails where a transaction is refused, or the server does not come back. */
export const killUnderLoad = async (options: KillOptions): Promise<KillReport> => {
  const { directory, seed, kills, tell } = options
  const authority = makeAuthority()
  const start = (federation: number) =>
    startOwnTarget({
      directory: join(directory, "target"),
      authority,
      isPinned: false,
      federation,
      log: (text) => tell(text.trimEnd()),
    })
  let target = await start(0)
  const port = Number(new URL(target.address.url).port)
  const token = await registerUser(target.clients)
  const prepared = await prepare(
    loadOptions(options, (kills + 1) * linesPerKill * rooms),
    { ...target, join: joinAs(target.clients, token) },
    authority,
  )
  const { origin, relation } = prepared
  const corpus = await CorpusReader.open(directory)
  const draw = makeDraws(seededBytes(seed, "kills"))
  const askedBefore = await countWhenQuiet(async () => (await origin.statistics()).requests)
  const lost: string[] = []
  const sender = new Sender(target.federation, relation.target)
  const ofRooms = await requestsByRoom(corpus)
  const sending = Promise.all(ofRooms.map((requests) => sender.run(requests)))
  let failure: unknown
  sending.catch((error: unknown) => {
    failure = error
  })
  try {
    for (let kill = 1; kill <= kills && failure === undefined; kill++) {
      const due = sender.acknowledged.length + draw((linesPerKill / 2) * rooms)
      sender.allowance = kill * linesPerKill
      while (sender.acknowledged.length < due && failure === undefined) await sleep(1)
      await sleep(draw(12))
      await killHard(target)
      const recent = sender.recent
      sender.recent = []
      target = await start(port)
      lost.push(...(await notHeld(target.federation, relation, recent)))
      sender.exchange = target.federation
      tell(`kill ${kill} of ${kills}: ${recent.length} acknowledged since the one before`)
    }
    sender.allowance = Number.POSITIVE_INFINITY
    await sending
    const askedOfOrigin = (await origin.statistics()).requests - askedBefore
    const outcomes = await outcomesAfter(directory, corpus.manifest.requests)
    const { differences } = await checkRooms(outcomes, relation, target.federation)
    lost.push(...(await notHeld(target.federation, relation, sender.recent)))
    const shown = await shownEvents(
      target,
      token,
      corpus.manifest.rooms.map(({ room_id: id }) => id),
    )
    return {
      kills,
      acknowledged: sender.acknowledged.length,
      repeated: sender.repeated,
      lost,
      missing: sender.acknowledged.filter((eventId) => !shown.has(eventId)),
      twice: [...shown].flatMap(([eventId, times]) => (times > 1 ? [eventId] : [])),
      differences: differences.map(({ roomId, difference }) => `${roomId}: ${difference}`),
      askedOfOrigin,
    }
  } finally {
    await corpus.close()
    await origin.stop()
    await target.stop()
  }
}

const loadOptions = ({ seed, directory, flow, tell }: KillOptions, iterations: number): LoadOptions => ({
  script: flow,
  engine: "node",
  seed,
  pace: { rate: iterations, durationSeconds: 1 },
  latencyMsMax: undefined,
  flow: undefined,
  roomVersion: "12",
  rooms: { count: rooms, users: 4 },
  target: undefined,
  directory,
  originHost: "127.0.0.1",
  originListen: { host: "127.0.0.1", port: 0 },
  originTls: undefined,
  tell,
  onProgress: () => undefined,
})

const requestsByRoom = async (corpus: CorpusReader) => {
  const ofRooms = corpus.manifest.rooms.map((): [CorpusRequest, readonly string[]][] => [])
  let line = 0
  for await (const { room, events } of corpus.history()) {
    ofRooms[room]!.push([await corpus.read(line), events])
    line += 1
  }
  return ofRooms
}

const killHard = async (target: OwnTarget): Promise<void> => {
  const ended = once(target.child, "exit")
  target.child.kill("SIGKILL")
  await ended
  await target.stop()
}

/** Those of the events that the target does not give (server-server API §Retrieving events). */
const notHeld = async (
  federation: Exchange,
  relation: Relation,
  eventIds: readonly string[],
): Promise<readonly string[]> => {
  const missing: string[] = []
  for (const eventId of eventIds) {
    const { method, path, authorization } = askEvent(relation, eventId)
    const { status } = await federation.ask({
      method,
      path,
      headers: { authorization, host: relation.target },
    })
    if (status !== 200) missing.push(eventId)
  }
  return missing
}

/** How often the user is shown each event, paging back through the rooms (client-server API §GET …/messages). */
const shownEvents = async (
  { clients }: OwnTarget,
  token: string,
  roomIds: readonly string[],
): Promise<ReadonlyMap<string, number>> => {
  const shown = new Map<string, number>()
  for (const roomId of roomIds) {
    let from: string | undefined
    do {
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100`
      const answer = await clients.ask({
        method: "GET",
        path: from === undefined ? path : `${path}&from=${encodeURIComponent(from)}`,
        headers: { authorization: `Bearer ${token}` },
      })
      const { chunk, end } = readObject(answer, "a page of messages") as {
        readonly chunk: readonly { readonly event_id: string }[]
        readonly end?: string
      }
      for (const { event_id: eventId } of chunk) shown.set(eventId, (shown.get(eventId) ?? 0) + 1)
      from = end
    } while (from !== undefined)
  }
  return shown
}
