/** What other tools are given of a room is all of it, in their format, and in an order that they can take. */
import { describe, expect, test } from "vitest"
import type { Plan } from "../plan.ts"
import { runPlan } from "../run-plan.ts"
import { problemsOfTardis, type TardisScenario } from "../testing/tardis-format.ts"
import { ndjson } from "./ndjson.ts"
import { copyRoom, type RoomChoice, type RoomCopy } from "./room-copy.ts"
import { tardisScenario } from "./tardis.ts"

/** Two sides of a cut set the topic, and one of them bans whom the other hears. */
const forked = (version: string): Plan => ({
  seed: 3,
  servers: [{ name: "s1" }, { name: "s2" }],
  users: ["@alice:s1", "@bob:s2"],
  core: [],
  faultsMs: 20_000,
  entries: [
    {
      id: "make",
      atMs: 0,
      do: { act: "create", user: "@alice:s1", room: "r", version, levels: { "@bob:s2": 50 } },
    },
    { id: "bob", atMs: 1_000, do: { act: "join", user: "@bob:s2", room: "r", via: ["s1"] } },
    { id: "cut", atMs: 3_000, fault: { fault: "isolation", servers: ["s2"] }, forMs: 5_000 },
    { id: "one", atMs: 4_000, do: { act: "set-topic", user: "@alice:s1", room: "r", text: "one" } },
    { id: "two", atMs: 4_000, do: { act: "set-topic", user: "@bob:s2", room: "r", text: "two" } },
    {
      id: "mute",
      atMs: 5_000,
      do: { act: "set-levels", user: "@alice:s1", room: "r", users: { "@bob:s2": 0 } },
    },
    { id: "late", atMs: 6_000, do: { act: "set-name", user: "@bob:s2", room: "r", text: "late" } },
  ],
})

const copied = async (plan: Plan, choice: RoomChoice = {}): Promise<RoomCopy | string> => {
  let copy: RoomCopy | string = "never ran"
  await runPlan(plan, {
    transport: "direct",
    onEnd: ({ servers }) => {
      copy = copyRoom([...servers.values()], choice)
    },
  })
  return copy
}
const copyOf = async (plan: Plan, choice: RoomChoice = {}): Promise<RoomCopy> => {
  const copy = await copied(plan, choice)
  if (typeof copy === "string") throw new Error(copy)
  return copy
}

describe.each(["1", "3", "11", "12"])("room version %s", (version) => {
  test("for TARDIS has what its format documents, and nothing else", async () => {
    const room = await copyOf(forked(version))
    const scenario = JSON.parse(tardisScenario(room, "A title")) as TardisScenario
    expect(problemsOfTardis(scenario)).toEqual([])
    expect(scenario.room_version).toBe(version)
    expect(scenario.events.map(({ event_id }) => event_id)).toEqual(room.events.map(({ eventId }) => eventId))
    // In room 12 the create event has no room_id, which TARDIS would write into it.
    expect(scenario.room_id).toBe(version === "12" ? undefined : room.roomId)
    const last = scenario.events.at(-1)!.event_id
    expect(scenario.precalculated_state_after![last]).toEqual(
      Object.values(room.resolutions.at(-1)!.resolved).sort(),
    )
  })

  test("as lines has every event whole, after those that it cites, and what was resolved", async () => {
    const room = await copyOf(forked(version), { server: "s2" })
    const lines = ndjson(room)
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    const events = lines.filter(({ type }) => type !== undefined)
    expect(events.map(({ event_id }) => event_id)).toEqual(room.events.map(({ eventId }) => eventId))
    expect(
      events.every(({ hashes, signatures }) => hashes.sha256 && Object.keys(signatures).length > 0),
    ).toBe(true)
    const merges = lines.filter(({ state_sets }) => state_sets !== undefined)
    expect(merges.length).toBeGreaterThan(1)
    expect(merges.at(-1)).toMatchObject({ name: "s2 now", at: null, room_version: version })
    expect(merges[0].state_sets.length).toBeGreaterThan(1)
  })
})

test("what is not usual about an event is told beside it", async () => {
  const { events } = await copyOf(forked("11"), { server: "s1" })
  const said = (type: string) => events.find((event) => event.type === type && event.notes.length > 0)?.notes
  const notes = ["soft-failed by 7: the type's required level is above sender's", "accepted on s2"]
  expect([said("m.room.topic"), said("m.room.name"), said("m.room.member")]).toEqual([
    notes,
    notes,
    undefined,
  ])
})

test("the room is that of the failure, on the first server that the failure names", async () => {
  const plan = forked("11")
  const two: Plan = {
    ...plan,
    entries: [
      ...plan.entries,
      { id: "make2", atMs: 15_000, do: { act: "create", user: "@bob:s2", room: "q", version: "11" } },
    ],
  }
  const { roomId } = await copyOf(two)
  const why = `${roomId}: a resolution on s2 lost what s1 had`
  expect(await copyOf(two, { failure: { why } })).toMatchObject({ server: "s2", roomId })
  const other = await copyOf(two, { server: "s2", failure: { why: "nothing that anybody knows" } })
  expect(other.roomId).toBe(roomId)
  expect(await copied(two, { server: "s9" })).toBe("there is no server s9: there are s1, s2")
  expect(await copied(two, { roomId: "!no" })).toMatch(/^no such room is held there: there are !/)
})

describe("the format of TARDIS is more than its fields", () => {
  const event = { event_id: "$a", type: "t", sender: "@a:b", content: {}, prev_events: [], auth_events: [] }
  const scenario = { tardis_version: 1, events: [event] }
  test.each<[string, object, RegExp]>([
    ["another version", { ...scenario, tardis_version: 2 }, /tardis_version/],
    ["no events", { ...scenario, events: [] }, /events/],
    ["an event without an id", { ...scenario, events: [{ ...event, event_id: undefined }] }, /event_id/],
    ["a field that nobody knows", { ...scenario, rooms: 1 }, /no field rooms/],
    [
      "an event before what it cites",
      {
        ...scenario,
        events: [
          { ...event, prev_events: ["$b"] },
          { ...event, event_id: "$b" },
        ],
      },
      /stands before \$b/,
    ],
    ["a state at no event", { ...scenario, precalculated_state_after: { $x: [] } }, /names \$x/],
    ["a state of messages", { ...scenario, precalculated_state_after: { $a: ["$a"] } }, /no state event/],
    ["a note on no event", { ...scenario, annotations: { events: { $x: "" } } }, /an annotation names \$x/],
  ])("%s is refused", (_, spoilt, problem) => {
    expect(problemsOfTardis(spoilt).join()).toMatch(problem)
  })

  test("and an example as TARDIS has them is not", () => {
    expect(problemsOfTardis({ ...scenario, room_version: "10", calculate_event_ids: true })).toEqual([])
  })
})
