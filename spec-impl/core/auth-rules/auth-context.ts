/** What the rules are given, and what they give. */
import type { Event } from "../event.ts"
import type { Readings } from "../readings.ts"
import type { RoomVersion } from "../room-version.ts"

/** A state of the room, or as much of it as an event's auth_events make up. */
export interface AuthState {
  readonly get: (type: string, stateKey: string) => Event | undefined
}

/** What the rules decided. */
export interface AuthOutcome {
  readonly allowed: boolean
  /** By the numbers of the room version's page: "5.3.2". */
  readonly rule: string
  /** "sender is not joined" */
  readonly reason: string
}

/** What is verified elsewhere. */
export interface AuthSignatures {
  /**
   * Rule 4.2 of rooms 8–11, 5.2 of room 12: whether the server of `join_authorised_via_users_server` validly
   * signed, as checked on receipt.
   */
  readonly restrictedJoinIsSigned: (event: Event) => boolean
  /** The rule on third-party invites: Ed25519. */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
}

/** By what rules an event is judged. */
export interface AuthContext {
  readonly version: RoomVersion
  readonly readings: Readings
  readonly signatures: AuthSignatures
}
