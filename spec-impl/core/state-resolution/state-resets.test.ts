// Shows, for the known shapes of state resets (S01–S14 of the catalogue), what comes out in rooms of each of the
// three algorithms: where the specification is weak the weakness is there, and where room 12 mends it, it is mended.
import { describe, expect, test } from "vitest"
import { sha1Hex } from "../hash.ts"
import type { JsonObject } from "../json/value.ts"
import { roomVersions } from "../room-version.ts"
import type { StateMap } from "./state-map.ts"
import { type StoryEvent, StoryRoom } from "./testing/story-room.ts"

const alice = "@alice:s1.example"
const bob = "@bob:s2.example"
const charlie = "@charlie:s3.example"
const eve = "@eve:s3.example"
const zara = "@zara:s1.example"
const xena = "@xena:s3.example"

type Line = Partial<StoryEvent>
type Outcome = string | undefined

/** The stories' verbs, in a room that begins with CREATE → JOIN(alice) → PL1 → JR1(public) → JOIN(bob) → JOIN(charlie). */
class Story {
  readonly room: StoryRoom
  readonly namesCreator: boolean

  constructor(algorithm: string, levels: JsonObject) {
    const version = roomVersions.findLast(({ stateResolution }) => stateResolution === algorithm)!
    this.room = new StoryRoom(version)
    this.namesCreator = !version.auth.privilegedCreators
    const content = {
      room_version: version.id,
      ...(version.auth.creator === "content" && { creator: alice }),
    }
    this.room.tell("CREATE", { by: alice, type: "m.room.create", content })
    this.join("JOIN(alice)", alice)
    this.levels("PL1", alice, { [alice]: 100, ...levels })
    this.joinRule("JR1", "public")
    this.join("JOIN(bob)", bob)
    this.join("JOIN(charlie)", charlie)
  }

  member(name: string, by: string, user: string, membership: string, line: Line = {}): StateMap {
    const content = { membership, name }
    return this.room.tell(name, { by, type: "m.room.member", key: user, content, ...line })
  }

  join(name: string, user: string, line: Line = {}): StateMap {
    return this.member(name, user, user, "join", line)
  }

  levels(name: string, by: string, users: JsonObject, line: Line = {}): StateMap {
    const { [alice]: ofAlice, ...others } = users
    const named = this.namesCreator ? { ...others, [alice]: ofAlice ?? 100 } : others
    const content = { users: named, note: name }
    return this.room.tell(name, { by, type: "m.room.power_levels", content, ...line })
  }

  joinRule(name: string, rule: string, line: Line = {}): StateMap {
    return this.room.tell(name, {
      by: alice,
      type: "m.room.join_rules",
      content: { join_rule: rule },
      ...line,
    })
  }

  topic(name: string, by: string, line: Line = {}): StateMap {
    return this.room.tell(name, { by, type: "m.room.topic", content: { topic: name }, ...line })
  }

  /** A message hung on an early point: the state after it is the one after `parent`. */
  old(parent: string): StateMap {
    return this.room.state(parent)
  }
}

const algorithms = ["v1", "v2", "v2.1"] as const
const byAlgorithm = (...outcomes: readonly [Outcome, Outcome, Outcome]) =>
  algorithms.map((algorithm, at) => ({ algorithm, outcome: outcomes[at] }))

describe("S01 phantom join rules", () => {
  test.each(byAlgorithm("JR1", undefined, "JR2"))("$algorithm: $outcome", ({ algorithm, outcome }) => {
    const story = new Story(algorithm, { [bob]: 100 })
    story.joinRule("JR2", "invite")
    const honest = story.member("LEAVE", alice, alice, "leave")
    const stale = story.room.with(honest, "JR1")
    expect(story.room.nameIn(story.room.resolve([honest, stale]), "m.room.join_rules")).toBe(outcome)
  })
})

describe("S02 lost promotion chain", () => {
  test.each(byAlgorithm("PL1", "PL1", "PL3"))("$algorithm: $outcome", ({ algorithm, outcome }) => {
    const story = new Story(algorithm, {})
    story.levels("PL2", alice, { [bob]: 50 })
    story.levels("PL3", bob, { [bob]: 50, [charlie]: 50 })
    const joined = story.join("JOIN(eve)", eve)
    const stale = story.join("RENAME(eve)", eve, { before: story.room.with(joined, "PL1") })
    const other = story.join("JOIN(zara)", zara, { after: ["PL3"] })
    const resolved = story.room.resolve([stale, other])
    expect(story.room.nameIn(resolved, "m.room.power_levels")).toBe(outcome)
    const ofEve = story.room.nameIn(resolved, "m.room.member", eve)
    expect(ofEve).toBe(algorithm === "v2.1" ? "JOIN(eve)" : "RENAME(eve)")
  })
})

describe("S03 action evaporation", () => {
  test.each(byAlgorithm("T1", "T1", "T1"))("$algorithm: $outcome", ({ algorithm, outcome }) => {
    const story = new Story(algorithm, { [bob]: 50 })
    story.topic("T1", alice)
    story.topic("T2", bob)
    const banned = story.member("BAN", alice, bob, "ban")
    expect(story.room.nameIn(banned, "m.room.topic")).toBe("T2")
    expect(story.room.nameIn(story.room.resolve([banned, story.old("T1")]), "m.room.topic")).toBe(outcome)
  })

  test.each(["v2", "v2.1"])("%s: without T1 there is no topic at all", (algorithm) => {
    const story = new Story(algorithm, { [bob]: 50 })
    story.topic("T2", bob)
    const banned = story.member("BAN", alice, bob, "ban")
    const resolved = story.room.resolve([banned, story.old("JOIN(charlie)")])
    expect(story.room.nameIn(resolved, "m.room.topic")).toBe(undefined)
  })
})

describe("S04 the kicked moderator's works", () => {
  test.each(byAlgorithm("NAME", undefined, undefined))("$algorithm: $outcome", ({ algorithm, outcome }) => {
    const story = new Story(algorithm, { [bob]: 50 })
    story.joinRule("JR2", "invite")
    story.room.tell("NAME", { by: bob, type: "m.room.name", content: { name: "n" } })
    story.member("INVITE", bob, xena, "invite")
    story.join("JOIN(xena)", xena)
    const kicked = story.member("KICK", alice, bob, "leave")
    const resolved = story.room.resolve([kicked, story.old("JR2")])
    expect(story.room.nameIn(resolved, "m.room.name")).toBe(outcome)
    expect(story.room.nameIn(resolved, "m.room.member", xena)).toBe("JOIN(xena)")
  })
})

describe("S05 the creator's rollback", () => {
  test.each(byAlgorithm("BAN", "JOIN(charlie)", "BAN"))("$algorithm: $outcome", ({ algorithm, outcome }) => {
    const story = new Story(algorithm, {})
    story.levels("PL2", alice, { [bob]: 100 })
    if (story.namesCreator) story.levels("PL3", alice, { [alice]: 0, [bob]: 100 })
    const honest = story.member("BAN", bob, charlie, "ban")
    // v1 goes by depth, which Alice's server may choose: she hides the time, not that she came last.
    const backdated = { after: ["JOIN(charlie)"], time: 1, depth: 20 }
    const rollback = story.levels("PLX", alice, { [charlie]: 100 }, backdated)
    const resolved = story.room.resolve([honest, rollback])
    expect(story.room.nameIn(resolved, "m.room.member", charlie)).toBe(outcome)
    if (algorithm === "v2") expect(story.room.nameIn(resolved, "m.room.power_levels")).toBe("PLX")
    if (algorithm === "v2.1") expect(story.room.nameIn(resolved, "m.room.power_levels")).toBe("PL2")
  })
})

describe("S06 the faster clock wins", () => {
  test.each(["v2", "v2.1"])("%s", (algorithm) => {
    for (const [time, outcome] of [
      [50_000, "PLC"],
      [2 ** 53 - 1, "PLB"],
    ] as const) {
      const story = new Story(algorithm, { [bob]: 100, [charlie]: 100 })
      story.levels("PLB", bob, { [bob]: 100, [charlie]: 100, [eve]: 1 }, { time })
      story.levels(
        "PLC",
        charlie,
        { [bob]: 100, [charlie]: 100, [eve]: 2 },
        { after: ["JOIN(charlie)"], time: 60_000 },
      )
      expect(story.room.nameIn(story.room.resolved("PLB", "PLC"), "m.room.power_levels")).toBe(outcome)
    }
  })
})

describe("S07 coin toss by hash", () => {
  test.each(algorithms)("%s", (algorithm) => {
    const story = new Story(algorithm, { [bob]: 50, [charlie]: 50 })
    const told = ["T1", "T2"].map((name, at) => {
      story.topic(name, [bob, charlie][at]!, { after: ["JOIN(charlie)"], time: 50_000 })
      const { eventId } = story.room.event(name)
      return { name, eventId, sha1: sha1Hex(eventId) }
    })
    const winner =
      algorithm === "v1"
        ? told.reduce((a, b) => (a.sha1 < b.sha1 ? a : b))
        : told.reduce((a, b) => (a.eventId > b.eventId ? a : b))
    expect(story.room.nameIn(story.room.resolved("T1", "T2"), "m.room.topic")).toBe(winner.name)
  })
})

describe("S08 a merge is not associative", () => {
  test.each(["v2", "v2.1"])("%s", (algorithm) => {
    const story = new Story(algorithm, { [bob]: 50, [charlie]: 50 })
    story.topic("TA", alice, { time: 30_000 })
    story.levels("PL2", alice, { [bob]: 0, [charlie]: 50 })
    story.topic("TB", bob, { after: ["JOIN(charlie)"], time: 50_000 })
    story.topic("TC", charlie, { after: ["JOIN(charlie)"], time: 40_000 })
    const topic = (state: StateMap): Outcome => story.room.nameIn(state, "m.room.topic")
    expect(topic(story.room.resolved("PL2", "TB", "TC"))).toBe("TC")
    expect(topic(story.room.resolve([story.room.resolved("TB", "TC"), story.room.state("PL2")]))).toBe("TA")
  })

  test("v1: the same in any order", () => {
    const story = new Story("v1", { [bob]: 50, [charlie]: 50 })
    story.topic("TA", alice, { time: 30_000 })
    story.levels("PL2", alice, { [bob]: 0, [charlie]: 50 })
    story.topic("TB", bob, { after: ["JOIN(charlie)"], time: 50_000 })
    story.topic("TC", charlie, { after: ["JOIN(charlie)"], time: 40_000 })
    const names = ["PL2", "TB", "TC"]
    const topics = names.map((apart) => {
      const together = names.filter((name) => name !== apart)
      const states = [story.room.resolved(...together), story.room.state(apart)]
      return story.room.nameIn(story.room.resolve(states), "m.room.topic")
    })
    expect(new Set([...topics, story.room.nameIn(story.room.resolved(...names), "m.room.topic")]).size).toBe(
      1,
    )
  })
})

describe("S09 Hotel California", () => {
  test.each(byAlgorithm("LEAVE1", "LEAVE2", "LEAVE2"))("$algorithm: $outcome", ({ algorithm, outcome }) => {
    const story = new Story(algorithm, {})
    story.member("LEAVE1", bob, bob, "leave")
    story.join("JOIN2", bob)
    story.member("LEAVE2", bob, bob, "leave")
    const once = story.room.resolve([story.room.state("LEAVE2"), story.old("LEAVE1")])
    expect(story.room.nameIn(once, "m.room.member", bob)).toBe(outcome)
    const twice = story.room.resolve([once, story.room.state("JOIN2")])
    expect(story.room.nameIn(twice, "m.room.member", bob)).toBe(algorithm === "v1" ? "JOIN2" : "LEAVE2")
  })
})

describe("S10 #offtopic's lost admins", () => {
  test.each(byAlgorithm("PL1", "PL4", "PL4"))("$algorithm: $outcome", ({ algorithm, outcome }) => {
    const story = new Story(algorithm, {})
    story.levels("PL2", alice, { [bob]: 90 })
    story.levels("PL3", bob, { [bob]: 90, [charlie]: 80 })
    const newest = story.levels("PL4", charlie, { [bob]: 90, [charlie]: 80, [eve]: 10 })
    const resolved = story.room.resolve([newest, story.old("JOIN(charlie)")])
    expect(story.room.nameIn(resolved, "m.room.power_levels")).toBe(outcome)
  })
})

describe("S11 ban evasion by an old parent", () => {
  test.each(byAlgorithm("TOPIC", undefined, undefined))("$algorithm: $outcome", ({ algorithm, outcome }) => {
    const story = new Story(algorithm, { [bob]: 50 })
    story.member("BAN", alice, bob, "ban")
    story.join("RENAME(bob)", bob, { after: ["JOIN(charlie)"], time: 2 ** 53 - 1 })
    story.topic("TOPIC", bob, { time: 2 ** 53 - 1 })
    const resolved = story.room.resolved("BAN", "TOPIC")
    expect(story.room.nameIn(resolved, "m.room.topic")).toBe(outcome)
    expect(story.room.nameIn(resolved, "m.room.member", bob)).toBe("BAN")
  })
})

describe("S12 join-rule evasion", () => {
  test.each(byAlgorithm("JOIN(xena)", undefined, undefined))(
    "$algorithm: $outcome",
    ({ algorithm, outcome }) => {
      const story = new Story(algorithm, {})
      story.joinRule("JR2", "invite")
      story.join("JOIN(xena)", xena, { after: ["JOIN(charlie)"] })
      expect(story.room.nameIn(story.room.resolved("JR2", "JOIN(xena)"), "m.room.member", xena)).toBe(outcome)
    },
  )
})

describe("S13 forgotten unban", () => {
  test.each(byAlgorithm("BAN", "JOIN2", "JOIN2"))("$algorithm: $outcome", ({ algorithm, outcome }) => {
    const story = new Story(algorithm, {})
    story.member("BAN", alice, bob, "ban")
    story.member("UNBAN", alice, bob, "leave")
    const back = story.join("JOIN2", bob)
    const resolved = story.room.resolve([back, story.old("BAN")])
    expect(story.room.nameIn(resolved, "m.room.member", bob)).toBe(outcome)
  })
})

describe("S14 low-power dependency", () => {
  test.each(byAlgorithm("JOIN(bob)", "JOIN(bob)", "BANX"))(
    "$algorithm: $outcome",
    ({ algorithm, outcome }) => {
      const story = new Story(algorithm, {})
      story.levels("PL2", alice, { [bob]: 100 })
      if (story.namesCreator) story.levels("PL3", alice, { [alice]: 0, [bob]: 100 })
      const honest = story.member("BAN", bob, charlie, "ban")
      const backdated = story.member("BANX", alice, bob, "ban", { after: ["JOIN(charlie)"], time: 1 })
      const resolved = story.room.resolve([honest, backdated])
      expect(story.room.nameIn(resolved, "m.room.member", bob)).toBe(outcome)
    },
  )
})
