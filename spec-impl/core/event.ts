import type { JsonObject } from "./json/value.ts"

/**
 * An event that passed the format check of its room version, with the fields that the rules read.
 *
 * Immutable, and the same object wherever the same bytes are meant, so that what is derived from it may be
 * kept beside it (in a WeakMap).
 */
export interface Event {
  readonly eventId: string
  /** In room 12 a create event carries none on the wire; it is derived here all the same. */
  readonly roomId: string
  readonly type: string
  /** Undefined for a message event. */
  readonly stateKey: string | undefined
  readonly sender: string
  readonly originServerTs: number | bigint
  readonly depth: number | bigint
  readonly content: JsonObject
  /** Ids only; the hashes of rooms 1 and 2 stay in `pdu`. */
  readonly authEvents: readonly string[]
  /** Ids only; the hashes of rooms 1 and 2 stay in `pdu`. */
  readonly prevEvents: readonly string[]
  /** The target of a redaction, from wherever the room version puts it. */
  readonly redacts: string | undefined
  /** The event in federation format, signatures and hashes included. */
  readonly pdu: JsonObject
}
