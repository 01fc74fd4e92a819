/**
 * The verbs of a story. What a user does is what a client could do; what only a simulator can do (cut a link,
 * lie in an answer) is named as such.
 */
import type { Effect } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import type { FederationUnreachable } from "#spec-impl/federation/client.ts"
import type { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import type { RoomWishes } from "#spec-impl/homeserver/local-users.ts"
import type { StoreFailure } from "#spec-impl/store/event-store.ts"
import type { Fault } from "../faults/catalogue.ts"
import type { Names } from "../network/names.ts"
import type { RequestMatch, RuleAction } from "../network/rules.ts"
import type { DeviceActs } from "./device-acts.ts"
import type { EphemeralActs } from "./ephemeral-acts.ts"
import type { MediaActs } from "./media-acts.ts"

/** Why a story could not go on: an action in it was refused. */
export type StageFailure = MatrixError | FederationUnreachable | StoreFailure

type Act<A> = Effect.Effect<A, StageFailure>

/** A user of one of the servers, acting through that server as a client would. */
export interface Actor extends EphemeralActs, DeviceActs, MediaActs {
  readonly userId: string
  readonly createRoom: (wishes?: RoomWishes) => Act<string>
  /** By way of `via`, the first that lets the user in, or of its own server where that is in the room. */
  readonly join: (roomId: string, via?: string | readonly string[]) => Act<Event>
  readonly say: (roomId: string, body: string) => Act<Event>
  readonly setState: (roomId: string, type: string, content: JsonObject, stateKey?: string) => Act<Event>
  readonly invite: (roomId: string, target: string) => Act<Event>
  /** Whoever is reached at that address, which the identity server may know or not yet. */
  readonly inviteByEmail: (roomId: string, address: string, identityServer: string) => Act<Event>
  /** Proves to the identity server to own the address; fails where that cannot tell the user's homeserver. */
  readonly bindEmail: (address: string, identityServer: string) => Act<void>
  readonly knock: (roomId: string, via?: string) => Act<Event>
  readonly kick: (roomId: string, target: string) => Act<Event>
  readonly ban: (roomId: string, target: string) => Act<Event>
  readonly leave: (roomId: string) => Act<Event>
  readonly redact: (roomId: string, eventId: string, reason?: string) => Act<Event>
  /** Gives the id of the room that takes the old one's place. */
  readonly upgradeRoom: (roomId: string, newVersion: string) => Act<string>
  /** The rooms that it finds in a space, as summaries, depth first. */
  readonly walkSpace: (space: string, via?: string) => Act<readonly JsonObject[]>
}

export interface Stage {
  readonly roomVersion: string
  /** `s1`, `s2` … */
  readonly servers: readonly string[]
  readonly user: (userId: string) => Actor
  /** A line for people. */
  readonly tell: (line: string) => Effect.Effect<void>
  /** Writes down what somebody sees now, for `wanted` to look at. */
  readonly note: (name: string, seen: JsonValue) => Effect.Effect<void>
  /** Waits until no server has anything to send or to fetch that it can, for `virtualMsMax` at most. */
  readonly quiet: Effect.Effect<void>
  /** Lets virtual time pass. */
  readonly wait: (virtualMs: number) => Effect.Effect<void>
  /** What a server shows of a room now. */
  readonly stateOf: (server: string, roomId: string, type: string, stateKey?: string) => Event | undefined

  /** The key by which that server recommends events, as it tells whoever asks (`/.well-known/matrix/policy_server`). */
  readonly policyServerKeyOf: (server: string) => string

  // Only a simulator can do what follows.

  /** Cuts every link between servers of different groups: requests across the cut fail. */
  readonly partition: (...groups: readonly (readonly string[])[]) => Effect.Effect<void>
  /** Who has which records, listens where, and shows which certificate; of scenarios with `serverNames`. */
  readonly names: Names
  /** Mends every link. */
  readonly heal: Effect.Effect<void>
  /** Ends a server in the middle of what it does; what its store has acknowledged outlives it. */
  readonly crash: (server: string) => Effect.Effect<void>
  /** Boots a server on what its store holds, after a crash now if it has not crashed before. */
  readonly restart: (server: string) => Effect.Effect<void, StoreFailure>
  /** Has a server sign with a new key from now on, as its administrator would; gives the key's id. */
  readonly rotateKey: (server: string) => Effect.Effect<string, StoreFailure>
  /**
   * A rule on requests, until the story ends. `id` names this entry of the plan; a run can leave it out.
   */
  readonly rule: (id: string, match: RequestMatch, action: RuleAction) => Effect.Effect<void>
  /**
   * A fault of the catalogue (docs/faults.md), until the effect that is given undoes it, or the story ends. Its `id`
   * names this entry of the plan; a run can leave it out.
   */
  readonly fault: (fault: Fault) => Effect.Effect<Effect.Effect<void>>
}
