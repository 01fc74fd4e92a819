/**
 * The verbs of a story. What a user does is what a client could do; what only a simulator can do (cut a link,
 * lie in an answer) is named as such.
 */
import type { Effect } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import type { FederationUnreachable } from "#spec-impl/federation/client.ts"
import type { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import type { MediaFile } from "#spec-impl/federation/media/content-headers.ts"
import type { ThumbnailWish } from "#spec-impl/federation/media/thumbnails/thumbnail.ts"
import type { PresenceKind, PresenceView } from "#spec-impl/federation/presence/presence.ts"
import type { RoomWishes } from "#spec-impl/homeserver/local-users.ts"
import type { StoreFailure } from "#spec-impl/store/event-store.ts"
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
  /** Uploads a file, to the place that was announced as `uri` or to one of its own; gives its `mxc://` URI. */
  readonly upload: (file: MediaFile, uri?: string) => Act<string>
  /** Gives the URI of a file that is to be uploaded later. */
  readonly announceUpload: Act<string>
  readonly download: (uri: string, timeoutMs?: number) => Act<MediaFile>
  readonly thumbnail: (uri: string, wish: ThumbnailWish) => Act<MediaFile>
  /** What the user finds in a space, asking `via` where its own server is not in it; each room's summary. */
  readonly walkSpace: (roomId: string, via?: string) => Act<readonly JsonObject[]>
  readonly startTyping: (roomId: string) => Act<void>
  readonly setPresence: (presence: PresenceKind, statusMsg?: string) => Act<void>
  /** Has read up to that event: in all of the room, or in one of its threads. */
  readonly read: (
    roomId: string,
    eventId: string,
    options?: { readonly threadId?: string; readonly isPrivate?: boolean },
  ) => Act<void>
  /** Who is typing, as the user's client shows it. */
  readonly whoTypes: (roomId: string) => Act<readonly string[]>
  readonly presenceOf: (userId: string) => Act<PresenceView>
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
  /** Mends every link. */
  readonly heal: Effect.Effect<void>
  /**
   * A rule on requests, until the story ends. `id` names this entry of the plan; a run can leave it out.
   */
  readonly rule: (id: string, match: RequestMatch, action: RuleAction) => Effect.Effect<void>
}
