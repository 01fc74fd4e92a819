/** The user's checklist, chapters 6 to 10: events, state, and a room's history. */
import { endpoint, type Part, type Row } from "./row.ts"

const core = "spec-impl/core"
const federation = "spec-impl/federation"
const homeserver = "spec-impl/homeserver"
const dag = `${core}/room-dag/room-dag.test.ts`
const events = `${core}/events.test.ts`
const past = `${federation}/history/receive.ts`

const pdus: readonly Row[] = [
  {
    id: "6",
    title: "PDUs",
    section: "§PDUs",
    handler: `${core}/event-format.ts`,
    test: `${events} > the format of events (check 1) > room 10: a well-formed event is one, and each field is needed`,
    removal: {
      file: `${core}/event-format.ts`,
      from: `if (!isJsonObject(pdu.content)) return "content is not an object"`,
      to: "",
    },
  },
  {
    id: "6.1",
    title: "Checks performed on receipt of a PDU",
    section: "§Checks performed on receipt of a PDU",
    handler: `${core}/room-dag/room-dag.ts`,
    test: `${dag} > room 10 > rejects by the event's own auth_events (check 4), and all that cites it`,
    removal: {
      file: "spec-impl/core/room-dag/room-dag.ts",
      from: 'const byCitations = held?.verdict === "accepted" ? undefined : objectionByCitations(this, event)',
      to: 'const byCitations = held?.verdict === "accepted" ? undefined : [objectionByCitations].map(() => undefined)[0]',
    },
  },
  {
    id: "damaged events",
    title: "An event whose copy fails check 2 or 3 is asked for again, of this server and of others",
    section: "§Checks performed on receipt of a PDU; §Retrieving events",
    handler: `${homeserver}/asking-again.ts`,
    test: "sim/world/damaged-events.test.ts > an event of a told state that came damaged > is asked for of others where who told it has no other copy",
    removal: {
      file: `${homeserver}/missing-events.ts`,
      from: "const isWell = ({ damaged }: VettedAnswer): boolean => damaged.size === 0",
      to: "const isWell = ({ damaged }: VettedAnswer): boolean => damaged.size >= 0",
    },
  },
  {
    id: "6.1.1",
    title: "Definitions",
    section: "§Definitions: the state before and after an event, and the current state",
    handler: `${core}/room-dag/room-dag.ts`,
    test: `${dag} > room 10 > rejects by the state before it (check 5): it is no tip, and the state after it is that before it`,
    removal: {
      file: `${core}/room-dag/room-dag.ts`,
      from: `const applies = verdict !== "rejected" && index >= 0`,
      to: "const applies = index >= 0",
    },
  },
  {
    id: "6.1.2",
    title: "Authorization rules",
    section: "rooms §Authorization rules",
    handler: `${core}/auth-rules/rules-of-version.ts`,
    test: `${core}/auth-rules/auth-rules.test.ts > room 10 > each case is decided as it must be, by the rule of that number`,
    removal: {
      file: `${core}/auth-rules/rules-of-version.ts`,
      from: `reject("sender is not joined", (facts) => facts.senderMembership !== "join"),`,
      to: `reject("sender is not joined", () => false),`,
    },
  },
  {
    id: "6.1.2.1",
    title: "Auth events selection",
    section: "§Auth events selection",
    handler: `${core}/auth-rules/auth-events-selection.ts`,
    test: "sim/world/homeserver.test.ts > in each room version > room 10: joins, messages both ways, and every event is what its id and hash say",
    removal: {
      file: `${core}/auth-rules/auth-events-selection.ts`,
      from: `if (membership === "join" || membership === "invite" || membership === "knock") keys.push(joinRules)`,
      to: "",
    },
  },
  {
    id: "6.1.3",
    title: "Rejection",
    section: "§Rejection",
    handler: `${core}/room-dag/forward-extremities.ts`,
    test: `${dag} > room 10 > rejects by the state before it (check 5): it is no tip, and the state after it is that before it`,
    removal: {
      file: `${core}/room-dag/forward-extremities.ts`,
      from: `const accepted = newcomer.verdict === "accepted"`,
      to: `const accepted = newcomer.verdict !== "soft-failed"`,
    },
  },
  {
    id: "6.1.4",
    title: "Soft failure",
    section: "§Soft failure",
    handler: `${core}/room-dag/room-dag.ts`,
    test: `${dag} > room 10 > soft-fails by the current state (check 6), as in the specification's example`,
    removal: {
      file: "spec-impl/core/room-dag/room-dag.ts",
      from: "? objectionByPresent(this, event, stateBefore, claimed)",
      to: "? [objectionByPresent].map(() => undefined)[0]",
    },
  },
  {
    id: "6.1.5",
    title: "Retrieving event authorization information",
    section: "§Retrieving event authorization information",
    handler: `${homeserver}/missing-events.ts`,
    test: "sim/world/history.test.ts > state, state_ids and event_auth > tell the state before the event, and auth chains without a hole",
    removal: {
      file: `${federation}/history/receive.ts`,
      from: "const chain = pdusOf(room, authChain(room.dag, [eventId]))",
      to: "const chain: never[] = []",
    },
  },
  endpoint(
    "6.1.5.1",
    "GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}",
    "§Retrieving event authorization information",
    past,
  ),
  {
    id: "7",
    title: "EDUs",
    section: "§EDUs",
    handler: `${homeserver}/edus.ts`,
    test: "sim/world/edus.test.ts > EDUs > wait for a server that is away, the last of each id; what is of the moment does not",
    removal: {
      file: `${homeserver}/destinations.ts`,
      from: "options?.isOfTheMoment && destination.failures > 0",
      to: "false",
    },
  },
  {
    id: "7.1",
    title: "Ephemeral Data Unit schema",
    section: "§EDUs",
    handler: `${homeserver}/edus.ts`,
    test: "sim/world/edus.test.ts > EDUs > arrive in order, more than one transaction can hold; unknown kinds are ignored",
    removal: {
      file: `${homeserver}/incoming.ts`,
      from: "for (const edu of edus) if (isJsonObject(edu)) yield* chapters.receive(origin, edu)",
      to: "",
    },
  },
  {
    id: "8",
    title: "Room State Resolution",
    section: "rooms §State resolution",
    handler: `${core}/state-resolution/resolve.ts`,
    test: `${core}/state-resolution/state-resets.test.ts > S01 phantom join rules`,
    removal: {
      file: `${core}/state-resolution/v2.ts`,
      from: `context.version.stateResolution === "v2.1" ? StateMap.empty : agreed`,
      to: "agreed",
    },
  },
]

const history: readonly Row[] = [
  {
    id: "9",
    title: "Backfilling and retrieving missing events",
    section: "§Backfilling and retrieving missing events",
    handler: `${homeserver}/backfill.ts`,
    test: "sim/world/homeserver.test.ts > what is received > a large one by the state at its edge, and by backfill behind it",
    removal: {
      file: "spec-impl/homeserver/incoming-pdus.ts",
      from: "if (room.partial === undefined) yield* resyncs.backfill(room, origin, claimed)",
      to: "",
    },
  },
  endpoint(
    "9.1",
    "GET /_matrix/federation/v1/backfill/{roomId}",
    "§Backfilling and retrieving missing events",
    past,
  ),
  endpoint(
    "9.2",
    "POST /_matrix/federation/v1/get_missing_events/{roomId}",
    "§Backfilling and retrieving missing events",
    past,
  ),
  {
    id: "10",
    title: "Retrieving events",
    section: "§Retrieving events",
    handler: `${homeserver}/missing-events.ts`,
    test: "sim/world/homeserver.test.ts > what is received > a large one by the state at its edge, and by backfill behind it",
    removal: {
      file: `${homeserver}/missing-events.ts`,
      from: "yield* takeParentsFromState(room, origin, earlier, claimed)",
      to: "",
    },
  },
  endpoint("10.1", "GET /_matrix/federation/v1/state/{roomId}", "§Retrieving events", past),
  endpoint("10.2", "GET /_matrix/federation/v1/state_ids/{roomId}", "§Retrieving events", past),
  endpoint("10.3", "GET /_matrix/federation/v1/event/{eventId}", "§Retrieving events", past),
]

export const eventParts: readonly Part[] = [
  { title: "PDUs, EDUs, state", rows: pdus },
  { title: "A room's history", rows: history },
]
