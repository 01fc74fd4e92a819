/**
 * How a corpus lies on disk. `manifest.json` says what it is for; `<flow>.ndjson` holds one pre-signed request a
 * line, each used once; `<flow>.index` says where each line lies, in records of one width, so that line i is
 * found by one small read, whatever the size of the corpus. The scripts import this file: it needs nothing but
 * the language.
 *
 * A line is a JSON object whose `body`, if there is one, is its last member and stands as it goes on the wire:
 *
 *     {"method":"PUT","path":"/_matrix/federation/v1/send/1","authorization":"X-Matrix …","endpoint":"send","body":{…}}
 *
 * So the bytes that were signed are a slice of the line. Nothing unescapes, parses or writes them again.
 */

/** One request of a corpus. */
export interface CorpusRequest {
  readonly method: "GET" | "PUT" | "POST"
  /** The request target: path and query, as it was signed. */
  readonly path: string
  /** The value of the `Authorization` header (server-server-api, Request Authentication). */
  readonly authorization: string
  /** What the metrics are told apart by: `send`, `state_ids`, `event`, `backfill`, `make_join`, … */
  readonly endpoint: string
  /** The JSON that was signed, as text, on one line. */
  readonly body?: string
}

/** What a room of the corpus looks like on the target before the run, and must look like after it. */
export interface CorpusRoom {
  readonly room_id: string
  readonly room_version: string
  /** The number of events that the target must hold before the run. */
  readonly events: number
  /** The extremities and the digest of the state after the whole corpus was taken. */
  readonly expected: { readonly extremities: readonly string[]; readonly state_digest: string }
}

export interface CorpusManifest {
  readonly format: typeof corpusFormat
  readonly seed: number
  /** The flow, and the stem of the files' names: `send-fifty`. */
  readonly flow: string
  /** The server name of the server under load, which the requests are signed for. */
  readonly target: string
  /** The server names that the requests come from. */
  readonly origins: readonly string[]
  /** The number of lines. */
  readonly requests: number
  /** How many lines, one after the other, an iteration takes: 2 for `join-storm`, else 1. */
  readonly requests_per_iteration: number
  /** The number of PDUs in all bodies together. */
  readonly pdus: number
  readonly rooms: readonly CorpusRoom[]
}

export const corpusFormat = 1

/** Where a line lies, and how long its two parts are, in bytes. */
export interface LinePlace {
  readonly start: number
  /** Without `,"body":` and what follows, or the whole line where there is no body. */
  readonly headLength: number
  /** 0: no body. */
  readonly bodyLength: number
}

/** What stands between head and body. */
export const bodyMember = ',"body":'

/** The width of a record of the index: start (low, high), length of the head, length of the body; little-endian. */
export const indexRecordBytes = 16

/** Writes a record of the index at the beginning of the bytes given. */
export const encodeLinePlace = (place: LinePlace, into: Uint8Array): void => {
  const view = new DataView(into.buffer, into.byteOffset, indexRecordBytes)
  view.setUint32(0, place.start % 2 ** 32, true)
  view.setUint32(4, Math.floor(place.start / 2 ** 32), true)
  view.setUint32(8, place.headLength, true)
  view.setUint32(12, place.bodyLength, true)
}

/** Reads a record of the index from the beginning of the bytes given. */
export const decodeLinePlace = (record: Uint8Array): LinePlace => {
  const view = new DataView(record.buffer, record.byteOffset, indexRecordBytes)
  return {
    start: view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32,
    headLength: view.getUint32(8, true),
    bodyLength: view.getUint32(12, true),
  }
}
