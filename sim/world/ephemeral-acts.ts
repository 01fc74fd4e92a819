/** What a client does and sees that passes: typing, presence, receipts. */
import { Context, Effect } from "effect"
import type { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import { Presence, type PresenceKind } from "#spec-impl/federation/presence/presence.ts"
import { type Receipt, Receipts } from "#spec-impl/federation/receipts/receipts.ts"
import { Typing } from "#spec-impl/federation/typing/typing.ts"
import type { StoreFailure } from "#spec-impl/store/event-store.ts"
import type { VirtualServer } from "./world.ts"

export interface EphemeralActs {
  /** Types until it stops, or for as long as a client's word counts. */
  readonly startTyping: (roomId: string) => Effect.Effect<void, MatrixError>
  readonly setPresence: (presence: PresenceKind, statusMsg?: string) => Effect.Effect<void, MatrixError>
  /** Has read up to that event: of the whole room, or of one thread. */
  readonly read: (
    roomId: string,
    eventId: string,
    options?: { readonly threadId?: string; readonly isPrivate?: boolean },
  ) => Effect.Effect<void, MatrixError | StoreFailure>
  /** Who types, as its server knows. */
  readonly seesTyping: (roomId: string) => Effect.Effect<readonly string[]>
  /** `online: "status"` for one, as its server knows. */
  readonly seesPresence: (userId: string) => Effect.Effect<string>
  /** By user, then by thread. */
  readonly seesReceipts: (roomId: string) => readonly Receipt[]
}

/** The acts of that user of the server with those services. */
export const ephemeralActs = (services: VirtualServer["services"], userId: string): EphemeralActs => ({
  startTyping: (roomId) => Context.get(services, Typing).start(userId, roomId),
  setPresence: (presence, statusMsg) => Context.get(services, Presence).set(userId, presence, statusMsg),
  read: (roomId, eventId, options) => Context.get(services, Receipts).read(userId, roomId, eventId, options),
  seesTyping: (roomId) => Context.get(services, Typing).typingIn(roomId),
  seesPresence: (other) =>
    Effect.map(Context.get(services, Presence).presenceOf(other), ({ presence, statusMsg }) =>
      statusMsg === undefined ? presence : `${presence}: "${statusMsg}"`,
    ),
  seesReceipts: (roomId) => Context.get(services, Receipts).receiptsIn(roomId),
})
