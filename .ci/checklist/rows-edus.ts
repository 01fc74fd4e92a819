/** The user's checklist, chapters 16 to 18: what servers tell each other in passing. */
import type { Part } from "./row.ts"

const federation = "spec-impl/federation"
const ephemeral = "sim/world/ephemeral.test.ts"
const typing = `${federation}/typing/typing.ts`
const presence = `${federation}/presence/presence.ts`
const receipts = `${federation}/receipts/receipts.ts`

export const eduPart: Part = {
  title: "Typing, presence, receipts",
  rows: [
    {
      id: "16",
      title: "Typing Notifications",
      section: "§Typing Notifications",
      handler: typing,
      test: `${ephemeral} > typing > is told to the room's servers, and ends when it is said to or when its time is over`,
      removal: {
        file: typing,
        from: "yield* destinations.sendEdus([queued], serversIn(room), { isOfTheMoment: true })",
        to: "",
      },
    },
    {
      id: "16.1",
      title: "m.typing schema",
      section: "§Typing Notifications; §Server ACLs: EDUs of denied servers are ignored (v1.13)",
      handler: typing,
      test: `${ephemeral} > typing > is not believed of other servers' users, of strangers, of a server that the ACL denies, or in another form`,
      removal: { file: typing, from: "if (!aclAllows(room.dag, origin)) return", to: "" },
    },
    {
      id: "17",
      title: "Presence",
      section: "§Presence",
      handler: presence,
      test: `${ephemeral} > presence > is told to who comes to share a room, by both sides`,
      removal: {
        file: presence,
        from: "if (newcomer === undefined) return undefined",
        to: "return undefined",
      },
    },
    {
      id: "17.1",
      title: "m.presence schema",
      section: "§Presence",
      handler: presence,
      test: `${ephemeral} > presence > is not believed of other servers' users, or in another form; one bad entry harms no other`,
      removal: {
        file: presence,
        from: "domainOf(read.userId) !== origin || ",
        to: "",
      },
    },
    {
      id: "18",
      title: "Receipts",
      section: "§Receipts",
      handler: receipts,
      test: `${ephemeral} > receipts > the last of each thread arrives after a cut; those that are not told again stay`,
      removal: { file: receipts, from: "yield* destinations.sendEdus([queued], serversIn(room))", to: "" },
    },
    {
      id: "18.1",
      title: "m.receipt schema",
      section: "§Receipts",
      handler: receipts,
      test: `${ephemeral} > receipts > are believed of the sending server's members only, for one event, where the ACL lets it speak`,
      removal: { file: receipts, from: "eventIds.length !== 1 || ", to: "" },
    },
    {
      id: "threaded receipts",
      title: "One receipt for each thread",
      section: "§Receipts (v1.4)",
      handler: receipts,
      test: `${ephemeral} > receipts > arrive, one for each thread, go forward only, and private ones stay at home`,
      removal: {
        file: receipts,
        from: "JSON.stringify([roomId, userId, type, threadId ?? null])",
        to: "JSON.stringify([roomId, userId, type])",
      },
    },
  ],
}
