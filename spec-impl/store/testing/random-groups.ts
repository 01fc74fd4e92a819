/** Random store groups, of few names so that they meet, odd ones among them. */
import fc from "fast-check"
import { JsonFloat, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import type { DestinationWrite, EventReference, EventWrite, StoreGroup } from "../event-store.ts"
import type { Names } from "./model.ts"

/** Strings that a database may lose, change, or put in a wrong order. */
export const oddStrings: readonly string[] = [
  "",
  "a",
  "\u0000",
  "a\u0000b",
  "'",
  '"',
  "\\",
  "\\u0000",
  "\ud800",
  "\udc00a",
  "\uE000",
  "\uFFFD",
  "\u{1F600}",
  "é",
  "e\u0301",
  "%_",
  "x".repeat(65_536),
]

const digests = ["d0", "d1", "d2", "d3"]
export const names: Names = {
  collections: ["media", "\u0000"],
  keys: oddStrings,
  origins: ["s2", "s3\u0000"],
  transactionIds: ["1", "\ud800"],
}
const rooms = ["!r", "!\u{10000}", "!\uFFFF"]
const events = ["$a", "$b", "$c'", "$\u0000"]

const oddValues: readonly JsonValue[] = [
  2 ** 53 - 1,
  -(2 ** 53) + 1,
  2n ** 53n,
  2n ** 53n + 1n,
  -(2n ** 70n),
  new JsonFloat(1),
  new JsonFloat(-0),
  new JsonFloat(0.1),
  new JsonFloat(1e300),
  false,
  [],
  {},
  { value: 1 },
  { a: [null, { "": "\ud800" }], "\u0000": "\u0000" },
  ...oddStrings,
]

const json: fc.Arbitrary<JsonValue> = fc.constantFrom(...oddValues)
const object: fc.Arbitrary<JsonObject> = fc
  .tuple(fc.constantFrom("depth", "\u{1F600}", "\ud800"), json)
  .map(([key, value]) => ({ [key]: value }))
const name = fc.constantFrom(...oddStrings)
const room = fc.constantFrom(...rooms)
const reference: fc.Arbitrary<EventReference> = fc.tuple(room, fc.constantFrom(...events))
const some = <A>(item: fc.Arbitrary<A>) => fc.array(item, { maxLength: 3 })

const place: fc.Arbitrary<Pick<EventWrite, "position">> = fc.constantFrom(
  {},
  { position: 1 },
  { position: -Number.MAX_SAFE_INTEGER },
)
const wholeEvent: fc.Arbitrary<EventWrite> = fc.record({
  roomId: room,
  eventId: fc.constantFrom(...events),
  pdu: object,
  verdict: fc.constantFrom("accepted", "rejected", "soft-failed"),
  objection: fc.constantFrom(undefined, { check: 4 as const, rule: "2.1", reason: "\u0000" }),
  restrictedJoinSigned: fc.boolean(),
  history: fc.constantFrom(
    undefined,
    { stateBefore: "d0", stateAfter: "d1", claimedBy: undefined },
    { stateBefore: "d1", stateAfter: "\ud800", claimedBy: "s2" },
  ),
})
const event = fc.tuple(wholeEvent, place).map(([write, at]): EventWrite => ({ ...write, ...at }))

const state = fc.nat(digests.length - 1).chain((at) =>
  fc.record({
    digest: fc.constant(digests[at]!),
    basedOn: fc.constantFrom(undefined, ...digests.slice(0, at)),
    changes: some(
      fc.tuple(fc.constantFrom("t", "\uE000", "\u{10000}"), name, fc.constantFrom("$a", "$\ud800", null)),
    ),
  }),
)

const edu = fc
  .record({ id: fc.constantFrom("1", "2", "\ud800"), edu: object, replaces: fc.constantFrom(undefined, "1") })
  .map(({ replaces, ...rest }) => (replaces === undefined ? rest : { ...rest, replaces }))

const destination: fc.Arbitrary<DestinationWrite> = fc.record(
  {
    destination: fc.constantFrom("s2", "s\uFFFF", "s\u{10000}"),
    queued: some(reference),
    settled: some(reference),
    queuedEdus: some(edu),
    settledEdus: some(fc.constantFrom("1", "2", "\ud800", "never queued")),
    inFlight: fc.oneof(
      fc.constant(null),
      fc.record({
        transactionId: name,
        originServerTs: fc.maxSafeInteger(),
        events: some(reference),
        edus: some(edu),
      }),
    ),
  },
  { requiredKeys: ["destination"] },
)

const standing = fc.record({
  membership: fc.constantFrom("invite" as const, "knock" as const),
  roomVersion: fc.constant("11"),
  pdu: object,
  roomState: some(object),
  via: name,
})

const answer = fc.record({
  origin: fc.constantFrom(...names.origins),
  transactionId: fc.constantFrom(...names.transactionIds),
  answer: fc.constantFrom({ pdus: {} }, { pdus: { "$\u0000": {}, $b: { error: "\ud800" } } }),
  answeredTs: fc.constantFrom(1, 2, 1_700_000_000_000),
})

const keyed = { collection: fc.constantFrom(...names.collections), key: name }

/** Any group; some name a room that may not be there. */
export const randomGroup: fc.Arbitrary<StoreGroup> = fc.record(
  {
    forgottenRooms: fc.array(room, { maxLength: 1 }),
    rooms: some(fc.record({ roomId: room, roomVersion: fc.constantFrom("11", "12") })),
    states: some(state),
    events: some(event),
    extremities: some(fc.record({ roomId: room, eventIds: some(fc.constantFrom(...events)) })),
    destinations: some(destination),
    outside: some(fc.record({ userId: name, roomId: room, standing: fc.oneof(fc.constant(null), standing) })),
    records: some(fc.record({ ...keyed, value: fc.oneof(fc.constant(null), json) })),
    blobs: some(fc.record({ ...keyed, bytes: fc.oneof(fc.constant(null), fc.uint8Array({ maxLength: 9 })) })),
    answers: some(answer),
    answersForgottenBefore: fc.constantFrom(1, 2, 3),
  },
  { requiredKeys: [] },
)
