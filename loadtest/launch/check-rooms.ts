/** After a run: does the target hold what was sent, and nothing else? It is asked as any server would ask. */
import { join } from "node:path"
import { askMakeJoin, askStateIds } from "../corpus/flows/reading.ts"
import type { CorpusRequest, CorpusRoom } from "../corpus/format.ts"
import { CorpusReader } from "../corpus/reader.ts"
import type { Relation } from "../corpus/requests.ts"
import { stateDigest } from "../corpus/room-maker.ts"
import type { RoomOutcome } from "../corpus/transactions.ts"
import { type Exchange, readObject } from "./exchange.ts"

/** Where a room of the target differs from what the corpus makes of it. */
export interface RoomDifference {
  readonly roomId: string
  readonly difference: string
}

export interface RoomsCheck {
  readonly rooms: number
  readonly differences: readonly RoomDifference[]
}

/** What each room must look like once the prelude and the first `lines` lines of a corpus were taken. */
export const outcomesAfter = async (
  directory: string,
  lines: number,
): Promise<ReadonlyMap<CorpusRoom, RoomOutcome>> => {
  const before = await CorpusReader.open(join(directory, "prelude"))
  const outcomes = before.manifest.rooms.map(({ expected }) => ({
    tips: expected.extremities,
    state: expected.state_digest,
  }))
  const during = await CorpusReader.open(directory)
  let line = 0
  for await (const { room, tips, state } of during.history()) {
    if (line++ >= lines) break
    if (tips !== undefined && state !== undefined) outcomes[room] = { tips: [...tips], state }
  }
  await before.close()
  await during.close()
  return new Map(during.manifest.rooms.map((room, nth) => [room, outcomes[nth]!]))
}

/** Compares: the forward extremities, by `make_join`'s template, and the state before each of them, by `state_ids`. */
export const checkRooms = async (
  outcomes: ReadonlyMap<CorpusRoom, RoomOutcome>,
  relation: Relation,
  federation: Exchange,
): Promise<RoomsCheck> => {
  const differences: RoomDifference[] = []
  const ask = async (request: CorpusRequest, what: string) => {
    const { method, path, authorization } = request
    const headers = { authorization, host: relation.target }
    return readObject(await federation.ask({ method, path, headers }), what)
  }
  for (const [{ room_id: roomId, room_version: version }, { tips, state }] of outcomes) {
    const differs = (difference: string) => void differences.push({ roomId, difference })
    try {
      const userId = `@after-the-run:${relation.origin}`
      const { event } = await ask(askMakeJoin(relation, roomId, userId, version), "make_join")
      const cited = (event as { readonly prev_events?: readonly unknown[] }).prev_events ?? []
      const found = cited.map((one) => String(Array.isArray(one) ? one[0] : one)).sort()
      const expected = [...tips].sort()
      if (found.join() !== expected.join())
        differs(`it ends in ${found.join(", ")}, not in ${expected.join(", ")}`)
      for (const tip of expected) {
        const { pdu_ids: ids } = await ask(askStateIds(relation, roomId, tip), "state_ids")
        if (stateDigest(ids as readonly string[]) !== state) differs(`the state before ${tip} is another one`)
      }
    } catch (error) {
      differs((error as Error).message)
    }
  }
  return { rooms: outcomes.size, differences }
}
