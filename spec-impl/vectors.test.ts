/**
 * Every vector of the specification (v1.19), and those derived from it, by group. A group without a runner
 * fails, so that none is left out in silence; a vector that its own text makes unusable says why.
 */
import { createPrivateKey, createPublicKey, sign as ed25519Sign, verify as ed25519Verify } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { readLevel } from "./core/auth-rules/power-levels.ts"
import { decodeBase64, encodeBase64 } from "./core/base64.ts"
import type { Event } from "./core/event.ts"
import { eventIdOf, roomIdOfCreate } from "./core/event-id.ts"
import {
  isEventId,
  isReservedRoomVersionId,
  isRoomAlias,
  isRoomId,
  isRoomVersionId,
  isUserId,
  mapLocalpart,
  parseServerName,
} from "./core/identifiers.ts"
import { canonicalJson } from "./core/json/encode.ts"
import { parseJson } from "./core/json/parse.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "./core/json/value.ts"
import { readingsDefault } from "./core/readings.ts"
import { roomVersion } from "./core/room-version.ts"
import { globMatches, serverIsAllowed } from "./core/server-acl.ts"
import { jsonSignatureChecks, signEvent, signJson, withSignature } from "./core/signing.ts"
import { AuthGraph } from "./core/state-resolution/auth-graph.ts"
import { resolve } from "./core/state-resolution/resolve.ts"
import { StateMap } from "./core/state-resolution/state-map.ts"
import { parseXMatrix } from "./federation/x-matrix.ts"

const file = readFileSync(new URL("core/fixtures/vectors.json", import.meta.url))
const vectors = listOf(objectOf(parseJson(file, "lenient")).vectors).map(objectOf)

function objectOf(value: JsonValue | undefined): JsonObject {
  if (!isJsonObject(value)) throw new Error("not an object")
  return value
}
function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (!isJsonArray(value)) throw new Error("not a list")
  return value
}
const text = (value: JsonValue | undefined): string => {
  if (typeof value !== "string") throw new Error("not a string")
  return value
}
const version = (id: string) => roomVersion(id)!

const privateKeyOf = (seed: string) => {
  const bytes = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), decodeBase64(seed)!])
  return createPrivateKey({ key: bytes, format: "der", type: "pkcs8" })
}
const rawPublicKey = (seed: string): Uint8Array =>
  createPublicKey(privateKeyOf(seed)).export({ format: "der", type: "spki" }).subarray(12)
const signWith = (seed: string) => (message: Uint8Array) =>
  new Uint8Array(ed25519Sign(null, message, privateKeyOf(seed)))

type Runner = (input: JsonValue, expected: JsonValue, vector: JsonObject) => void

/** Values compare by their canonical form: the parser's objects have no prototype. */
const same = (got: JsonValue, expected: JsonValue): void =>
  expect(canonicalJson(got)).toBe(canonicalJson(expected))

const bytesOfText = (value: string): Uint8Array => new TextEncoder().encode(value)

/** An event of the state resolution vectors: with a symbolic id and without hashes. */
const symbolicEvent = (given: JsonObject, id: string): Event => {
  const isCreate = given.type === "m.room.create"
  const cited = listOf(given.auth_events).map(text)
  const content = objectOf(given.content)
  const isLevels = given.type === "m.room.power_levels"
  const inVersion11 = {
    ...content,
    ...(isCreate ? { room_version: id } : {}),
    ...(isLevels ? { users: { ...(isJsonObject(content.users) ? content.users : {}), [creator]: 100 } } : {}),
  }
  return {
    eventId: text(given.event_id),
    roomId: id === "12" ? roomIdOfCreate(createId) : "!room:example.com",
    type: text(given.type),
    stateKey: text(given.state_key),
    sender: text(given.sender),
    originServerTs: given.origin_server_ts as number,
    depth: 1,
    content: id === "12" ? content : inVersion11,
    authEvents: id === "12" || isCreate ? cited : [createId, ...cited],
    prevEvents: listOf(given.prev_events).map(text),
    redacts: undefined,
    pdu: {},
  }
}
const creator = "@alice:example.com"
const createId = "$00-m-room-create"

/** Resolves the vector's state sets as in a room of that version. */
const resolveVector = (input: JsonObject, id: string): Readonly<Record<string, string>> => {
  const graph = new AuthGraph(version(id))
  const waiting = listOf(input.events_v12).map((event) => symbolicEvent(objectOf(event), id))
  while (waiting.length > 0) {
    const next = waiting.findIndex((event) =>
      event.authEvents.every((cited) => graph.indexOf(cited) !== undefined),
    )
    graph.add(waiting.splice(next, 1)[0]!)
  }
  const stateSets = listOf(input.state_sets).map((set) =>
    StateMap.fromEvents(
      graph,
      listOf(set).map((eventId) => graph.indexOf(text(eventId))!),
    ),
  )
  const signatures = { restrictedJoinIsSigned: () => true, verify: () => false }
  const resolved = resolve(graph, stateSets, { version: version(id), readings: readingsDefault, signatures })
  const state: Record<string, string> = {}
  resolved.forEach((index, key) => {
    state[graph.keyOf(key).join("|")] = graph.event(index).eventId
  })
  return state
}

const runners: Readonly<Record<string, Runner>> = {
  unpadded_base64: (input, expected) => {
    expect(encodeBase64(bytesOfText(text(input)))).toBe(expected)
    expect(decodeBase64(text(expected))).toEqual(bytesOfText(text(input)))
  },
  canonical_json: (input, expected) =>
    expect(canonicalJson(parseJson(text(input), "lenient"))).toBe(expected),
  signing_key: (input, expected) => {
    const seed = text(objectOf(input).seed_unpadded_base64)
    expect(encodeBase64(rawPublicKey(seed))).toBe(objectOf(expected).public_key_unpadded_base64)
  },
  json_signing: (input, expected, vector) => {
    if (vector.name === "signing_details_example") {
      // The specification's illustration: its signature was never made by the key beside it, and must not verify.
      const given = objectOf(input)
      const publicKey = text(objectOf(given.signing_keys)["ed25519:1"])
      const [check] = jsonSignatureChecks(given, "example.org")
      const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), decodeBase64(publicKey)!])
      const key = createPublicKey({ key: spki, format: "der", type: "spki" })
      expect(ed25519Verify(null, check!.message, key, check!.signature)).toBe(false)
      return
    }
    const { json, server_name, key_id, seed } = objectOf(input)
    const sign = (object: JsonObject) =>
      signJson(object, text(server_name), text(key_id), signWith(text(seed)))
    same(sign(objectOf(json)), expected)
    // What a signature does not cover: other signatures, and what is unsigned.
    const { signatures } = sign({ ...objectOf(json), unsigned: { age_ts: 1 }, signatures: { other: {} } })
    same(objectOf(signatures)[text(server_name)], objectOf(objectOf(expected).signatures)[text(server_name)])
  },
  event_signing: (input, expected) => {
    const { event, server_name, key_id, seed } = objectOf(input)
    const signed = signEvent(
      objectOf(event),
      version("1"),
      text(server_name),
      text(key_id),
      signWith(text(seed)),
    )
    same(signed, expected)
  },
  event_reference_hash: (input, expected) => {
    const event = objectOf(objectOf(input).event)
    const ids = objectOf(expected)
    expect(eventIdOf(event, version("3"))).toBe(ids.v3_event_id)
    for (const id of ["4", "5", "6", "7", "8", "9", "10"]) {
      expect(eventIdOf(event, version(id))).toBe(ids.v4_to_v10_event_id)
    }
    for (const id of ["11", "12"]) expect(eventIdOf(event, version(id))).toBe(ids.v11_event_id)
  },
  server_name: (input, expected) => {
    const wanted = objectOf(expected)
    if (isJsonArray(input)) {
      const [one, other] = input
      expect(one === other).toBe(wanted.equal)
      expect([one, other].every((user) => isUserId(text(user)))).toBe(true)
      return
    }
    const { hostname, port, kind } = wanted
    expect(parseServerName(text(input))).toEqual({ hostname, port, kind })
  },
  room_version_id: (input, expected) => {
    const wanted = objectOf(expected)
    expect(isRoomVersionId(text(input))).toBe(wanted.valid)
    expect(isReservedRoomVersionId(text(input))).toBe(wanted.reserved_by_matrix)
  },
  user_id_mapping: (input, expected, vector) => {
    const keepCase = text(vector.name).includes("upper")
    expect(mapLocalpart(text(input), { keepCase })).toBe(expected)
  },
  identifiers: (input, expected, vector) => {
    if (vector.name === "sigils") {
      expect(listOf(input)).toEqual(["@", "!", "$", "#"])
      expect(isUserId("@a:b") && isRoomId("!a:b", version("11"))).toBe(true)
      expect(isEventId("$a:b", version("1")) && isRoomAlias("#a:b")).toBe(true)
      return
    }
    const ofBytes = (sigil: string, bytes: number): string => `${sigil}${"a".repeat(bytes - 3)}:b`
    const grammars: Readonly<Record<string, (bytes: number) => boolean>> = {
      user_id: (bytes) => isUserId(ofBytes("@", bytes)),
      room_id: (bytes) => isRoomId(ofBytes("!", bytes), version("1")),
      room_alias: (bytes) => isRoomAlias(ofBytes("#", bytes)),
      event_id: (bytes) => isEventId(ofBytes("$", bytes), version("1")),
    }
    listOf(input).forEach((kind, at) => {
      const bytesMax = Number(listOf(expected)[at])
      expect([grammars[text(kind)]!(bytesMax), grammars[text(kind)]!(bytesMax + 1)]).toEqual([true, false])
    })
  },
  event_id_format: (input, _expected, vector) => {
    const inVersion: Readonly<Record<string, string>> = { v1_v2: "1", v3: "3", v4: "4" }
    expect(isEventId(text(input), version(inVersion[text(vector.name)]!))).toBe(true)
    expect(isEventId(text(input), version(vector.name === "v1_v2" ? "4" : "1"))).toBe(false)
  },
  room_id_format: (input, expected) => {
    expect(isRoomId(text(input), version("12"))).toBe(true)
    expect(`$${text(input).slice(1)}`).toBe(objectOf(expected).create_event_id)
  },
  stringy_power_level: (input, expected) => {
    for (const id of ["1", "6", "9"]) expect(readLevel(input, version(id))).toBe(expected)
    for (const id of ["10", "12"]) expect(readLevel(input, version(id))).toBeUndefined()
  },
  floaty_power_level: (input, expected) => {
    const value = parseJson(text(input), "lenient")
    for (const id of ["1", "5"]) expect(readLevel(value, version(id))).toBe(expected)
    for (const id of ["6", "10", "12"]) expect(readLevel(value, version(id))).toBeUndefined()
  },
  server_acl: (input, expected) => {
    const { server, event, ...acl } = objectOf(input)
    expect(serverIsAllowed(event === null ? undefined : acl, text(server))).toBe(objectOf(expected).allowed)
  },
  glob: (input) => {
    expect(globMatches(text(input), "x")).toBe(true)
    expect(globMatches(text(input), "")).toBe(input === "*")
    expect(globMatches(text(input), "xy")).toBe(input === "*")
  },
  x_matrix: (input, expected) => expect(parseXMatrix(text(input))).toMatchObject(objectOf(expected)),
  state_res: (input, expected) => {
    const { v2_0_room_v11, v2_1_room_v12 } = objectOf(expected)
    for (const [id, outcome] of [["11", v2_0_room_v11] as const, ["12", v2_1_room_v12] as const]) {
      const state = resolveVector(objectOf(input), id)
      for (const [key, eventId] of Object.entries(objectOf(outcome)))
        expect([key, state[key] ?? null]).toEqual([key, eventId])
    }
  },
  pointers: (input) => expect(input).toBeNull(),
}

describe("the vectors of the specification", () => {
  it("there are as many as there were", () => expect(vectors.length).toBe(69))

  for (const vector of vectors) {
    it(`${text(vector.group)}: ${text(vector.name)}`, () => {
      const runner = runners[text(vector.group)]
      if (runner === undefined) throw new Error("no runner for this group")
      runner(vector.input!, vector.expected!, vector)
    })
  }
})

describe("signatures of several servers", () => {
  it("are merged, never overwritten", () => {
    const once = withSignature({ a: 1 }, "one", "ed25519:1", new Uint8Array([1]))
    const twice = withSignature(once, "two", "ed25519:1", new Uint8Array([2]))
    const thrice = withSignature(twice, "one", "ed25519:2", new Uint8Array([3]))
    expect(thrice.signatures).toEqual({
      one: { "ed25519:1": "AQ", "ed25519:2": "Aw" },
      two: { "ed25519:1": "Ag" },
    })
  })
})
