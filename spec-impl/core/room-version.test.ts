/** What each room version has brought, by what is allowed in its rooms (rooms/v1 to v12 §Authorization rules). */
import { expect, test } from "vitest"
import { authorise } from "./auth-rules/authorise.ts"
import {
  alice,
  bob,
  contextOf,
  createContent,
  eventIn,
  levelsOf,
  stranger,
  type TestRoom,
  testRoom,
  viewOf,
  withState,
} from "./auth-rules/testing/room.ts"
import type { Event } from "./event.ts"
import { JsonFloat, type JsonObject } from "./json/value.ts"
import { type RoomVersion, roomVersions } from "./room-version.ts"

const isAllowed = (room: TestRoom, event: Event): boolean =>
  authorise(event, viewOf(room), contextOf(room.version)).allowed

/** The stranger's membership, where the join rules are those. */
const membership = (join_rule: string, content: JsonObject) => (version: RoomVersion) =>
  isAllowed(
    withState(testRoom(version), "m.room.join_rules", "", { join_rule }),
    eventIn(version, "m.room.member", stranger, content, { stateKey: stranger }),
  )

/** Alice writes the levels, where the room's own are those of `before`. */
const levels = (changes: JsonObject, before: JsonObject, sender: string) => (version: RoomVersion) =>
  isAllowed(
    withState(testRoom(version), "m.room.power_levels", "", levelsOf(version, before)),
    eventIn(version, "m.room.power_levels", sender, levelsOf(version, { ...before, ...changes }), {
      stateKey: "",
    }),
  )

const authorised = { join_authorised_via_users_server: bob, "test.signed": true }

/** What may be done, and the first and the last version in whose rooms. */
const allowedFrom: readonly (readonly [string, (version: RoomVersion) => boolean, number, number])[] = [
  ["knock where knocking is the rule", membership("knock", { membership: "knock" }), 7, 12],
  ["join by a member's authority", membership("restricted", { membership: "join", ...authorised }), 8, 12],
  ["knock where joining is restricted", membership("knock_restricted", { membership: "knock" }), 10, 12],
  [
    "join by a member's authority where one may knock too",
    membership("knock_restricted", { membership: "join", ...authorised }),
    10,
    12,
  ],
  ["write a level as a string", levels({ kick: "50" }, {}, alice), 1, 9],
  ["write a level as a float", levels({ kick: new JsonFloat(50.5) }, {}, alice), 1, 5],
  [
    "raise a notification's level above one's own",
    levels({ notifications: { room: 90 } }, { events: { "m.room.power_levels": 50 } }, bob),
    1,
    5,
  ],
  ["list the creator's level", levels({ users: { [alice]: 100 } }, {}, alice), 1, 11],
  [
    "begin a room without naming its creator",
    (version) => {
      const { creator: _, ...content } = createContent(version)
      const event = eventIn(version, "m.room.create", alice, content, { stateKey: "", prevEvents: [] })
      return isAllowed({ version, state: new Map() }, event)
    },
    11,
    12,
  ],
]

for (const [what, isPossible, first, last] of allowedFrom) {
  test(`rooms ${first} to ${last}: one may ${what}`, () => {
    const possible = roomVersions.filter(isPossible).map(({ id }) => Number(id))
    expect(possible).toEqual(Array.from({ length: last - first + 1 }, (_, at) => first + at))
  })
}
