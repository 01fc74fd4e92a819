/** What becomes of an event on receipt, and what that does to the state and the extremities of the room. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encodeBase64 } from "../base64.ts"
import type { Event } from "../event.ts"
import type { Readings } from "../readings.ts"
import { withSignature } from "../signing.ts"
import { StateMap } from "../state-resolution/state-map.ts"
import { propertyRuns } from "../testing/property-runs.ts"
import { claimedState } from "./decide-anew.ts"
import type { RoomDag } from "./room-dag.ts"
import { draftIn, emptyRoom, join, receive, roomWith, take } from "./testing/draft-room.ts"
import { authChain, backfill, eventsOf, missingEvents, parentsFirst } from "./walks.ts"

const bob = "@bob:two"
const say = (sender: string, more: Partial<Parameters<typeof draftIn>[1]> = {}) => ({
  type: "m.room.message",
  sender,
  content: { body: "hello" },
  ...more,
})
const topic = (sender: string, text: string, more: Partial<Parameters<typeof draftIn>[1]> = {}) => ({
  type: "m.room.topic",
  sender,
  stateKey: "",
  content: { topic: text },
  ...more,
})
const ban = (target: string) => ({
  type: "m.room.member",
  sender: "@alice:one",
  stateKey: target,
  content: { membership: "ban" },
})
const verdictOf = (dag: RoomDag, event: Event) => {
  const record = dag.record(event.eventId)
  return { verdict: record?.verdict, check: record?.objection?.check, rule: record?.objection?.rule }
}
const topicOf = (dag: RoomDag): unknown => dag.eventIn(dag.currentState(), "m.room.topic", "")?.content.topic

for (const id of ["3", "10", "12"]) {
  describe(`room ${id}`, () => {
    it("accepts what the rules allow", () => {
      const dag = roomWith(id, [bob])
      const event = take(dag, say(bob))
      expect(verdictOf(dag, event)).toEqual({ verdict: "accepted", check: undefined, rule: undefined })
      expect(dag.forwardExtremities()).toEqual([event.eventId])
    })

    it("rejects by the event's own auth_events (check 4), and all that cites it", () => {
      const dag = roomWith(id, [bob], { [bob]: 50 })
      const member = dag.eventIn(dag.currentState(), "m.room.member", bob)!
      const rejected = take(dag, topic(bob, "x", { authEvents: [member.eventId, member.eventId] }))
      expect(verdictOf(dag, rejected)).toMatchObject({ verdict: "rejected", check: 4 })
      const citing = take(dag, topic(bob, "y", { authEvents: [...member.authEvents, rejected.eventId] }))
      expect(verdictOf(dag, citing)).toMatchObject({ verdict: "rejected", check: 4 })
      expect(topicOf(dag)).toBeUndefined()
    })

    it("rejects by the state before it (check 5): it is no tip, and the state after it is that before it", () => {
      const dag = roomWith(id, [bob], { [bob]: 50 })
      const levels = dag.eventIn(dag.currentState(), "m.room.power_levels", "")!
      const users = Object.fromEntries(
        Object.entries(levels.content.users as object).filter(([user]) => user !== bob),
      )
      take(dag, { type: "m.room.power_levels", sender: "@alice:one", stateKey: "", content: { users } })
      const tips = dag.forwardExtremities()
      const stale = [levels, dag.eventIn(dag.currentState(), "m.room.member", bob)!, dag.create()!]
      const cited = stale.filter((event) => id !== "12" || event.type !== "m.room.create")
      const event = take(dag, topic(bob, "x", { authEvents: cited.map(({ eventId }) => eventId) }))
      expect(verdictOf(dag, event)).toMatchObject({ verdict: "rejected", check: 5 })
      expect(dag.forwardExtremities()).toEqual(tips)
      const record = dag.timeline(event.eventId)!
      expect(record.stateAfter.digest).toBe(record.stateBefore.digest)
      const child = take(dag, say("@alice:one", { prevEvents: [event.eventId] }))
      expect(verdictOf(dag, child).verdict).toBe("accepted")
      expect(dag.forwardExtremities()).toEqual([child.eventId])
    })

    it("soft-fails by the current state (check 6), as in the specification's example", () => {
      const dag = roomWith(id, [bob], { [bob]: 50 })
      const [before] = dag.forwardExtremities()
      const banned = take(dag, ban(bob))
      const evading = take(dag, topic(bob, "evaded", { prevEvents: [before!] }))
      expect(verdictOf(dag, evading)).toMatchObject({ verdict: "soft-failed", check: 6 })
      expect(dag.forwardExtremities()).toEqual([banned.eventId])
      expect(topicOf(dag)).toBeUndefined()
      // An honest event that has seen both covers both; in the resolution of the two the ban stands.
      const merging = take(dag, say("@alice:one", { prevEvents: [banned.eventId, evading.eventId].sort() }))
      expect(dag.forwardExtremities()).toEqual([merging.eventId])
      expect(topicOf(dag)).toBeUndefined()
    })

    it("soft-fails without the policy server's signature (check 7)", () => {
      const dag = roomWith(id, [bob, "@policy:police"])
      const key = new Uint8Array(32).fill(9)
      const policy = { via: "police", public_keys: { ed25519: encodeBase64(key) } }
      take(dag, { type: "m.room.policy", sender: "@alice:one", stateKey: "", content: policy })
      const unsigned = take(dag, say(bob))
      expect(verdictOf(dag, unsigned)).toEqual({ verdict: "soft-failed", check: 7, rule: "policy" })
      const draft = draftIn(dag, say(bob))
      const pdu = withSignature(draft.pdu, "police", "ed25519:policy_server", new Uint8Array(64).fill(9))
      receive(dag, { ...draft, pdu })
      expect(verdictOf(dag, draft).verdict).toBe("accepted")
      const off = take(dag, { type: "m.room.policy", sender: "@alice:one", stateKey: "", content: {} })
      expect(verdictOf(dag, off).verdict).toBe("accepted")
      expect(verdictOf(dag, take(dag, say(bob))).verdict).toBe("accepted")
    })

    it("history that comes late faces neither the current state nor the policy server", () => {
      const dag = roomWith(id, [bob])
      const [before] = dag.forwardExtremities()
      take(dag, ban(bob))
      const late = draftIn(dag, say(bob, { prevEvents: [before!] }))
      dag.apply(dag.examine(late, "historical"))
      expect(verdictOf(dag, late).verdict).toBe("accepted")
    })
  })
}

describe("an event behind a gap", () => {
  const member = (membership: string, sender = bob, stateKey = bob) => ({
    type: "m.room.member",
    sender,
    stateKey,
    content: { membership },
  })
  /** Takes in the newest event of `there` with the state before it as that room has it, and nothing else between. */
  const takeTold = (there: RoomDag, here: RoomDag, event: Event): unknown => {
    const stateIds = there.eventIdsIn(there.timeline(event.eventId)!.stateBefore)
    const told = eventsOf(there, stateIds)
    for (const held of parentsFirst([...authChain(there, stateIds), ...told])) {
      if (here.record(held.eventId) === undefined) here.apply(here.examineOutlier(held))
    }
    here.apply(here.examine(event, "new", claimedState(here, stateIds, "two")))
    return here.timeline(event.eventId)?.verdict
  }
  const copyOf = (there: RoomDag, readings?: Partial<Readings>): RoomDag => {
    const here = emptyRoom(there.rules.version.id, readings)
    for (const { event } of there.records()) receive(here, event)
    return here
  }

  for (const id of ["2", "11", "12"]) {
    it(`room ${id}: may be allowed by what the gap holds: its sender is back`, () => {
      const there = roomWith(id, [bob])
      take(there, member("leave"))
      const [here, strict] = [copyOf(there), copyOf(there, { presentBehindGap: "held-alone" })]
      const back = join(there, bob)
      take(there, say(bob))
      const spoken = take(there, say(bob))
      expect(takeTold(there, here, spoken)).toBe("accepted")
      expect(takeTold(there, strict, spoken)).toBe("soft-failed")
      expect(here.eventIn(here.currentState(), "m.room.member", bob)?.eventId).toBe(back.eventId)
    })

    it(`room ${id}: is soft-failed where a ban stands against its sender, whatever the gap holds`, () => {
      const there = roomWith(id, [bob])
      const here = copyOf(there)
      take(here, ban(bob))
      take(there, say(bob))
      expect(takeTold(there, here, take(there, say(bob)))).toBe("soft-failed")
    })
  }
})

describe("history that is fetched late", () => {
  it("is never a tip; once connected it covers the tips that came before it", () => {
    const there = roomWith("11", [bob])
    const here = emptyRoom("11")
    for (const { event } of there.records()) receive(here, event)
    const before = there.forwardExtremities()
    const gap = [take(there, say(bob)), take(there, say(bob)), take(there, say(bob))]
    const state = there.currentState()
    const tip = draftIn(there, say(bob))
    here.apply(here.examine(tip, "new", { state, by: "one" }))
    const both = [...before, tip.eventId].sort()
    expect(here.forwardExtremities()).toEqual(both)
    for (const event of gap) {
      expect(here.forwardExtremities()).toEqual(both)
      here.apply(here.examine(event, "historical"))
    }
    expect(here.forwardExtremities()).toEqual([tip.eventId])
  })
})

describe("outliers", () => {
  it("are held for those who cite them, and become history when their place is known", () => {
    const here = roomWith("11", [])
    const joining = draftIn(here, {
      type: "m.room.member",
      sender: bob,
      stateKey: bob,
      content: { membership: "join" },
    })
    const other = emptyRoom("11")
    for (const { event } of here.records()) receive(other, event)
    other.apply(other.examineOutlier(joining))
    expect(other.timeline(joining.eventId)).toBeUndefined()
    expect(other.record(joining.eventId)?.place).toBe("outlier")
    expect(other.eventIn(other.currentState(), "m.room.member", bob)).toBeUndefined()
    receive(other, joining)
    expect(other.timeline(joining.eventId)?.verdict).toBe("accepted")
    expect(other.forwardExtremities()).toEqual([joining.eventId])
    other.apply(other.examineOutlier(joining))
    expect(other.timeline(joining.eventId)).toBeDefined()
  })

  it("a claimed state is taken at its word, and noted", () => {
    const dag = roomWith("11", [bob])
    const state = dag.currentState()
    const gone = draftIn(dag, say(bob))
    const event = { ...gone, prevEvents: ["$unknown"] }
    const record = dag.examine(event, "new", { state, by: "two" })
    expect(record.stateSource).toEqual({ kind: "claimed", by: "two" })
    expect(dag.missingPrevEvents(event)).toEqual(["$unknown"])
    expect(dag.examine(event, "new", { state: StateMap.empty, by: "two" }).verdict).toBe("rejected")
  })
})

describe("forward extremities", () => {
  /** Random histories: who speaks, whether the event is of a banned user, and which of the last few it hangs on. */
  const anyHistory = fc.array(
    fc.record({ evil: fc.boolean(), parents: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }) }),
    { maxLength: 14 },
  )

  it("are the accepted events without an accepted descendant, through others, in any order of arrival", () => {
    fc.assert(
      fc.property(anyHistory, fc.infiniteStream(fc.nat(1_000)), (history, order) => {
        const source = roomWith("11", [bob, "@eve:three"])
        const trunk = [...source.records()].map(({ event }) => event)
        const [root] = source.forwardExtremities()
        take(source, ban("@eve:three"))
        const made = [root!]
        for (const { evil, parents } of history) {
          const prevEvents = [...new Set(parents.map((back) => made[Math.max(0, made.length - 1 - back)]!))]
          made.push(take(source, say(evil ? "@eve:three" : bob, { prevEvents })).eventId)
        }
        const all = [...source.records()].map(({ event }) => event)
        const target = emptyRoom("11")
        for (const event of trunk) receive(target, event)
        const waiting = all.slice(trunk.length)
        while (waiting.length > 0) {
          const ready = waiting.filter((event) => target.missingPrevEvents(event).length === 0)
          const next = ready[order.next().value! % ready.length]!
          waiting.splice(waiting.indexOf(next), 1)
          if (target.missingAuthEvents(next).length === 0) receive(target, next)
        }
        for (const dag of [source, target]) expect(dag.forwardExtremities()).toEqual(naiveExtremities(dag))
      }),
      propertyRuns(60, 17),
    )
  })

  it("are right as well when history is filled in behind them", () => {
    const source = roomWith("11", [bob])
    const trunk = [...source.records()].map(({ event }) => event)
    const chain = Array.from({ length: 6 }, () => take(source, say(bob)))
    const target = emptyRoom("11")
    for (const event of trunk) receive(target, event)
    const state = target.currentState()
    target.apply(target.examine(chain[3]!, "new", { state, by: "two" }))
    for (const event of chain.slice(4)) receive(target, event)
    expect(target.forwardExtremities().length).toBe(2)
    for (const event of chain.slice(0, 3)) target.apply(target.examine(event, "historical"))
    expect(target.forwardExtremities()).toEqual(source.forwardExtremities())
  })
})

/** The definition, word for word. */
const naiveExtremities = (dag: RoomDag): readonly string[] => {
  const records = [...dag.records()].filter((record) => record.place === "timeline")
  const hasAcceptedDescendant = (eventId: string): boolean =>
    dag.held
      .childrenOf(eventId)
      .some((child) => dag.timeline(child)?.verdict === "accepted" || hasAcceptedDescendant(child))
  return records
    .filter(({ verdict, event }) => verdict === "accepted" && !hasAcceptedDescendant(event.eventId))
    .map(({ event }) => event.eventId)
    .sort()
}

describe("walks", () => {
  const dag = roomWith("11", [bob])
  const trunk = [...dag.records()].map(({ event }) => event)
  const [root] = dag.forwardExtremities()
  const chain = Array.from({ length: 8 }, () => take(dag, say(bob)))
  const ids = (events: readonly Event[]): readonly string[] => events.map(({ eventId }) => eventId)

  it("an auth chain is all that is cited, each after what it cites", () => {
    const last = chain.at(-1)!
    const chainOfLast = authChain(dag, [last.eventId])
    expect(new Set(ids(chainOfLast))).toEqual(new Set(ids(trunk)))
    expect(ids(chainOfLast)).not.toContain(last.eventId)
    const position = new Map(ids(chainOfLast).map((id, at) => [id, at]))
    for (const event of chainOfLast) {
      for (const cited of event.authEvents)
        expect(position.get(cited)!).toBeLessThan(position.get(event.eventId)!)
    }
  })

  it("missing events are those nearest to the latest, oldest first, without the ends", () => {
    const question = { latest: [chain[7]!.eventId], earliest: [root!], depthMin: 0 }
    expect(ids(missingEvents(dag, { ...question, limit: 3 }))).toEqual(ids(chain.slice(4, 7)))
    expect(ids(missingEvents(dag, { ...question, limit: 50 }))).toEqual(ids(chain.slice(0, 7)))
    expect(ids(missingEvents(dag, { ...question, limit: 50, depthMin: chain[5]!.depth }))).toEqual(
      ids(chain.slice(5, 7)),
    )
  })

  it("backfill goes back from the events named, these included, newest first", () => {
    expect(ids(backfill(dag, [chain[3]!.eventId], 3))).toEqual(ids([chain[3]!, chain[2]!, chain[1]!]))
  })

  it("events are put after those that they build on, in whatever order they come", () => {
    const shuffled = [...chain, ...trunk].reverse()
    expect(ids(parentsFirst(shuffled))).toEqual(ids([...trunk, ...chain]))
    expect(ids(eventsOf(dag, ["$unknown", root!]))).toEqual([root])
  })

  it("a banned user may not even join, and a rejected join leaves no trace in the state", () => {
    const room = roomWith("11", [bob])
    take(room, ban(bob))
    expect(verdictOf(room, join(room, bob))).toMatchObject({ verdict: "rejected", check: 4, rule: "4.3.3" })
    expect(room.eventIn(room.currentState(), "m.room.member", bob)?.content.membership).toBe("ban")
  })
})
