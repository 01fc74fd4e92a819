/**
 * A store group as rows of the view `change`: each row is one change, and triggers make it. So the groups of a batch
 * are one statement, a transaction by itself: whole or nothing, in order, in one round trip to SQLite's thread.
 */
import type { JsonObject, JsonValue } from "../../core/json/value.ts"
import type { DestinationWrite, EventWrite, StoreGroup } from "../event-store.ts"
import { writeKept, writeText } from "./kept-json.ts"

/** What one change does with the columns `a` to `d` of its row. */
const changes = {
  forgetRoom: `
    DELETE FROM events WHERE room_id = NEW.a;
    DELETE FROM rooms WHERE room_id = NEW.a;`,
  room: "INSERT INTO rooms VALUES (NEW.a, NEW.b, '[]') ON CONFLICT DO NOTHING;",
  state: `
    SELECT RAISE(ABORT, 'state ' || NEW.a || ' rests on ' || NEW.b || ', which is not kept')
      WHERE NEW.b IS NOT NULL AND NOT EXISTS (SELECT 1 FROM states WHERE digest = NEW.b);
    INSERT INTO states VALUES (NEW.a, NEW.b, NEW.c) ON CONFLICT DO NOTHING;`,
  // An event keeps its place, whatever replaces it: what cites it came after. Never is history made an outlier.
  event: `
    SELECT RAISE(ABORT, 'no room ' || NEW.a || ' is kept here')
      WHERE NOT EXISTS (SELECT 1 FROM rooms WHERE room_id = NEW.a);
    INSERT INTO events (room_id, event_id, is_outlier, data) VALUES (NEW.a, NEW.b, NEW.c, NEW.d)
      ON CONFLICT DO UPDATE SET is_outlier = excluded.is_outlier, data = excluded.data
      WHERE excluded.is_outlier <= is_outlier;`,
  // The same of many, written one after the other in `d`; `b` lists them by id, kind, and where in it each is.
  events: `
    SELECT RAISE(ABORT, 'no room ' || NEW.a || ' is kept here')
      WHERE NOT EXISTS (SELECT 1 FROM rooms WHERE room_id = NEW.a);
    INSERT INTO events (room_id, event_id, is_outlier, data)
      SELECT NEW.a, value ->> 0, value ->> 1, CAST(substr(NEW.d, value ->> 2, value ->> 3) AS TEXT)
      FROM jsonb_each(NEW.b) WHERE true
      ON CONFLICT DO UPDATE SET is_outlier = excluded.is_outlier, data = excluded.data
      WHERE excluded.is_outlier <= is_outlier;`,
  extremities: `
    SELECT RAISE(ABORT, 'no room ' || NEW.a || ' is kept here')
      WHERE NOT EXISTS (SELECT 1 FROM rooms WHERE room_id = NEW.a);
    UPDATE rooms SET extremities = NEW.b WHERE room_id = NEW.a;`,
  queueEvent: `
    INSERT INTO queued_events (destination, room_id, event_id) VALUES (NEW.a, NEW.b, NEW.c)
      ON CONFLICT DO NOTHING;`,
  settleEvent:
    "DELETE FROM queued_events WHERE destination = NEW.a AND room_id = NEW.b AND event_id = NEW.c;",
  queueEdu: `
    INSERT INTO queued_edus (destination, id, data) VALUES (NEW.a, NEW.b, NEW.c)
      ON CONFLICT DO UPDATE SET data = excluded.data;`,
  settleEdu: "DELETE FROM queued_edus WHERE destination = NEW.a AND id = NEW.b;",
  depart: "INSERT INTO in_flight VALUES (NEW.a, NEW.b) ON CONFLICT DO UPDATE SET data = excluded.data;",
  arrive: "DELETE FROM in_flight WHERE destination = NEW.a;",
  standOutside: `
    INSERT INTO outside VALUES (NEW.a, NEW.b, NEW.c) ON CONFLICT DO UPDATE SET data = excluded.data;`,
  endOutside: "DELETE FROM outside WHERE user_id = NEW.a AND room_id = NEW.b;",
  putRecord:
    "INSERT INTO records VALUES (NEW.a, NEW.b, NEW.c) ON CONFLICT DO UPDATE SET value = excluded.value;",
  removeRecord: "DELETE FROM records WHERE collection = NEW.a AND key = NEW.b;",
  putBlob: `
    INSERT INTO blobs SELECT NEW.a, NEW.b, bytes FROM staged WHERE id = NEW.c
      ON CONFLICT DO UPDATE SET bytes = excluded.bytes;`,
  removeBlob: "DELETE FROM blobs WHERE collection = NEW.a AND key = NEW.b;",
  answer: `
    INSERT INTO answers VALUES (NEW.a, NEW.b, NEW.c, NEW.d)
      ON CONFLICT DO UPDATE SET answer = excluded.answer, answered_ts = excluded.answered_ts;`,
  forgetAnswers: "DELETE FROM answers WHERE answered_ts < NEW.a;",
}

/**
 * What a writing connection needs before its first commit: the view, its triggers, and a table for the bytes of blobs,
 * which are no JSON. All of it is the connection's own, and is gone with it.
 */
export const changeDefinitions: readonly string[] = [
  "CREATE TEMP TABLE staged (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)",
  "CREATE TEMP VIEW change AS SELECT NULL AS kind, NULL AS a, NULL AS b, NULL AS c, NULL AS d",
  ...Object.entries(changes).map(
    ([kind, does]) =>
      `CREATE TEMP TRIGGER ${kind} INSTEAD OF INSERT ON change WHEN NEW.kind = '${kind}' BEGIN ${does} END`,
  ),
]

/**
 * Makes the changes of a JSON array of rows, in their order. The text of events is beside them, as bytes: SQLite need not
 * read it as JSON. `json_each` would write each row as text, to be parsed once more; the other is there since SQLite 3.51
 * (`sqlite3` brings 3.52).
 */
export const applyChanges =
  "INSERT INTO change SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, CASE value ->> 0 " +
  "WHEN 'event' THEN CAST(substr(?2, value ->> 4, value ->> 5) AS TEXT) WHEN 'events' THEN ?2 " +
  "ELSE value ->> 4 END FROM jsonb_each(?1)"

/** Puts bytes where `putBlob` finds them. */
export const stageBlob = "INSERT INTO staged VALUES (?, ?)"
export const clearStaged = "DELETE FROM staged"

type Change = readonly [kind: keyof typeof changes, ...columns: readonly (string | number | null)[]]

/** A group as SQLite takes it. */
export interface EncodedGroup {
  /** None where nothing changes. */
  readonly changes: readonly Change[]
  readonly blobs: readonly { readonly id: number; readonly bytes: Uint8Array }[]
  /** The texts of events that are changes of their own, in their order. */
  readonly eventTexts: readonly string[]
  /** The text of events that are many, which are one change; undefined where there are none. */
  readonly eventBytes: Uint8Array | undefined
}

/** So many events are one change: it takes half the time. */
const manyEventsMin = 100

/** Throws where a value of the group is not JSON. `blobId` gives a number that no other blob has. */
export const encodeGroup = (group: StoreGroup, blobId: () => number): EncodedGroup => {
  const blobs = (group.blobs ?? []).flatMap(({ bytes }) => (bytes === null ? [] : [{ id: blobId(), bytes }]))
  const { events = [] } = group
  const many = events.length < manyEventsMin ? undefined : manyEvents(events)
  return {
    changes: changesOf(group, many?.changes ?? events.map(eventChange), blobs),
    blobs,
    eventTexts: many === undefined ? events.map(eventText) : [],
    eventBytes: many?.bytes,
  }
}

/** Groups as the parameters of `applyChanges`; one with many events must be alone. */
export const encodeBatch = (groups: readonly EncodedGroup[]): readonly [rows: string, bytes: Uint8Array] => {
  const texts = groups.flatMap(({ eventTexts }) => eventTexts)
  const bytes = groups[0]?.eventBytes ?? Buffer.allocUnsafe(bytesOf(texts))
  let at = 0
  let nth = 0
  const rows = groups.flatMap(({ changes }) =>
    changes.map((change) => {
      if (change[0] !== "event") return change
      const start = at
      at += (bytes as Buffer).write(texts[nth++]!, at)
      // SQLite counts from one.
      return [...change, start + 1, at - start]
    }),
  )
  return [JSON.stringify(rows), bytes]
}

/** About as many as SQLite is given for it. */
export const charactersOf = ({ changes, eventTexts }: EncodedGroup): number => {
  let characters = 0
  for (const text of eventTexts) characters += text.length
  for (const change of changes) {
    for (const column of change) characters += typeof column === "string" ? column.length : 0
  }
  return characters
}

const bytesOf = (texts: readonly string[]): number =>
  texts.reduce((length, text) => length + Buffer.byteLength(text), 0)

/** In the order of the fields, as the contract has it. */
const changesOf = (
  group: StoreGroup,
  eventChanges: readonly Change[],
  blobs: EncodedGroup["blobs"],
): readonly Change[] => {
  const staged = blobs.values()
  return [
    ...(group.forgottenRooms ?? []).map((roomId): Change => ["forgetRoom", writeText(roomId)]),
    ...(group.rooms ?? []).map(
      (room): Change => ["room", writeText(room.roomId), writeText(room.roomVersion)],
    ),
    ...(group.states ?? []).map(
      ({ digest, basedOn, changes }): Change => [
        "state",
        writeText(digest),
        basedOn === undefined ? null : writeText(basedOn),
        JSON.stringify(changes),
      ],
    ),
    ...eventChanges,
    ...(group.extremities ?? []).map(
      ({ roomId, eventIds }): Change => ["extremities", writeText(roomId), JSON.stringify(eventIds)],
    ),
    ...(group.destinations ?? []).flatMap(destinationChanges),
    ...(group.outside ?? []).map(
      ({ userId, roomId, standing }): Change =>
        standing === null
          ? ["endOutside", writeText(userId), writeText(roomId)]
          : ["standOutside", writeText(userId), writeText(roomId), writeTyped(standing)],
    ),
    ...(group.records ?? []).map(
      ({ collection, key, value }): Change =>
        value === null
          ? ["removeRecord", writeText(collection), writeText(key)]
          : ["putRecord", writeText(collection), writeText(key), writeKept(value)],
    ),
    ...(group.blobs ?? []).map(
      ({ collection, key, bytes }): Change =>
        bytes === null
          ? ["removeBlob", writeText(collection), writeText(key)]
          : ["putBlob", writeText(collection), writeText(key), staged.next().value!.id],
    ),
    ...(group.answers ?? []).map(
      ({ origin, transactionId, answer, answeredTs }): Change => [
        "answer",
        writeText(origin),
        writeText(transactionId),
        writeTyped(answer),
        answeredTs,
      ],
    ),
    ...(group.answersForgottenBefore === undefined
      ? []
      : [["forgetAnswers", group.answersForgottenBefore] satisfies Change]),
  ]
}

const eventChange = (event: EventWrite): Change => [
  "event",
  writeText(event.roomId),
  writeText(event.eventId),
  isOutlier(event),
]

/** One change for those of a room that follow one another. */
const manyEvents = (events: readonly EventWrite[]) => {
  const texts = events.map(eventText)
  const bytes = Buffer.allocUnsafeSlow(bytesOf(texts))
  const lists: { readonly roomId: string; readonly places: (string | number)[][] }[] = []
  let at = 0
  for (const [nth, event] of events.entries()) {
    const length = bytes.write(texts[nth]!, at)
    if (lists.at(-1)?.roomId !== event.roomId) lists.push({ roomId: event.roomId, places: [] })
    // SQLite counts from one.
    lists.at(-1)!.places.push([writeText(event.eventId), isOutlier(event), at + 1, length])
    at += length
  }
  const changes = lists.map(
    ({ roomId, places }): Change => ["events", writeText(roomId), JSON.stringify(places)],
  )
  return { changes, bytes }
}

const isOutlier = ({ history }: EventWrite): 0 | 1 => (history === undefined ? 1 : 0)

const eventText = ({ roomId: _, eventId: __, pdu, ...verdict }: EventWrite): string => {
  const written = writtenBefore.get(pdu)
  if (written === undefined) return writeTyped({ pdu, ...verdict })
  writtenBefore.delete(pdu)
  return `{"pdu":${written},${writeTyped(verdict).slice(1)}`
}

/** The text of each PDU that was asked for ahead of the group that it comes with. */
const writtenBefore = new WeakMap<JsonObject, string>()

/** Writes PDUs as text while it is not known yet whether they will be kept. */
export const writePdus = (pdus: readonly JsonObject[]): void => {
  for (const pdu of pdus) writtenBefore.set(pdu, writeKept(pdu))
}

const destinationChanges = (write: DestinationWrite): readonly Change[] => {
  const destination = writeText(write.destination)
  return [
    ...(write.queued ?? []).map(
      ([roomId, eventId]): Change => ["queueEvent", destination, writeText(roomId), writeText(eventId)],
    ),
    ...(write.settled ?? []).map(
      ([roomId, eventId]): Change => ["settleEvent", destination, writeText(roomId), writeText(eventId)],
    ),
    ...(write.queuedEdus ?? []).map(
      (queued): Change => ["queueEdu", destination, writeText(queued.id), writeTyped(queued)],
    ),
    ...(write.settledEdus ?? []).map((id): Change => ["settleEdu", destination, writeText(id)]),
    ...(write.inFlight === undefined
      ? []
      : write.inFlight === null
        ? [["arrive", destination] satisfies Change]
        : [["depart", destination, writeTyped(write.inFlight)] satisfies Change]),
  ]
}

/** A type of the contract is JSON, but for fields that are undefined, which are left out. */
const writeTyped = (value: object): string => writeKept(value as unknown as JsonValue)
