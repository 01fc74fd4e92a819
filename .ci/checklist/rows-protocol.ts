/** The user's checklist, chapters 1 to 10 and 25 to 27: the protocol's ground, and a room's history. */
import type { Part, Row } from "./row.ts"

const core = "spec-impl/core"
const federation = "spec-impl/federation"
const homeserver = "spec-impl/homeserver"
const calls = `${federation}/federation.test.ts`
const keyRing = `${homeserver}/key-ring.test.ts`
const dag = `${core}/room-dag/room-dag.test.ts`
const events = `${core}/events.test.ts`
const history = "sim/world/history.test.ts > each endpoint"

const standards: readonly Row[] = [
  {
    id: "1",
    title: "Changelog",
    section: "server-server API v1.19 §Changelog: every endpoint of that version is there",
    handler: `${federation}/api.ts`,
    test: ".ci/checklist/checklist.test.ts > the API > has every endpoint of the specification",
    removal: {
      file: `${federation}/rooms/api.ts`,
      from: `HttpApiEndpoint.get("makeLeave", "/_matrix/federation/v1/make_leave/:roomId/:userId", membership),`,
      to: "",
    },
  },
  {
    id: "1.1",
    title: "Other versions of this specification",
    section: "r0.1.4 to v1.17: endpoints that were removed since are answered behind a switch",
    handler: `${federation}/rooms/receive.ts`,
    test: "sim/world/memberships.test.ts > the endpoints of old > v1 of send_leave and send_join answer in pairs, or not at all where they are switched off",
    removal: {
      file: `${federation}/rooms/receive.ts`,
      from: "legacyEndpoints ? yield* inPair(answer) :",
      to: "false ? yield* inPair(answer) :",
    },
  },
  {
    id: "2",
    title: "API standards",
    section: "§API standards, §Unsupported endpoints",
    handler: `${federation}/matrix-endpoint.ts`,
    test: `${calls} > requests that are not as the API has them > unknown paths and methods`,
    removal: { file: `${federation}/server.ts`, from: `paths.find("GET", url) !== undefined`, to: "false" },
  },
]

const servers: readonly Row[] = [
  {
    id: "3.2",
    title: "Server implementation",
    section: "§Server implementation",
    handler: `${federation}/discovery/receive.ts`,
    test: `${calls} > calls > of endpoints that ask for no signature carry none`,
    removal: {
      file: `${federation}/discovery/receive.ts`,
      from: "name: packageJson.name",
      to: "name: 7 as never",
    },
  },
  {
    id: "3.2.1",
    title: "GET /_matrix/federation/v1/version",
    section: "§Server implementation",
    route: "GET /_matrix/federation/v1/version",
    handler: `${federation}/discovery/receive.ts`,
    test: `${calls} > calls > of endpoints that ask for no signature carry none`,
  },
  {
    id: "3.3",
    title: "Retrieving server keys",
    section: "§Retrieving server keys",
    handler: `${homeserver}/key-ring.ts`,
    test: `${keyRing} > keys of others > reach the others when the first who asked is interrupted`,
    removal: {
      file: `${homeserver}/key-fetching.ts`,
      from: "if (underWay !== undefined) return yield* Deferred.await(underWay)",
      to: "",
    },
  },
  {
    id: "3.3.1",
    title: "Publishing Keys",
    section: "§Publishing Keys",
    route: "GET /_matrix/key/v2/server",
    handler: `${federation}/keys/receive.ts`,
    test: `${keyRing} > the published keys > are signed, valid for a day, and renewed`,
  },
  {
    id: "3.3.1.1",
    title: "GET /_matrix/key/v2/server/{keyId}",
    section: "§Publishing Keys, removed in v1.6",
    route: "GET /_matrix/key/v2/server/{keyId}",
    handler: `${federation}/keys/receive.ts`,
    test: `${federation}/keys/notary.test.ts > a notary > answers for many at once, and on the path with a key id that v1.6 removed`,
  },
  {
    id: "3.3.2",
    title: "Querying Keys Through Another Server",
    section: "§Querying Keys Through Another Server",
    handler: `${homeserver}/key-ring.ts`,
    test: "sim/world/homeserver.test.ts > keys of a server that is gone > are vouched for by a notary that has them",
    removal: {
      file: `${homeserver}/key-fetching.ts`,
      from: "for (const notary of notaries) {",
      to: "for (const notary of [] as string[]) {",
    },
  },
  {
    id: "3.3.2.1",
    title: "GET /_matrix/key/v2/query/{serverName}/{keyId}",
    section: "§Querying Keys Through Another Server, removed in v1.6",
    route: "GET /_matrix/key/v2/query/{serverName}/{keyId}",
    handler: `${federation}/keys/receive.ts`,
    test: `${federation}/keys/notary.test.ts > a notary > answers for many at once, and on the path with a key id that v1.6 removed`,
  },
  {
    id: "3.3.2.2",
    title: "POST /_matrix/key/v2/query",
    section: "§Querying Keys Through Another Server",
    route: "POST /_matrix/key/v2/query",
    handler: `${federation}/keys/receive.ts`,
    test: `${federation}/keys/notary.test.ts > a notary > answers for many at once, and on the path with a key id that v1.6 removed`,
  },
]

const authentication: readonly Row[] = [
  {
    id: "4",
    title: "Authentication",
    section: "§Authentication",
    handler: `${federation}/authenticate.ts`,
    test: `${calls} > authentication refuses > a request without a signature`,
    removal: {
      file: `${federation}/authenticate.ts`,
      from: `if (header === undefined) return yield* unauthorised("the request is not signed")`,
      to: `if (header === undefined) return "anybody"`,
    },
  },
  {
    id: "4.1",
    title: "Request Authentication",
    section: "§Request Authentication",
    handler: `${federation}/x-matrix.ts`,
    test: `${calls} > authentication refuses > another body`,
    removal: {
      file: `${federation}/authenticate.ts`,
      from: "!signatures.verify(found.success, message, signature)",
      to: "false",
    },
  },
  {
    id: "4.2",
    title: "Response Authentication",
    section: "§Response Authentication: answers are not signed, but what is in them is checked",
    handler: `${homeserver}/vetting.ts`,
    test: `${homeserver}/key-fetching.test.ts > notaries > are believed only if they vouch for what they tell, and tell what its server signed`,
    removal: {
      file: `${homeserver}/key-fetching.ts`,
      from: `if ("keys" in read && (yield* isVouchedBy(notary, keys))) return read`,
      to: `if ("keys" in read) return read`,
    },
  },
  {
    id: "5",
    title: "Transactions",
    section: "§Transactions",
    handler: `${homeserver}/destinations.ts`,
    test: "sim/world/homeserver.test.ts > what is sent > after an outage: the same transaction again, and then the tips of what was missed",
    removal: {
      file: `${homeserver}/destinations.ts`,
      from: "destination.inFlight ?? (yield* begin(destination))",
      to: "(yield* begin(destination))",
    },
  },
  {
    id: "5.1",
    title: "PUT /_matrix/federation/v1/send/{txnId}",
    section: "§Transactions",
    route: "PUT /_matrix/federation/v1/send/{txnId}",
    handler: `${federation}/transactions/receive.ts`,
    test: "sim/world/homeserver.test.ts > what is received > a small gap is filled by get_missing_events alone",
  },
]

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
      file: `${core}/room-dag/room-dag.ts`,
      from: "if (objection !== undefined) return objectionIn(objection, 4)",
      to: "",
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
    test: `${core}/auth-rules/auth-rules.test.ts > room 10 > each case of auth_events is decided as it must be`,
    removal: {
      file: `${core}/auth-rules/auth-events-selection.ts`,
      from: `if (stateKey !== undefined && stateKey !== event.sender) keys.push(["m.room.member", stateKey])`,
      to: "",
    },
  },
  {
    id: "6.1.3",
    title: "Rejection",
    section: "§Rejection",
    handler: `${core}/room-dag/room-dag.ts`,
    test: `${dag} > walks > a banned user may not even join, and a rejected join leaves no trace in the state`,
    removal: {
      file: `${core}/room-dag/room-dag.ts`,
      from: `const applies = verdict !== "rejected" && index >= 0`,
      to: "const applies = index >= 0",
    },
  },
  {
    id: "6.1.4",
    title: "Soft failure",
    section: "§Soft failure",
    handler: `${core}/room-dag/room-dag.ts`,
    test: `${dag} > room 10 > soft-fails by the current state (check 6), as in the specification's example`,
    removal: {
      file: `${core}/room-dag/room-dag.ts`,
      from: "(this.#objectionByState(event, this.currentState(), 6) ?? this.#objectionByPolicy(event))",
      to: "this.#objectionByPolicy(event)",
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
      from: "auth_chain: pdusOf(authChain(room.dag, [eventId]))",
      to: "auth_chain: [] as never[]",
    },
  },
  {
    id: "6.1.5.1",
    title: "GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}",
    section: "§Retrieving event authorization information",
    route: "GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}",
    handler: `${federation}/history/receive.ts`,
    test: `${history} > event_auth: answers members' servers, and refuses others, wrong signatures and denied servers`,
  },
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
      from: "for (const edu of edus) yield* chapters.receive(origin, edu)",
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

const past: readonly Row[] = [
  {
    id: "9",
    title: "Backfilling and retrieving missing events",
    section: "§Backfilling and retrieving missing events",
    handler: `${homeserver}/backfill.ts`,
    test: "sim/world/homeserver.test.ts > what is received > a large one by the state at its edge, and by backfill behind it",
    removal: {
      file: `${homeserver}/incoming.ts`,
      from: "yield* backfillLater(room, origin, claimed)",
      to: "",
    },
  },
  {
    id: "9.1",
    title: "GET /_matrix/federation/v1/backfill/{roomId}",
    section: "§Backfilling and retrieving missing events",
    route: "GET /_matrix/federation/v1/backfill/{roomId}",
    handler: `${federation}/history/receive.ts`,
    test: `${history} > backfill: answers members' servers, and refuses others, wrong signatures and denied servers`,
  },
  {
    id: "9.2",
    title: "POST /_matrix/federation/v1/get_missing_events/{roomId}",
    section: "§Backfilling and retrieving missing events",
    route: "POST /_matrix/federation/v1/get_missing_events/{roomId}",
    handler: `${federation}/history/receive.ts`,
    test: `${history} > get_missing_events: answers members' servers, and refuses others, wrong signatures and denied servers`,
  },
  {
    id: "10",
    title: "Retrieving events",
    section: "§Retrieving events",
    handler: `${homeserver}/missing-events.ts`,
    test: "sim/world/homeserver.test.ts > what is received > a large one by the state at its edge, and by backfill behind it",
    removal: {
      file: `${homeserver}/missing-events.ts`,
      from: "claimed.push(...(yield* takeParentsFromState(room, origin, event)))",
      to: "",
    },
  },
  {
    id: "10.1",
    title: "GET /_matrix/federation/v1/state/{roomId}",
    section: "§Retrieving events",
    route: "GET /_matrix/federation/v1/state/{roomId}",
    handler: `${federation}/history/receive.ts`,
    test: `${history} > state: answers members' servers, and refuses others, wrong signatures and denied servers`,
  },
  {
    id: "10.2",
    title: "GET /_matrix/federation/v1/state_ids/{roomId}",
    section: "§Retrieving events",
    route: "GET /_matrix/federation/v1/state_ids/{roomId}",
    handler: `${federation}/history/receive.ts`,
    test: `${history} > state_ids: answers members' servers, and refuses others, wrong signatures and denied servers`,
  },
  {
    id: "10.3",
    title: "GET /_matrix/federation/v1/event/{eventId}",
    section: "§Retrieving events",
    route: "GET /_matrix/federation/v1/event/{eventId}",
    handler: `${federation}/history/receive.ts`,
    test: `${history} > event: answers members' servers, and refuses others, wrong signatures and denied servers`,
  },
]

export const protocolParts: readonly Part[] = [
  { title: "Standards", rows: standards },
  { title: "Servers and their keys", rows: servers },
  { title: "Authentication and transactions", rows: authentication },
  { title: "PDUs, EDUs, state", rows: pdus },
  { title: "A room's history", rows: past },
]
