/**
 * A server that joined without being told all memberships ends with the room of one that was told all: the same events
 * in the same order, decided anew. `there` is a resident server, `joiner` one that comes in.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Event } from "../event.ts"
import { propertyRuns } from "../testing/property-runs.ts"
import { claimedState, type DecidedAnew, decideAnew, type JournalEntry, journalEntry } from "./decide-anew.ts"
import type { EventRecord } from "./event-record.ts"
import type { RoomDag } from "./room-dag.ts"
import { type Drafted, draftIn, emptyRoom, roomWith, take } from "./testing/draft-room.ts"
import { authChain, parentsFirst } from "./walks.ts"

const newcomer = "@nina:nine"
const users = ["@alice:one", "@bob:two", "@carol:three", "@derek:four"] as const

const member = (target: string, membership: string, sender = target): Drafted => ({
  type: "m.room.member",
  sender,
  stateKey: target,
  content: { membership },
})
const topic = (sender: string, more: Partial<Drafted> = {}): Drafted => ({
  type: "m.room.topic",
  sender,
  stateKey: "",
  content: { topic: "t" },
  ...more,
})

/** A server that came in by `join`, with all that it took in. */
interface Joiner {
  readonly dag: RoomDag
  readonly journal: JournalEntry[]
}

const stateAndChain = (there: RoomDag, stateIds: readonly string[]): readonly Event[] =>
  parentsFirst([...authChain(there, stateIds), ...stateIds.map((eventId) => there.record(eventId)!.event)])

const add = ({ dag, journal }: Joiner, record: EventRecord): void => {
  journal.push(journalEntry(record))
  dag.apply(record)
}

const addOutliers = (joiner: Joiner, events: readonly Event[]): void => {
  for (const event of events) {
    if (joiner.dag.record(event.eventId) === undefined) add(joiner, joiner.dag.examineOutlier(event))
  }
}

/** Comes in, told all memberships or none. */
const enter = (there: RoomDag, join: Event, isPartial: boolean): Joiner => {
  const joiner: Joiner = { dag: emptyRoom(there.rules.version.id), journal: [] }
  if (isPartial) joiner.dag.presumedServers = new Set(["one"])
  const whole = there.eventIdsIn(there.timeline(join.eventId)!.stateBefore)
  const told = whole.filter((eventId) => !isPartial || there.record(eventId)?.event.type !== "m.room.member")
  addOutliers(joiner, [...stateAndChain(there, told), ...authChain(there, [join.eventId])])
  add(joiner, joiner.dag.examine(join, "entry", claimedState(joiner.dag, told, "one")))
  return joiner
}

/** Takes an event in as servers do: parents that are missing with the state that `there` tells, then itself. */
const receive = (there: RoomDag, joiner: Joiner, event: Event): void => {
  const { dag } = joiner
  if (dag.timeline(event.eventId) !== undefined) return
  for (const parent of dag.missingPrevEvents(event)) {
    const record = there.timeline(parent)!
    const stateIds = there.eventIdsIn(record.stateBefore)
    addOutliers(joiner, [...stateAndChain(there, stateIds), ...authChain(there, [parent])])
    add(joiner, dag.examine(record.event, "new", claimedState(dag, stateIds, "one")))
  }
  addOutliers(joiner, authChain(there, [event.eventId]))
  add(joiner, dag.examine(event, "new"))
}

const makeWhole = (there: RoomDag, { dag, journal }: Joiner, join: Event): DecidedAnew => {
  const stateIds = there.eventIdsIn(there.timeline(join.eventId)!.stateBefore)
  const chain = authChain(there, stateIds)
  const events = stateAndChain(there, stateIds).filter(({ eventId }) => dag.record(eventId) === undefined)
  const chainIds = chain.map(({ eventId }) => eventId)
  return decideAnew(dag, journal, join.eventId, { by: "one", stateIds, chainIds, events })
}

/** All that matters of a room, as plain data. */
const viewOf = (dag: RoomDag) => ({
  tips: dag.forwardExtremities(),
  state: dag.eventIdsIn(dag.currentState()).sort(),
  timeline: [...dag.records()]
    .flatMap((record) =>
      record.place === "timeline"
        ? [
            [
              record.event.eventId,
              record.verdict,
              record.objection,
              record.stateBefore.digest,
              record.stateAfter.digest,
            ],
          ]
        : [],
    )
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
})

/** Plays `deeds`, with the join in the middle, and gives what both joiners have in the end. */
const play = (
  there: RoomDag,
  before: (there: RoomDag) => void,
  after: (there: RoomDag, join: Event) => readonly Event[],
) => {
  before(there)
  const join = take(there, member(newcomer, "join"))
  const full = enter(there, join, false)
  const partial = enter(there, join, true)
  const events = after(there, join)
  for (const event of events) {
    receive(there, full, event)
    receive(there, partial, event)
  }
  const mayJoin = there.timeline(join.eventId)?.verdict === "accepted"
  return { mayJoin, full: full.dag, partial: partial.dag, decided: makeWhole(there, partial, join), events }
}

const wholeOf = (decided: DecidedAnew): RoomDag => {
  if ("objection" in decided) throw new Error(`the join fails ${decided.objection.rule}`)
  return decided.dag
}

/** The first join of that user, which may long be over. */
const oldJoinOf = (dag: RoomDag, userId: string): Event | undefined =>
  [...dag.records()].find(({ event }) => event.stateKey === userId && event.content.membership === "join")
    ?.event

/** An event of somebody who cites a membership that is over. */
const staleTopic = (dag: RoomDag, userId: string, prevEvents?: readonly string[]): Event => {
  const cited = [
    dag.create(),
    dag.eventIn(dag.currentState(), "m.room.power_levels", ""),
    oldJoinOf(dag, userId),
  ].flatMap((event) =>
    event === undefined || (event.type === "m.room.create" && dag.rules.version.roomIdIsCreateHash)
      ? []
      : [event.eventId],
  )
  return take(dag, topic(userId, { authEvents: cited, ...(prevEvents === undefined ? {} : { prevEvents }) }))
}

describe("wrong from birth (S17; Complement msc3902)", () => {
  for (const id of ["1", "6", "10", "12"]) {
    it(`room ${id}: what a member who had left sent is accepted at first, and rejected once the leave is known`, () => {
      const derek = "@derek:four"
      const { full, partial, decided, events } = play(
        roomWith(id, [derek], { [derek]: 50 }),
        (there) => take(there, member(derek, "leave")),
        (there) => [staleTopic(there, derek)],
      )
      const [sent] = events
      expect(partial.timeline(sent!.eventId)?.verdict).toBe("accepted")
      const dag = wholeOf(decided)
      expect(dag.timeline(sent!.eventId)).toMatchObject({ verdict: "rejected", objection: { check: 5 } })
      expect(viewOf(dag)).toEqual(viewOf(full))
    })

    it(`room ${id}: the mirror: what was rejected for a kick that never held is taken back`, () => {
      const [derek, bob] = ["@derek:four", "@bob:two"]
      const { full, partial, decided, events } = play(
        roomWith(id, [derek, bob], { [derek]: 50, [bob]: 60 }),
        (there) => take(there, member(bob, "ban", "@alice:one")),
        (there) => {
          const levels = there.eventIn(there.currentState(), "m.room.power_levels", "")!
          const create = there.rules.version.roomIdIsCreateHash ? [] : [there.create()!.eventId]
          const authEvents = [...create, levels.eventId].concat(
            oldJoinOf(there, bob)!.eventId,
            oldJoinOf(there, derek)!.eventId,
          )
          const kick = take(there, { ...member(derek, "leave", bob), authEvents })
          const after = take(there, topic(derek, { prevEvents: [kick.eventId] }))
          return [kick, after]
        },
      )
      const [kick, after] = events
      const verdictsIn = (dag: RoomDag) => [kick, after].map((event) => dag.timeline(event!.eventId)?.verdict)
      expect(verdictsIn(partial)).toEqual(["accepted", "rejected"])
      const dag = wholeOf(decided)
      expect(verdictsIn(dag)).toEqual(["rejected", "accepted"])
      expect(viewOf(dag)).toEqual(viewOf(full))
    })
  }
})

describe("soft failure", () => {
  it("is put off while memberships are not known, and decided then", () => {
    const derek = "@derek:four"
    const { full, partial, decided, events } = play(
      roomWith("11", [derek], { [derek]: 50 }),
      () => undefined,
      (there, join) => {
        const banned = take(there, member(derek, "ban", "@alice:one"))
        return [banned, take(there, topic(derek, { prevEvents: [join.eventId] }))]
      },
    )
    const late = events[1]!
    expect(partial.timeline(late.eventId)?.verdict).toBe("accepted")
    const dag = wholeOf(decided)
    expect(dag.timeline(late.eventId)).toMatchObject({ verdict: "soft-failed", objection: { check: 6 } })
    expect(viewOf(dag)).toEqual(viewOf(full))
  })
})

describe("a state that does not allow the join", () => {
  it("is none of this room", () => {
    const there = roomWith("11", [])
    const join = take(there, member(newcomer, "join"))
    const joiner = enter(there, join, true)
    const ban = draftIn(there, {
      ...member(newcomer, "ban", "@alice:one"),
      prevEvents: there.timeline(join.eventId)!.event.prevEvents,
    })
    const stateIds = [...there.eventIdsIn(there.timeline(join.eventId)!.stateBefore), ban.eventId]
    const events = [...stateAndChain(there, stateIds.slice(0, -1)), ban]
    const told = { by: "liar", stateIds, chainIds: [], events }
    expect(decideAnew(joiner.dag, joiner.journal, join.eventId, told)).toMatchObject({
      objection: { check: 5 },
    })
  })
})

/** One thing that happens; `back` says from how far back in the history. */
interface Deed {
  readonly kind: "say" | "topic" | "join" | "leave" | "kick" | "ban" | "levels" | "rule" | "stale"
  readonly user: number
  readonly target: number
  readonly back: number
}

const deeds = fc.array(
  fc.record({
    kind: fc.constantFrom<Deed["kind"][]>(
      "say",
      "topic",
      "topic",
      "join",
      "join",
      "leave",
      "leave",
      "kick",
      "ban",
      "levels",
      "rule",
      "stale",
      "stale",
    ),
    user: fc.nat(3),
    target: fc.nat(3),
    back: fc.nat(6),
  }),
  { minLength: 4, maxLength: 16 },
)

const perform = (there: RoomDag, { kind, user, target, back }: Deed): Event => {
  const sender = users[user]!
  const other = users[target]!
  const accepted = [...there.records()].filter(
    (record) => record.place === "timeline" && record.verdict === "accepted",
  )
  // Most go on from the end of the history, some from before it: also from before the join.
  const from = back < 3 ? undefined : accepted.at(-Math.min(back, accepted.length - 4))?.event.eventId
  const place = from === undefined ? {} : { prevEvents: [from] }
  switch (kind) {
    case "say":
      return take(there, { type: "m.room.message", sender, content: {}, ...place })
    case "topic":
      return take(there, topic(sender, place))
    case "join":
    case "leave":
      return take(there, { ...member(sender, kind), ...place })
    case "kick":
      return take(there, { ...member(other, "leave", sender), ...place })
    case "ban":
      return take(there, { ...member(other, "ban", sender), ...place })
    case "levels": {
      const power = { [sender]: 100, [other]: 50 }
      const creator = there.rules.version.auth.privilegedCreators ? {} : { [users[0]]: 100 }
      const inRoom12 = Object.entries({ ...power, ...creator }).filter(
        ([userId]) => userId !== users[0] || !there.rules.version.auth.privilegedCreators,
      )
      const content = { users: Object.fromEntries(inRoom12) }
      return take(there, { type: "m.room.power_levels", sender, stateKey: "", content, ...place })
    }
    case "rule":
      return take(there, {
        type: "m.room.join_rules",
        sender,
        stateKey: "",
        content: { join_rule: back % 2 === 0 ? "public" : "invite" },
        ...place,
      })
    case "stale":
      return staleTopic(there, sender, from === undefined ? undefined : [from])
  }
}

describe("told all or told little, the room is the same in the end", () => {
  let changed = { rejected: 0, takenBack: 0 }
  for (const id of ["1", "2", "6", "9", "11", "12"]) {
    it(`room ${id}: whatever members did before and after the join`, () => {
      fc.assert(
        fc.property(deeds, deeds, (before, after) => {
          const levels = { "@bob:two": 100, "@carol:three": 50, "@derek:four": 50 }
          const { full, partial, decided, mayJoin } = play(
            roomWith(id, users.slice(1), levels),
            (there) => {
              for (const deed of before) perform(there, deed)
              take(there, {
                type: "m.room.join_rules",
                sender: users[0],
                stateKey: "",
                content: { join_rule: "public" },
              })
            },
            (there) => after.map((deed) => perform(there, deed)),
          )
          fc.pre(mayJoin)
          const dag = wholeOf(decided)
          expect(viewOf(dag)).toEqual(viewOf(full))
          for (const { event, verdict } of dag.records()) {
            const first = partial.record(event.eventId)?.verdict
            changed = {
              rejected: changed.rejected + (first === "accepted" && verdict === "rejected" ? 1 : 0),
              takenBack: changed.takenBack + (first === "rejected" && verdict !== "rejected" ? 1 : 0),
            }
          }
        }),
        propertyRuns(60, 7),
      )
    })
  }

  it("and that was put to the test: verdicts were turned both ways", () => {
    expect(changed.rejected).toBeGreaterThan(10)
    expect(changed.takenBack).toBeGreaterThan(0)
  })
})
