/** What JSON and hashes cost: `netsplit bench hash`. */
import { parseEvent } from "#spec-impl/core/event-format.ts"
import { contentHash, sha256 } from "#spec-impl/core/hash.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { parseJson } from "#spec-impl/core/json/parse.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { besideFirst, type Figure, type Measured } from "./figure.ts"

const pdu = {
  auth_events: ["$a".padEnd(44, "x"), "$b".padEnd(44, "y"), "$c".padEnd(44, "z")],
  content: { body: "hello, world; what a fine day".repeat(4), msgtype: "m.text" },
  depth: 12,
  hashes: { sha256: "a".repeat(43) },
  origin_server_ts: 1_700_000_000_000,
  prev_events: ["$d".padEnd(44, "w")],
  room_id: "!room:example.org",
  sender: "@alice:example.org",
  signatures: { "example.org": { "ed25519:1": "s".repeat(86) } },
  type: "m.room.message",
}

/** On a message of 704 bytes: reading beside `JSON.parse`, and writing with its hash beside `JSON.stringify` and SHA-256. */
export const hashFigures = (): readonly Figure[] => {
  const text = canonicalJson(pdu)
  const version = roomVersion("11")!
  const measured = (name: string, work: () => unknown): Measured => ({ name, calls: 5_000, work })
  return [
    ...besideFirst([
      measured("JSON.parse", () => JSON.parse(text)),
      measured("parseJson, lenient", () => parseJson(text, "lenient")),
    ]),
    ...besideFirst([
      measured("JSON.stringify", () => JSON.stringify(pdu)),
      measured("canonicalJson", () => canonicalJson(pdu)),
    ]),
    ...besideFirst([
      measured("JSON.stringify and SHA-256", () => sha256(JSON.stringify(pdu))),
      measured("content hash", () => contentHash(pdu)),
      // Another object each time, as events come: else what was made of the last one would be found again.
      measured("check 1, with the event id", () => parseEvent({ ...pdu }, version)),
    ]),
  ]
}
