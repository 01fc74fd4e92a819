/** What the specification has gained since the user's checklist was written: rooms 7 to 12, and smaller things. */
import { endpoint, type Part } from "./row.ts"

const core = "spec-impl/core"
const versions = `${core}/room-version.ts`
const events = `${core}/events.test.ts`
const behaviours = `${core}/room-version.test.ts`

export const versionParts: readonly Part[] = [
  {
    title: "Room versions",
    rows: [
      {
        id: "room version 7",
        title: "Rooms that can be knocked on",
        section: "rooms/v7 §Authorization rules",
        handler: versions,
        test: `${behaviours} > rooms 7 to 12: one may knock where knocking is the rule`,
        removal: {
          file: versions,
          from: "auth: { ...version6.auth, knock: true }",
          to: "auth: version6.auth",
        },
      },
      {
        id: "room version 8",
        title: "Rooms that members of other rooms may join",
        section: "rooms/v8 §Authorization rules",
        handler: versions,
        test: `${behaviours} > rooms 8 to 12: one may join by a member's authority`,
        removal: {
          file: versions,
          from: "auth: { ...version7.auth, restricted: true }",
          to: "auth: version7.auth",
        },
      },
      {
        id: "room version 10",
        title: "The join rule knock_restricted",
        section: "rooms/v10 §Authorization rules",
        handler: versions,
        test: `${behaviours} > rooms 10 to 12: one may knock where joining is restricted`,
        removal: {
          file: versions,
          from: "auth: { ...version9.auth, knockRestricted: true,",
          to: "auth: { ...version9.auth,",
        },
      },
      {
        id: "integer power levels",
        title: "Power levels are integers, and nothing else",
        section: "rooms/v10 §Authorization rules",
        handler: `${core}/auth-rules/level-forms.ts`,
        test: `${behaviours} > rooms 1 to 9: one may write a level as a string`,
        removal: { file: versions, from: `levelForms: "integers" }`, to: `levelForms: "integers-strings" }` },
      },
      {
        id: "room version 11",
        title: "The creator is the sender of the create event",
        section: "rooms/v11 §Authorization rules",
        handler: versions,
        test: `${behaviours} > rooms 11 to 12: one may begin a room without naming its creator`,
        removal: {
          file: versions,
          from: `auth: { ...version10.auth, creator: "sender" }`,
          to: "auth: version10.auth",
        },
      },
      {
        id: "creators",
        title: "Creators have infinite power, and are not listed",
        section: "rooms/v12 §Authorization rules",
        handler: `${core}/auth-rules/power-levels.ts`,
        test: `${behaviours} > rooms 1 to 11: one may list the creator's level`,
        removal: { file: versions, from: "privilegedCreators: true", to: "privilegedCreators: false" },
      },
      {
        id: "room id",
        title: "The room's id is the hash of its create event",
        section: "rooms/v12 §Event format",
        handler: `${core}/event-format.ts`,
        test: `${events} > the format of events (check 1) > room 12: the create event has no room id, and gives the room its own; all others have one`,
        removal: {
          file: `${core}/event-format.ts`,
          from: "if (begins) return roomIdOfCreate(eventId)",
          to: "",
        },
      },
      {
        id: "state resolution v2.1",
        title: "What lies between conflicted events takes part",
        section: "rooms/v12 §State resolution",
        handler: `${core}/state-resolution/full-conflicted-set.ts`,
        test: `${core}/state-resolution/msc4297.test.ts`,
        removal: {
          file: `${core}/state-resolution/full-conflicted-set.ts`,
          from: `context.version.stateResolution === "v2.1"`,
          to: "false",
        },
      },
    ],
  },
  {
    title: "Redaction, by version",
    rows: [
      {
        id: "redaction in rooms 8",
        title: "Join rules keep allow",
        section: "rooms/v8 §Redactions",
        handler: versions,
        test: `${events} > redaction, by version > m.room.join_rules keeps allow in 8, 9, 10, 11, 12`,
        removal: { file: versions, from: `["join_rule", "allow"]`, to: `["join_rule"]` },
      },
      {
        id: "redaction in rooms 9",
        title: "Members keep join_authorised_via_users_server",
        section: "rooms/v9 §Redactions",
        handler: versions,
        test: `${events} > redaction, by version > m.room.member keeps join_authorised_via_users_server in 9, 10, 11, 12`,
        removal: {
          file: versions,
          from: `["membership", "join_authorised_via_users_server"]`,
          to: `["membership"]`,
        },
      },
      {
        id: "redaction in rooms 11",
        title: "The create event keeps all its content, the top level less than before",
        section: "rooms/v11 §Redactions",
        handler: `${core}/redaction.ts`,
        test: `${events} > redaction, by version > the top level keeps origin in 10 versions`,
        removal: {
          file: versions,
          from: "keepsHistoricalTopLevel: false",
          to: "keepsHistoricalTopLevel: true",
        },
      },
    ],
  },
  {
    title: "Beyond the checklist",
    rows: [
      endpoint(
        "#13",
        "GET /_matrix/federation/v1/timestamp_to_event/{roomId}",
        "§Retrieving events (v1.6)",
        "spec-impl/federation/history/timestamp-order.ts",
      ),
      {
        id: "X-Matrix destination",
        title: "A request for another destination is refused",
        section: "§Request Authentication (v1.3)",
        handler: "spec-impl/federation/authenticate.ts",
        test: "spec-impl/federation/federation.test.ts > authentication refuses > another destination",
        removal: {
          file: "spec-impl/federation/authenticate.ts",
          from: "stated.destination !== undefined && stated.destination !== serverName",
          to: "false",
        },
      },
      {
        id: "same-room auth events",
        title: "Events that cite another room's are rejected (MSC4307)",
        section: "rooms §Authorization rules (v1.16)",
        handler: `${core}/auth-rules/citation-rules.ts`,
        test: `${core}/divergences.test.ts > 14: auth_events > of another room: rejected, or taken: a reading`,
        removal: {
          file: `${core}/auth-rules/citation-rules.ts`,
          from: "citations.some((citation) => citation.event.roomId !== event.roomId)",
          to: "[citations, event].length === 0",
        },
      },
      {
        id: "ACLs in either case",
        title: "Server ACLs take names in either case",
        section: "§Server ACLs (v1.19)",
        handler: `${core}/server-acl.ts`,
        test: `${core}/divergences.test.ts > 19: server ACLs > take either case (a reading) and no port; without allow nobody is let in; odd allow_ip_literals mean true`,
        removal: { file: `${core}/server-acl.ts`, from: `letterCase === "either"`, to: "false" },
      },
    ],
  },
]
