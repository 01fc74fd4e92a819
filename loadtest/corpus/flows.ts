/** The flows that have a corpus: what their rooms are like, and which requests go to them. */
import type { Chat } from "./flows/chat.ts"
import { Crowd } from "./flows/crowd.ts"
import { Quarrel } from "./flows/quarrel.ts"
import { askBackfill, askEvent, askStateIds } from "./flows/reading.ts"
import type { Relation } from "./requests.ts"
import type { RoomMaker } from "./room-maker.ts"
import type { CorpusStep } from "./transactions.ts"

/** What a flow wants of its rooms before the run. */
export interface RoomsWanted {
  readonly count: number
  /** Users of the origin in each; two of them have all power. */
  readonly users: number
  /** Messages in each that the target must have taken before the run begins. */
  readonly prelude: number
}

/** All that a room's requests are made by. */
export interface RoomSetting {
  readonly room: RoomMaker
  readonly relation: Relation
  readonly draw: (bound: number) => number
  readonly prelude: readonly CorpusStep[]
  readonly chat: Chat
}

export interface CorpusFlow {
  readonly rooms: RoomsWanted
  /** How many lines, one after the other, an iteration takes. */
  readonly requestsPerIteration: number
  /** Gives what makes the lines of the room's next iteration. */
  readonly open: (setting: RoomSetting) => () => readonly CorpusStep[]
}

/** The most PDUs that a transaction may hold (server-server API §Transactions). */
const pdusMax = 50

const sending =
  (pdus: number): CorpusFlow["open"] =>
  ({ chat }) =>
  () => [chat.send(pdus)]

const asking = (
  ask: (setting: RoomSetting, eventId: string) => CorpusStep["request"],
): CorpusFlow["open"] => {
  return (setting) => {
    const eventIds = setting.prelude.flatMap(({ events }) => events.map(({ eventId }) => eventId))
    return () => [{ request: ask(setting, eventIds[setting.draw(eventIds.length)]!), events: [] }]
  }
}

const openEvent = asking(({ relation }, eventId) => askEvent(relation, eventId))
const openStateIds = asking(({ relation, room }, eventId) => askStateIds(relation, room.roomId, eventId))
const openBackfill = asking(({ relation, room }, eventId) => askBackfill(relation, room.roomId, eventId))

/** Ten requests as a server in a busy room gets them. */
const openMixed: CorpusFlow["open"] = (setting) => {
  const [event, stateIds, backfill] = [openEvent(setting), openStateIds(setting), openBackfill(setting)]
  const send = sending(1)(setting)
  const turns = [send, event, send, stateIds, send, event, send, backfill, send, event]
  let turn = setting.draw(turns.length)
  return () => turns[turn++ % turns.length]!()
}

const openCrowd =
  (omitMembers: boolean): CorpusFlow["open"] =>
  ({ room, relation }) => {
    const crowd = new Crowd(room, relation, omitMembers)
    return () => crowd.join()
  }

const readingRooms: RoomsWanted = { count: 4, users: 100, prelude: 500 }

/**
 * By name, as the scripts are called; `keys` and `breakpoint` have none of their own. Where events are sent there are
 * many rooms: a transaction that overtakes its predecessor in a room makes the target ask the origin for what is
 * missing, which is another load.
 */
export const corpusFlows: Readonly<Record<string, CorpusFlow>> = {
  "send-one": {
    rooms: { count: 128, users: 8, prelude: 0 },
    requestsPerIteration: 1,
    open: sending(1),
  },
  "send-fifty": {
    rooms: { count: 64, users: 8, prelude: 0 },
    requestsPerIteration: 1,
    open: sending(pdusMax),
  },
  "send-conflict": {
    rooms: { count: 64, users: 8, prelude: 0 },
    requestsPerIteration: 1,
    open: ({ room, relation }) => {
      const quarrel = new Quarrel(room, relation)
      return () => [quarrel.send()]
    },
  },
  "state-ids": { rooms: readingRooms, requestsPerIteration: 1, open: openStateIds },
  event: { rooms: readingRooms, requestsPerIteration: 1, open: openEvent },
  backfill: { rooms: readingRooms, requestsPerIteration: 1, open: openBackfill },
  mixed: {
    rooms: { count: 16, users: 20, prelude: 100 },
    requestsPerIteration: 1,
    open: openMixed,
  },
  "join-storm": {
    rooms: { count: 4, users: 1_000, prelude: 0 },
    requestsPerIteration: 2,
    open: openCrowd(false),
  },
}

/** The messages of a room that the target takes before the run, in as few transactions as may be. */
export const preludeOf = (chat: Chat, count: number): readonly CorpusStep[] => {
  const steps: CorpusStep[] = []
  for (let left = count; left > 0; left -= pdusMax) steps.push(chat.send(Math.min(left, pdusMax), "prelude"))
  return steps
}
