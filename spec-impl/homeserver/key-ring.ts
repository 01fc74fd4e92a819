/** Keys: this server's own, published, and those of others, fetched and kept (server-server API §Retrieving server keys). */
import { Clock, Context, Data, Effect, Layer } from "effect"
import type { Event } from "../core/event.ts"
import type { JsonObject } from "../core/json/value.ts"
import { keyValidityMsMax } from "../core/limits.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { restrictedJoinSigner, type SignatureCheck, signJson } from "../core/signing.ts"
import {
  beginEventVerification,
  type EventSignatures,
  type EventVerification,
  findValidSignatures,
  verifyEventSignatures,
  verifySignatureOf,
} from "./event-signatures.ts"
import { ServerIdentity } from "./identity.ts"
import { makeKeyFetching } from "./key-fetching.ts"
import { KnownKeys } from "./known-keys.ts"
import { publishedKeys } from "./server-keys.ts"
import { Settings } from "./settings.ts"
import { Signatures } from "./signatures/signatures.ts"

const hourMs = 60 * 60 * 1_000
/** As Synapse does; a server should not answer with keys that expire within the hour. */
const publishedForMs = 24 * hourMs
/** The published object is signed anew when it is this old. */
const signedAnewAfterMs = hourMs
/** A key that a signature names is not to be had, or not good for it. */
export class KeyUnavailable extends Data.TaggedError("KeyUnavailable")<{
  readonly server: string
  readonly keyId: string
  readonly reason: string
}> {}

export class KeyRing extends Context.Service<
  KeyRing,
  {
    /** This server's keys as others fetch them. */
    readonly published: Effect.Effect<JsonObject>
    /**
     * A server's own key object, signed by this server too: what a notary answers. The last one that is known,
     * asked for anew after half its life and where it is not good long enough; none where none is known.
     */
    readonly vouchedKeys: (server: string, validUntilTsMin: number) => Effect.Effect<readonly JsonObject[]>
    /** A public key that may prove a request of `server` now: one of its current keys. Asked for at once where it is known. */
    readonly keyForRequest: (server: string, keyId: string) => Effect.Effect<Uint8Array, KeyUnavailable>
    /** Check 2 on receipt of a PDU, for events of one room: all their signatures at once, in their order. */
    readonly verifyEvents: (
      events: readonly Event[],
      version: RoomVersion,
    ) => Effect.Effect<readonly EventSignatures[]>
    /** The same for events that are still being read: they are verified meanwhile. */
    readonly beginEvents: (version: RoomVersion) => EventVerification
    /**
     * Whether the server that is to have let the user in signed (rule 4.2 of rooms 8–11, 5.2 of room 12). False
     * where the event names none.
     */
    readonly restrictedJoinSignature: (event: Event, version: RoomVersion) => Effect.Effect<boolean>
    /** The signatures of `server` on the event that hold, whoever must have signed it. */
    readonly validSignatures: (
      event: Event,
      version: RoomVersion,
      server: string,
    ) => Effect.Effect<readonly SignatureCheck[]>
  }
>()("netsplit/KeyRing") {
  static readonly layer = Layer.effect(
    KeyRing,
    Effect.gen(function* () {
      const identity = yield* ServerIdentity
      const signatures = yield* Signatures
      const { readings } = yield* Settings
      const clock = yield* Clock.Clock
      const { holderOf, askItself, refresh, refreshMany } = yield* makeKeyFetching
      let own: { readonly keyId: string; readonly keys: KnownKeys } | undefined
      let published:
        | { readonly keyId: string; readonly keys: JsonObject; readonly signedTs: number }
        | undefined

      /** This server's own keys, as they are since the last rotation. */
      const ownKeys = (): KnownKeys => {
        const { signingKey, oldKeys } = identity
        if (own?.keyId === signingKey.keyId) return own.keys
        const keys = new KnownKeys({ ...readings, keyValidityClamp: "none" })
        const oldVerifyKeys = new Map(oldKeys.map((key) => [key.keyId, key]))
        const verifyKeys = new Map([[signingKey.keyId, signingKey.publicKey]])
        keys.learn({ validUntilTs: Number.POSITIVE_INFINITY, verifyKeys, oldVerifyKeys }, "itself", 0)
        own = { keyId: signingKey.keyId, keys }
        return keys
      }

      const keysOf = (server: string): KnownKeys =>
        server === identity.serverName ? ownKeys() : holderOf(server).keys

      const keyForRequest = (server: string, keyId: string): Effect.Effect<Uint8Array, KeyUnavailable> => {
        const nowMs = clock.currentTimeMillisUnsafe()
        const known = keysOf(server).forRequest(keyId, nowMs)
        return known === undefined ? fetchForRequest(server, keyId, nowMs) : Effect.succeed(known)
      }

      const fetchForRequest = Effect.fnUntraced(function* (server: string, keyId: string, nowMs: number) {
        yield* refresh(server, new Map([[keyId, { untilTs: nowMs, isForRequest: true }]]))
        const fetched = keysOf(server).forRequest(keyId, yield* Clock.currentTimeMillis)
        if (fetched !== undefined) return fetched
        const reason = holderOf(server).problem ?? "not one of its current keys"
        return yield* new KeyUnavailable({ server, keyId, reason })
      })

      /** §Querying Keys: a notary keeps an answer for half of what is left of its life. */
      const vouchedKeys = Effect.fnUntraced(function* (server: string, validUntilTsMin: number) {
        if (server === identity.serverName) return [yield* publishedNow]
        const holder = holderOf(server)
        const nowMs = yield* Clock.currentTimeMillis
        const { given } = holder
        // Nothing is vouched for as good longer than it is believed to be.
        const validUntilTs = Math.min(given?.validUntilTs ?? 0, (given?.fetchedTs ?? 0) + keyValidityMsMax)
        const isStale =
          given === undefined ||
          validUntilTs < Math.max(nowMs, validUntilTsMin) ||
          nowMs - given.fetchedTs > (validUntilTs - given.fetchedTs) / 2
        // Of itself alone: two notaries that asked each other could wait for each other.
        if (isStale) yield* askItself(server)
        if (holder.given === undefined) return []
        return [vouchedFor(holder.given.keys)]
      })

      /** Others' key objects with the signature of this server: a notary is asked for each by each server of a room. */
      const vouched = new WeakMap<JsonObject, { readonly keyId: string; readonly keys: JsonObject }>()
      const vouchedFor = (given: JsonObject): JsonObject => {
        const { serverName, signingKey } = identity
        const known = vouched.get(given)
        if (known?.keyId === signingKey.keyId) return known.keys
        const sign = (message: Uint8Array) => signatures.sign(signingKey.seed, message)
        const keys = signJson(given, serverName, signingKey.keyId, sign)
        vouched.set(given, { keyId: signingKey.keyId, keys })
        return keys
      }

      const publishedNow = Effect.map(Clock.currentTimeMillis, (nowMs) => {
        const { keyId } = identity.signingKey
        if (published?.keyId !== keyId || nowMs - published.signedTs > signedAnewAfterMs) {
          const keys = publishedKeys(identity, nowMs + publishedForMs, signatures)
          published = { keyId, keys, signedTs: nowMs }
        }
        return published.keys
      })

      const source = { nowMs: () => clock.currentTimeMillisUnsafe(), keysOf, refreshMany }

      return {
        published: publishedNow,
        vouchedKeys,
        keyForRequest,
        verifyEvents: (events, version) => verifyEventSignatures(source, signatures, events, version),
        beginEvents: (version) => beginEventVerification(source, signatures, version),
        restrictedJoinSignature: (event, version) => {
          const server = version.auth.restricted ? restrictedJoinSigner(event) : undefined
          return server === undefined
            ? Effect.succeed(false)
            : verifySignatureOf(source, signatures, event, version, server)
        },
        validSignatures: (event, version, server) =>
          findValidSignatures(source, signatures, event, version, server),
      }
    }),
  )
}
