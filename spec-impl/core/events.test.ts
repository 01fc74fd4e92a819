/** Redaction, hashes, ids and formats of events, version by version, and what must hold in all of them. */

import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encodeBase64 } from "./base64.ts"
import type { Event } from "./event.ts"
import { parseEvent, redactEvent } from "./event-format.ts"
import { eventIdOf } from "./event-id.ts"
import { contentHash, referenceHash, sha256 } from "./hash.ts"
import { canonicalJson } from "./json/encode.ts"
import { parseJson } from "./json/parse.ts"
import { JsonFloat, type JsonObject, type JsonValue } from "./json/value.ts"
import { redact } from "./redaction.ts"
import { type RoomVersion, roomVersions } from "./room-version.ts"
import { judgeSignatures, requiredSigners, restrictedJoinSigner } from "./signing.ts"

const idsFrom = (from: number, to: number) =>
  roomVersions.filter(({ id }) => Number(id) >= from && Number(id) <= to)
const hashId = (letter: string): string => `$${letter.repeat(43)}`

/** A well-formed message of that version. */
const pduOf = (version: RoomVersion, changes: Readonly<Record<string, JsonValue>> = {}): JsonObject => ({
  ...(version.eventId === "opaque" ? { event_id: "$e:domain" } : {}),
  type: "m.room.message",
  room_id: version.roomIdIsCreateHash ? `!${"r".repeat(43)}` : "!r:domain",
  sender: "@a:domain",
  origin_server_ts: 1,
  depth: 3,
  content: { body: "hello" },
  hashes: { sha256: "AAAA" },
  signatures: { domain: { "ed25519:1": "AAAA" } },
  prev_events: references(version, [hashId("p")]),
  auth_events: references(version, [hashId("c")]),
  ...changes,
})
const references = (version: RoomVersion, ids: readonly string[]): JsonValue =>
  version.eventReferences === "ids" ? ids : ids.map((id) => [id, { sha256: "AAAA" }])

const problemOf = (
  version: RoomVersion,
  changes: Readonly<Record<string, JsonValue>>,
  checkReferenceCounts = true,
) => {
  const parsed = parseEvent(pduOf(version, changes), version, { checkReferenceCounts })
  return "problem" in parsed ? parsed.problem : undefined
}

describe("an object that is read more than once", () => {
  const version = idsFrom(11, 11)[0]!
  const many = references(
    version,
    Array.from({ length: 21 }, () => hashId("p")),
  )

  it("is the same event each time", () => {
    const pdu = pduOf(version)
    const once = parseEvent(pdu, version)
    expect(parseEvent(pdu, version)).toBe(once)
    expect(parseEvent({ ...pdu }, version)).toEqual(once)
  })

  it("is judged by the version and the limits that it is read by", () => {
    const pdu = pduOf(version, { prev_events: many })
    expect(parseEvent(pdu, version, { checkReferenceCounts: false })).toHaveProperty("event")
    expect(parseEvent(pdu, version)).toHaveProperty("problem")
    const other = parseEvent(pdu, idsFrom(3, 3)[0]!, { checkReferenceCounts: false })
    expect(other).toHaveProperty("event.eventId", `$${encodeBase64(referenceHash(pdu, idsFrom(3, 3)[0]!))}`)
  })
})

describe("redaction, by version", () => {
  const all = roomVersions
  /** Event type, content key, the versions in which redaction keeps it. */
  const rows: readonly (readonly [string, string, readonly RoomVersion[]])[] = [
    ["m.room.member", "membership", all],
    ["m.room.member", "join_authorised_via_users_server", idsFrom(9, 12)],
    ["m.room.member", "displayname", []],
    ["m.room.create", "creator", all],
    ["m.room.create", "room_version", idsFrom(11, 12)],
    ["m.room.create", "m.federate", idsFrom(11, 12)],
    ["m.room.join_rules", "join_rule", all],
    ["m.room.join_rules", "allow", idsFrom(8, 12)],
    ["m.room.power_levels", "users", all],
    ["m.room.power_levels", "events_default", all],
    ["m.room.power_levels", "invite", idsFrom(11, 12)],
    ["m.room.power_levels", "notifications", []],
    ["m.room.aliases", "aliases", idsFrom(1, 5)],
    ["m.room.history_visibility", "history_visibility", all],
    ["m.room.redaction", "redacts", idsFrom(11, 12)],
    ["m.room.message", "body", []],
  ]
  for (const [type, key, keeping] of rows) {
    it(`${type} keeps ${key} in ${keeping.map(({ id }) => id).join(", ") || "none"}`, () => {
      const kept = all.filter((version) => {
        const content = redact(pduOf(version, { type, content: { [key]: "x" } }), version)
          .content as JsonObject
        return Object.hasOwn(content, key)
      })
      expect(kept.map(({ id }) => id)).toEqual(keeping.map(({ id }) => id))
    })
  }

  const topLevel: readonly (readonly [string, readonly RoomVersion[]])[] = [
    ["origin", idsFrom(1, 10)],
    ["membership", idsFrom(1, 10)],
    ["prev_state", idsFrom(1, 10)],
    ["redacts", []],
    ["unsigned", []],
    ["state_key", all],
    ["event_id", all],
    ["auth_events", all],
  ]
  for (const [key, keeping] of topLevel) {
    it(`the top level keeps ${key} in ${keeping.length} versions`, () => {
      const kept = all.filter((version) =>
        Object.hasOwn(redact(pduOf(version, { [key]: "x" }), version), key),
      )
      expect(kept).toEqual(keeping)
    })
  }

  it("of third_party_invite only signed is left, and that in rooms 11 and 12 only", () => {
    const invite = { display_name: "B", signed: { token: "t" } }
    for (const version of all) {
      const pdu = pduOf(version, {
        type: "m.room.member",
        content: { membership: "invite", third_party_invite: invite },
      })
      const content = redact(pdu, version).content as JsonObject
      const wanted = Number(version.id) >= 11 ? { signed: { token: "t" } } : undefined
      expect(content.third_party_invite).toEqual(wanted)
    }
  })
})

describe("properties of all versions", () => {
  const anyContent = fc.dictionary(
    fc.constantFrom("membership", "creator", "users", "body", "allow", "redacts", "third_party_invite", "x"),
    fc.oneof(fc.string(), fc.maxSafeInteger(), fc.constant<JsonValue>({ signed: {}, a: 1 })),
    { noNullPrototype: true },
  )
  const anyType = fc.constantFrom(
    "m.room.member",
    "m.room.create",
    "m.room.power_levels",
    "m.room.message",
    "m.room.redaction",
  )
  const anyPdu = fc.tuple(fc.constantFrom(...roomVersions), anyType, anyContent)

  it("redacting twice is redacting once, and leaves the reference hash as it was", () => {
    fc.assert(
      fc.property(anyPdu, ([version, type, content]) => {
        const pdu = pduOf(version, { type, content, origin: "domain", unsigned: { age: 1 } })
        const once = redact(pdu, version)
        expect(canonicalJson(redact(once, version))).toBe(canonicalJson(once))
        expect(referenceHash(once, version)).toEqual(referenceHash(pdu, version))
        expect(referenceHash({ ...pdu, unsigned: {}, signatures: {} }, version)).toEqual(
          referenceHash(pdu, version),
        )
      }),
    )
  })

  it("hashes do not depend on the order of keys", () => {
    fc.assert(
      fc.property(anyPdu, ([version, type, content]) => {
        const pdu = pduOf(version, { type, content })
        const turned = Object.fromEntries(Object.entries(pdu).reverse())
        expect(contentHash(turned)).toBe(contentHash(pdu))
        expect(eventIdOf(turned, version)).toBe(eventIdOf(pdu, version))
      }),
    )
  })

  it("SHA-256 is that of another library", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(new Uint8Array(sha256(bytes))).toEqual(nobleSha256(bytes))
      }),
    )
  })
})

describe("the format of events (check 1)", () => {
  const byId = (id: string) => roomVersions.find((version) => version.id === id)!

  for (const version of roomVersions) {
    it(`room ${version.id}: a well-formed event is one, and each field is needed`, () => {
      expect(problemOf(version, {})).toBeUndefined()
      for (const field of Object.keys(pduOf(version))) {
        const { [field]: _left, ...rest } = pduOf(version)
        expect([field, "problem" in parseEvent(rest, version)]).toEqual([field, true])
        expect([field, "problem" in parseEvent(pduOf(version, { [field]: 7.5 }), version)]).toEqual([
          field,
          true,
        ])
      }
    })

    it(`room ${version.id}: identifiers have at most 255 bytes, not characters`, () => {
      for (const field of ["type", "state_key"]) {
        expect(problemOf(version, { [field]: `${"é".repeat(127)}a` })).toBeUndefined()
        expect(problemOf(version, { [field]: "é".repeat(128) })).toContain("255")
      }
    })

    it(`room ${version.id}: an event has at most 65,536 bytes, unsigned not counted`, () => {
      const bytes = canonicalJson(pduOf(version, { content: { body: "" } })).length
      const filled = (missing: number) => ({ body: "x".repeat(65_536 - bytes - missing) })
      expect(problemOf(version, { content: filled(0) })).toBeUndefined()
      expect(
        problemOf(version, { content: filled(0), unsigned: { much: "y".repeat(1_000) } }),
      ).toBeUndefined()
      expect(problemOf(version, { content: filled(-1) })).toContain("65536")
    })

    it(`room ${version.id}: counts of references bind pushed events only`, () => {
      const many = (count: number) =>
        references(
          version,
          Array.from({ length: count }, (_, at) => hashId(String.fromCharCode(65 + at))),
        )
      expect(problemOf(version, { prev_events: many(20), auth_events: many(10) })).toBeUndefined()
      expect(problemOf(version, { prev_events: many(21) })).toContain("20")
      expect(problemOf(version, { auth_events: many(11) })).toContain("10")
      expect(problemOf(version, { prev_events: many(21), auth_events: many(11) }, false)).toBeUndefined()
    })
  }

  it("depth goes to 2^63 − 1 in rooms 1–5, to 2^53 − 1 in rooms 6+", () => {
    expect(problemOf(byId("5"), { depth: 2n ** 63n - 1n })).toBeUndefined()
    expect(problemOf(byId("5"), { depth: 2n ** 63n })).toContain("depth")
    expect(problemOf(byId("6"), { depth: 2 ** 53 - 1 })).toBeUndefined()
    expect(problemOf(byId("6"), { depth: 2n ** 53n })).toBeTypeOf("string")
    expect(problemOf(byId("6"), { depth: -1 })).toContain("depth")
  })

  it("rooms 6+ take canonical JSON only, anywhere in the event", () => {
    const odd: readonly JsonValue[] = [new JsonFloat(1.5), 2n ** 60n, parseJson('{"a":1,"a":2}', "lenient")]
    for (const version of roomVersions) {
      for (const value of odd) {
        const isTaken = problemOf(version, { content: { deep: [{ value }] } }) === undefined
        expect([version.id, isTaken]).toEqual([version.id, Number(version.id) < 6])
      }
    }
  })

  it("room 12: the create event has no room id, and gives the room its own; all others have one", () => {
    const { room_id: _none, ...rest } = pduOf(byId("12"), {
      type: "m.room.create",
      state_key: "",
      prev_events: [],
      auth_events: [],
    })
    const parsed = parseEvent(rest, byId("12"))
    if ("problem" in parsed) throw new Error(parsed.problem)
    expect(parsed.event.roomId).toBe(`!${parsed.event.eventId.slice(1)}`)
    const { room_id: _missing, ...message } = pduOf(byId("12"))
    expect("problem" in parseEvent(message, byId("12"))).toBe(true)
    expect(problemOf(byId("12"), { room_id: "!r:domain" })).toContain("room_id")
  })

  it("a redacted copy keeps the id", () => {
    for (const version of roomVersions) {
      const parsed = parseEvent(pduOf(version), version)
      if ("problem" in parsed) throw new Error(parsed.problem)
      const redacted = redactEvent(parsed.event, version)
      expect(redacted.eventId).toBe(parsed.event.eventId)
      expect(redacted.content).toEqual(Object.create(null))
    }
  })
})

describe("who must have signed", () => {
  const eventOf = (version: RoomVersion, changes: Partial<Event>): Event => {
    const parsed = parseEvent(pduOf(version), version)
    if ("problem" in parsed) throw new Error(parsed.problem)
    return { ...parsed.event, ...changes }
  }
  it("the sender's server; in rooms 1 and 2 that of the event id too", () => {
    for (const version of roomVersions) {
      const event = eventOf(version, version.eventId === "opaque" ? { eventId: "$e:other" } : {})
      expect(requiredSigners(event, version)).toEqual(
        Number(version.id) <= 2 ? ["domain", "other"] : ["domain"],
      )
    }
  })

  it("not the sender's server for an invite by a third party", () => {
    const version = roomVersions[10]!
    const invite = { type: "m.room.member", content: { membership: "invite", third_party_invite: {} } }
    expect(requiredSigners(eventOf(version, invite), version)).toEqual([])
  })

  it("the server of join_authorised_via_users_server, by the auth rules", () => {
    const content = { membership: "join", join_authorised_via_users_server: "@x:resident" }
    expect(restrictedJoinSigner(eventOf(roomVersions[9]!, { type: "m.room.member", content }))).toBe(
      "resident",
    )
    expect(restrictedJoinSigner(eventOf(roomVersions[9]!, {}))).toBeUndefined()
  })

  it("signatures by unknown and expired keys do not count, all others must hold, and one must", () => {
    expect(judgeSignatures([])).toBe("unverifiable")
    expect(judgeSignatures(["unknown-key", "expired-key"])).toBe("unverifiable")
    expect(judgeSignatures(["unknown-key", "valid"])).toBe("verified")
    expect(judgeSignatures(["valid", "invalid"])).toBe("failed")
  })
})
