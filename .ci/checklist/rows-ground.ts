/** The user's checklist, chapters 1 to 5: the protocol's ground. */
import { answers, endpoint, type Part, type Row } from "./row.ts"

const federation = "spec-impl/federation"
const homeserver = "spec-impl/homeserver"
const calls = `${federation}/federation.test.ts`
const keyRing = `${homeserver}/key-ring.test.ts`

const standards: readonly Row[] = [
  {
    id: "1",
    title: "Changelog",
    section: "server-server API v1.19 §Changelog: every endpoint of that version is there",
    handler: `${federation}/api.ts`,
    test: "sim/world/endpoints/endpoints.test.ts > the API > has every endpoint of the specification, and no other; the same of them want signatures",
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
    handler: `${federation}/legacy.ts`,
    test: answers("PUT /_matrix/federation/v1/send_leave/{roomId}/{eventId}"),
    removal: {
      file: `${federation}/legacy.ts`,
      from: "legacyEndpoints ? yield* answer :",
      to: "legacyEndpoints && false ? yield* answer :",
    },
  },
  {
    id: "2",
    title: "API standards",
    section: "§API standards, §Unsupported endpoints",
    handler: `${federation}/server.ts`,
    test: `${calls} > requests that are not as the API has them > unknown paths and methods`,
    removal: {
      file: "spec-impl/federation/unsupported.ts",
      from: 'paths.find("GET", url) !== undefined',
      to: "false",
    },
  },
]

const servers: readonly Row[] = [
  {
    id: "3.2",
    title: "Server implementation",
    section: "§Server implementation",
    handler: `${federation}/discovery/receive.ts`,
    test: answers("GET /_matrix/federation/v1/version"),
    removal: {
      file: `${federation}/discovery/receive.ts`,
      from: "name: packageJson.name",
      to: "name: 7 as never",
    },
  },
  endpoint(
    "3.2.1",
    "GET /_matrix/federation/v1/version",
    "§Server implementation",
    `${federation}/discovery/receive.ts`,
  ),
  {
    id: "3.3",
    title: "Retrieving server keys",
    section: "§Retrieving server keys",
    handler: `${homeserver}/key-ring.ts`,
    test: `${keyRing} > keys of others > reach the others when the first who asked is interrupted`,
    removal: {
      file: `${homeserver}/key-fetching.ts`,
      from: "const others = servers.filter((server) => !running.has(server))",
      to: "const others = servers",
    },
  },
  {
    id: "3.3.1",
    title: "Publishing Keys",
    section: "§Publishing Keys",
    handler: `${homeserver}/server-keys.ts`,
    test: `${keyRing} > the published keys > are signed, valid for a day, and renewed`,
    removal: {
      file: `${homeserver}/key-ring.ts`,
      from: "published?.keyId !== keyId || nowMs - published.signedTs > signedAnewAfterMs",
      to: "published === undefined",
    },
  },
  endpoint("#3", "GET /_matrix/key/v2/server", "§Publishing Keys", `${federation}/keys/receive.ts`),
  endpoint(
    "3.3.1.1",
    "GET /_matrix/key/v2/server/{keyId}",
    "§Publishing Keys, removed in v1.6",
    `${federation}/keys/receive.ts`,
  ),
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
  endpoint(
    "3.3.2.1",
    "GET /_matrix/key/v2/query/{serverName}/{keyId}",
    "§Querying Keys Through Another Server, removed in v1.6",
    `${federation}/keys/receive.ts`,
  ),
  endpoint(
    "#4",
    "GET /_matrix/key/v2/query/{serverName}",
    "§Querying Keys Through Another Server",
    `${federation}/keys/receive.ts`,
  ),
  endpoint(
    "3.3.2.2",
    "POST /_matrix/key/v2/query",
    "§Querying Keys Through Another Server",
    `${federation}/keys/receive.ts`,
  ),
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
      from: `if (header === undefined) return "the request is not signed"`,
      to: `if (header === undefined) return { origin: "anybody", stated: [] }`,
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
    test: "sim/world/homeserver.test.ts > keys of a server that is gone > are not taken from a notary whose signature does not hold",
    removal: {
      file: `${homeserver}/key-fetching.ts`,
      from: `if ("keys" in read && (yield* isVouchedBy(notary, keys))) told.set(holder, read)`,
      to: `if ("keys" in read) told.set(holder, read)`,
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
      from: "log.covered(destination.name, missPending(destination))",
      to: "destination.inFlight = undefined",
    },
  },
  endpoint(
    "5.1",
    "PUT /_matrix/federation/v1/send/{txnId}",
    "§Transactions",
    `${federation}/transactions/receive.ts`,
  ),
]

export const groundParts: readonly Part[] = [
  { title: "Standards", rows: standards },
  { title: "Servers and their keys", rows: servers },
  { title: "Authentication and transactions", rows: authentication },
]
