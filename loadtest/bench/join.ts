/**
 * A room of a thousand members is joined by a second server: two real ones on loopback, the one that joins on SQLite.
 * The room: its creator's six events and 999 joins, all of one server, one after the other.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { Crowd } from "../corpus/flows/crowd.ts"
import { originKey } from "../corpus/origin-identity.ts"
import type { Relation } from "../corpus/requests.ts"
import { RoomMaker } from "../corpus/room-maker.ts"
import type { RoomStart } from "../corpus/room-start.ts"
import { type Exchange, readObject } from "../launch/exchange.ts"
import { startOwnTarget } from "../launch/own-target.ts"
import { measureVerifyRate } from "../launch/verify-rate.ts"
import { makeAuthority } from "../origin/certificates.ts"
import { startOrigin } from "../origin/origin.ts"
import type { Figure } from "./figure.ts"

const users = 1_000
/** Joins before those that count: code is warm in a server that has been running. */
const warmRounds = 6
const rounds = 6
const verifyMs = 100
const seed = 1
const host = "127.0.0.1"

/** What it costs to join, and what the answer of a server in the room costs, with all members and without. */
export const joinFigures = async (): Promise<readonly Figure[]> => {
  const directory = mkdtempSync(join(tmpdir(), "netsplit-join-"))
  const authority = makeAuthority()
  const target = await startOwnTarget({ directory, authority, isPinned: false, log: () => undefined })
  const origin = startOrigin({
    listening: { host, port: 0, tls: authority.issue(host) },
    hostName: host,
    seed,
  })
  try {
    const name = await origin.begin(target.address)
    const relation: Relation = {
      origin: name,
      target: target.address.serverName,
      signingKey: originKey(seed, name),
    }
    const large = await origin.makeRooms({ count: warmRounds + rounds, users, prelude: 0 }, "12")
    const joinsMs: number[] = []
    // Both under the same conditions, of which the best count.
    const verifyRates: number[] = []
    for (const roomId of large) {
      verifyRates.push(measureVerifyRate(verifyMs))
      const started = performance.now()
      await target.join(roomId, name)
      joinsMs.push(performance.now() - started)
    }
    const perVerifyUs = 1_000_000 / Math.max(...verifyRates)
    const starts = await origin.starts(large)
    const events = starts[0]!.events.length - 1
    const answersMs = await answerTimes(starts[0]!, relation, target.federation, false)
    const omittingMs = await answerTimes(starts[1]!, relation, target.federation, true)
    const cores = availableParallelism()
    const checksUs = perVerifyUs * events
    const best = (times: readonly number[]): number => Math.min(...times) * 1_000
    return [
      {
        name: `join of ${events} events, from POST /join to its answer`,
        us: best(joinsMs.slice(warmRounds)),
        limit: `twice their signature checks, on ${cores} processors`,
        limitUs: (2 * checksUs) / cores,
      },
      {
        name: "send_join's answer by the server in the room",
        us: best(answersMs),
        limit: "the same checks on one thread",
        limitUs: checksUs,
      },
      {
        name: "the same with omit_members",
        us: best(omittingMs),
        limit: "the same checks on one thread",
        limitUs: checksUs,
      },
    ]
  } finally {
    await origin.stop()
    await target.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** How long the target takes to answer the joins of users, one after the other. */
const answerTimes = async (
  start: RoomStart,
  relation: Relation,
  federation: Exchange,
  omitMembers: boolean,
): Promise<readonly number[]> => {
  const crowd = new Crowd(new RoomMaker(start, seed, relation), relation, omitMembers)
  const times: number[] = []
  for (let nth = 0; nth < rounds; nth++) {
    for (const { request } of crowd.join()) {
      const { method, path, authorization, body, endpoint } = request
      const headers = { authorization, host: relation.target }
      const started = performance.now()
      const answer = await federation.ask({ method, path, headers, ...(body === undefined ? {} : { body }) })
      if (endpoint === "send_join") times.push(performance.now() - started)
      readObject(answer, endpoint)
    }
  }
  return times
}
