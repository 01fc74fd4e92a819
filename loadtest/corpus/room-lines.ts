/** The part of a corpus that one thread makes: some of its rooms, round by round. */
import { makeDraws } from "./draws.ts"
import { Chat } from "./flows/chat.ts"
import { corpusFlows, preludeOf } from "./flows.ts"
import { originKey, seededBytes } from "./origin-identity.ts"
import type { Relation } from "./requests.ts"
import { RoomMaker } from "./room-maker.ts"
import type { RoomStart } from "./room-start.ts"
import type { CorpusStep } from "./transactions.ts"
import { type EncodedRequest, encodeRequest } from "./writer.ts"

/** What the bytes of a corpus follow from, and nothing else. */
export interface CorpusPlan {
  readonly flow: string
  readonly seed: number
  readonly origin: string
  readonly target: string
  readonly rooms: readonly RoomStart[]
  /** Iterations in all; rooms take turns. */
  readonly iterations: number
}

/** What the lines of one room follow from, beside the room. */
export type RoomPlan = Omit<CorpusPlan, "rooms"> & { readonly prelude: number }

/** What the origin must know of a line, and the check after a run. */
export interface LineHistory {
  /** Which of the rooms. */
  readonly room: number
  readonly events: readonly string[]
  readonly tips?: readonly string[]
  readonly state?: string
}

export interface CorpusLine extends EncodedRequest {
  readonly history: LineHistory
}

/** The lines of one room: those before the run, and then an iteration at each call of `next`. */
export interface RoomLines {
  readonly prelude: readonly CorpusLine[]
  readonly next: () => readonly CorpusLine[]
}

/** Begins the lines of a room, the nth of the plan. */
export const openRoom = (plan: RoomPlan, start: RoomStart, nth: number): RoomLines => {
  const { seed, origin, target } = plan
  const flow = corpusFlows[plan.flow]!
  const relation: Relation = { origin, target, signingKey: originKey(seed, origin) }
  const room = new RoomMaker(start, seed, relation)
  const chat = new Chat(room, relation)
  const prelude = preludeOf(chat, plan.prelude)
  const draw = makeDraws(seededBytes(seed, "draws", plan.flow, String(nth)))
  const next = flow.open({ room, relation, draw, prelude, chat })
  return {
    prelude: prelude.map((step) => lineOf(step, nth)),
    next: () => next().map((step) => lineOf(step, nth)),
  }
}

const lineOf = ({ request, events, after }: CorpusStep, room: number): CorpusLine => ({
  ...encodeRequest(request),
  history: {
    room,
    events: events.map(({ eventId }) => eventId),
    ...(after === undefined ? {} : { tips: after.tips, state: after.state }),
  },
})
