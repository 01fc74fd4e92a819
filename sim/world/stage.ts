/**
 * The verbs of a story. What a user does is what a client could do; what only a simulator can do (cut a link,
 * lie in an answer) is named as such.
 */
import type { Effect } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import type { FederationUnreachable } from "#spec-impl/federation/client.ts"
import type { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import type { RoomWishes } from "#spec-impl/homeserver/local-users.ts"
import type { StoreFailure } from "#spec-impl/store/event-store.ts"
import type { Names } from "../network/names.ts"
import type { RequestMatch, RuleAction } from "../network/rules.ts"

/** Why a story could not go on: an action in it was refused. */
export type StageFailure = MatrixError | FederationUnreachable | StoreFailure

type Act<A> = Effect.Effect<A, StageFailure>

/** A user of one of the servers, acting through that server as a client would. */
export interface Actor {
  readonly userId: string
  readonly createRoom: (wishes?: RoomWishes) => Act<string>
  /** By way of `via`, or of its own server where that is in the room. */
  readonly join: (roomId: string, via?: string) => Act<Event>
  readonly say: (roomId: string, body: string) => Act<Event>
  readonly setState: (roomId: string, type: string, content: JsonObject, stateKey?: string) => Act<Event>
  readonly invite: (roomId: string, target: string) => Act<Event>
  readonly knock: (roomId: string, via?: string) => Act<Event>
  readonly kick: (roomId: string, target: string) => Act<Event>
  readonly ban: (roomId: string, target: string) => Act<Event>
  readonly leave: (roomId: string) => Act<Event>
}

export interface Stage {
  readonly roomVersion: string
  /** `s1`, `s2` … */
  readonly servers: readonly string[]
  readonly user: (userId: string) => Actor
  /** A line for people. */
  readonly tell: (line: string) => Effect.Effect<void>
  /** Waits until no server has anything to send or to fetch that it can, for `virtualMsMax` at most. */
  readonly quiet: Effect.Effect<void>
  /** Lets virtual time pass. */
  readonly wait: (virtualMs: number) => Effect.Effect<void>
  /** What a server shows of a room now. */
  readonly stateOf: (server: string, roomId: string, type: string, stateKey?: string) => Event | undefined

  // Only a simulator can do what follows.

  /** Cuts every link between servers of different groups: requests across the cut fail. */
  readonly partition: (...groups: readonly (readonly string[])[]) => Effect.Effect<void>
  /** Who has which records, listens where, and shows which certificate; of scenarios with `serverNames`. */
  readonly names: Names
  /** Mends every link. */
  readonly heal: Effect.Effect<void>
  /**
   * A rule on requests, until the story ends. `id` names this entry of the plan; a run can leave it out.
   */
  readonly rule: (id: string, match: RequestMatch, action: RuleAction) => Effect.Effect<void>
}
