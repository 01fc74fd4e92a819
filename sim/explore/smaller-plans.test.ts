/** Each smaller plan is one that can be read, says less, and means what it says. */
import { Effect, Result } from "effect"
import { describe, expect, test } from "vitest"
import { makePlan } from "./make-plan.ts"
import { plainerEntries, plainerServers } from "./plainer-fields.ts"
import { isAction, type Plan, readPlan } from "./plan.ts"
import { withShorterTimes } from "./shorter-times.ts"
import {
  withMergedRooms,
  withMergedServers,
  withMergedUsers,
  withoutCore,
  withoutRooms,
  withoutServers,
  withoutUsers,
  withPlainerFaults,
  withSmallerNumbers,
} from "./smaller-plans.ts"

const plan: Plan = {
  seed: 1,
  servers: [{ name: "s1" }, { name: "s2", settings: { missingEventsLimit: 3 } }, { name: "s3" }],
  users: ["@a:s1", "@b:s2", "@c:s3"],
  core: ["s1", "s2"],
  faultsMs: 90_000,
  entries: [
    {
      id: "make",
      atMs: 1_500,
      do: { act: "create", user: "@a:s1", room: "r", version: "11", levels: { "@b:s2": 50 } },
    },
    { id: "more", atMs: 2_000, do: { act: "create", user: "@b:s2", room: "q", version: "11" } },
    { id: "join", atMs: 9_000, do: { act: "join", user: "@b:s2", room: "r", via: ["s1"] } },
    { id: "cut", atMs: 20_000, fault: { fault: "partition", groups: [["s1", "s2"], ["s3"]] }, forMs: 30_000 },
    { id: "kick", atMs: 40_000, do: { act: "kick", user: "@a:s1", room: "r", target: "@c:s3" } },
    { id: "say", atMs: 60_000, do: { act: "message", user: "@c:s3", room: "q", count: 30 } },
  ],
}
const ids = ({ entries }: Plan) => entries.map(({ id }) => id)
const isReadable = (candidate: Plan): boolean =>
  Result.isSuccess(Effect.runSync(Effect.result(readPlan(candidate))))

test("a server goes with its users and all that names it", () => {
  const [, , without] = withoutServers(plan)
  expect(without).toMatchObject({ users: ["@a:s1", "@b:s2"], core: ["s1", "s2"] })
  expect(ids(without!)).toEqual(["make", "more", "join", "cut"])
  expect(without!.entries[3]).toMatchObject({ fault: { groups: [["s1", "s2"]] } })
})

test("a user goes with what they do, what is done to them, and their levels", () => {
  const [, without] = withoutUsers(plan)
  expect(ids(without!)).toEqual(["make", "cut", "kick", "say"])
  expect(without!.entries[0]).toMatchObject({ do: { levels: {} } })
})

test("a room goes with what is done in it", () => {
  expect(withoutRooms(plan).map(ids)).toEqual([
    ["more", "cut", "say"],
    ["make", "join", "cut", "kick"],
  ])
})

test("one server takes over what the users of another do, and no fault of it", () => {
  const merged = withMergedServers(plan)[0]!
  expect(merged).toMatchObject({
    users: ["@a:s1", "@b:s2", "@c:s1"],
    servers: [{ name: "s1" }, { name: "s2" }],
  })
  expect(merged.entries[3]).toMatchObject({ fault: { groups: [["s1", "s2"]] } })
  expect(merged.entries[5]).toMatchObject({ do: { user: "@c:s1" } })
})

test("one user, and one room, stands for two", () => {
  const user = withMergedUsers(plan)[0]!
  expect(user.users).toEqual(["@a:s1", "@b:s2"])
  expect(user.entries[4]).toMatchObject({ do: { target: "@a:s1" } })
  const room = withMergedRooms(plan)[0]!
  expect(ids(room)).toEqual(["make", "join", "cut", "kick", "say"])
  expect(
    room.entries.filter(isAction).every(({ do: action }) => "room" in action && action.room === "r"),
  ).toBe(true)
})

test("faults become plain, cores small, numbers little", () => {
  expect(withPlainerFaults(plan).map(({ entries }) => entries[3])).toMatchObject(
    ["s1", "s2", "s3"].map((name) => ({
      id: "cut",
      forMs: 30_000,
      fault: { fault: "isolation", servers: [name] },
    })),
  )
  expect(withoutCore(plan).map(({ core }) => core)).toEqual([[], ["s2"], ["s1"]])
  expect(
    withSmallerNumbers(plan)
      .flatMap(({ entries }) => entries[5])
      .slice(-2),
  ).toMatchObject([{ do: { count: 1 } }, { do: { count: 15 } }])
})

/** What entries and servers say. */
const plainerFields = (of: Plan) => [...plainerServers(of), ...plainerEntries(of)]

test("whatever need not be said is offered once", () => {
  const keys = plainerFields(plan).map(({ key }) => key)
  expect(new Set(keys).size).toBe(keys.length)
  expect(keys).toEqual(
    expect.arrayContaining([
      "s2 settings",
      "s2 settings.missingEventsLimit",
      "make levels.@b:s2",
      "cut forMs",
      "say count",
    ]),
  )
  const plainest = plainerFields(plan)
    .filter(({ apply }) => isReadable(apply(plan)))
    .reduce((from, { apply }) => (isReadable(apply(from)) ? apply(from) : from), plan)
  expect(plainest.entries[5]).toEqual({
    id: "say",
    atMs: 60_000,
    do: { act: "message", user: "@c:s3", room: "q" },
  })
  expect(plainest.servers[1]).toEqual({ name: "s2" })
})

describe("of random plans", () => {
  test.each([1, 2, 3, 4, 5, 6])("seed %i: those with less can be read, or say what no plan says", (seed) => {
    const random = makePlan(seed)
    for (const candidates of [
      withoutUsers,
      withoutRooms,
      withMergedUsers,
      withMergedRooms,
      withShorterTimes,
    ]) {
      for (const candidate of candidates(random)) expect(isReadable(candidate)).toBe(true)
    }
    const readable = [...withoutServers(random), ...withMergedServers(random)].filter(isReadable)
    expect(readable.length).toBeGreaterThan(0)
  })
})
