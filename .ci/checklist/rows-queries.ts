/** The user's checklist, chapters 15 and 19 to 20, and spaces: what servers ask each other about users and rooms. */
import { endpoint, type Part } from "./row.ts"

const v1 = "/_matrix/federation/v1"
const federation = "spec-impl/federation"
const queries = "sim/world/queries.test.ts"

export const queryPart: Part = {
  title: "Directory, queries, spaces, OpenID",
  rows: [
    {
      id: "15",
      title: "Public Room Directory",
      section: "§Published room directory: an order that nothing changes (v1.19)",
      handler: `${federation}/directory/published-rooms.ts`,
      test: `${queries} > the directory > is told in pages that stay what they are, forward and back`,
      removal: {
        file: `${federation}/directory/published-rooms.ts`,
        from: ".sort(compareCodePoints)",
        to: "",
      },
    },
    endpoint(
      "15.1",
      `GET ${v1}/publicRooms`,
      "§Published room directory",
      `${federation}/directory/receive.ts`,
    ),
    endpoint(
      "15.2",
      `POST ${v1}/publicRooms`,
      "§Published room directory",
      `${federation}/directory/receive.ts`,
    ),
    {
      id: "19",
      title: "Querying for information",
      section: "§Querying for information: what was told is not asked for again at once",
      handler: `${federation}/queries/profiles.ts`,
      test: `${queries} > profiles > are told whole or by field, and asked for no more often than needed`,
      removal: {
        file: `${federation}/queries/profiles.ts`,
        from: "if (known !== undefined && known.untilMs > nowMs) return known.profile",
        to: "",
      },
    },
    endpoint(
      "19.1",
      `GET ${v1}/query/{queryType}`,
      "§Querying for information",
      `${federation}/queries/receive.ts`,
    ),
    endpoint(
      "19.2",
      `GET ${v1}/query/directory`,
      "§Querying for information",
      `${federation}/queries/aliases.ts`,
    ),
    endpoint(
      "19.3",
      `GET ${v1}/query/profile`,
      "§Querying for information",
      `${federation}/queries/profiles.ts`,
    ),
    endpoint("#26", `GET ${v1}/hierarchy/{roomId}`, "§Spaces", `${federation}/spaces/spaces.ts`),
    {
      id: "20",
      title: "OpenID",
      section: "§OpenID: a server is believed about its own users alone (v1.18)",
      handler: `${federation}/openid/tokens.ts`,
      test: `${queries} > OpenID > believes a server about its own users alone`,
      removal: {
        file: `${federation}/openid/tokens.ts`,
        from: "if (domainOf(sub) !== server)",
        to: "if (sub === undefined)",
      },
    },
    endpoint("20.1", `GET ${v1}/openid/userinfo`, "§OpenID", `${federation}/openid/tokens.ts`),
  ],
}
