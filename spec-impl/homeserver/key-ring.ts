/** Keys: this server's own, published, and those of others, fetched and kept (server-server API §Retrieving server keys). */
import { Clock, Context, Data, Deferred, Effect, Layer } from "effect"
import type { Event } from "../core/event.ts"
import type { JsonObject } from "../core/json/value.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { restrictedJoinSigner } from "../core/signing.ts"
import { FederationClient } from "../federation/client.ts"
import { type EventSignatures, verifyEventSignatures, verifySignatureOf } from "./event-signatures.ts"
import { ServerIdentity } from "./identity.ts"
import { KnownKeys } from "./known-keys.ts"
import { publishedKeys, readServerKeys } from "./server-keys.ts"
import { Signatures } from "./signatures/signatures.ts"

const hourMs = 60 * 60 * 1_000
/** As Synapse does; a server should not answer with keys that expire within the hour. */
const publishedForMs = 24 * hourMs
/** The published object is signed anew when it is this old. */
const signedAnewAfterMs = hourMs
/** The wait after a first failure, doubled at each further one up to the second. */
const retryMsMin = 1_000
const retryMsMax = 60_000
/** A server that answered is not asked again sooner (§Querying Keys: requesters limit how often they ask). */
const askedAgainAfterMs = 1_000

/** A key that a signature names is not to be had, or not good for it. */
export class KeyUnavailable extends Data.TaggedError("KeyUnavailable")<{
  readonly server: string
  readonly keyId: string
  readonly reason: string
}> {}

/** One server's keys as they are known here, and how asking for them went. */
interface Holder {
  readonly server: string
  readonly keys: KnownKeys
  failures: number
  /** Not to be asked again before. */
  askedAgainTs: number
  problem: string | undefined
  asking: Deferred.Deferred<void> | undefined
}

export class KeyRing extends Context.Service<
  KeyRing,
  {
    /** This server's keys as others fetch them. */
    readonly published: Effect.Effect<JsonObject>
    /** A public key that may prove a request of `server` now: one of its current keys. */
    readonly keyForRequest: (server: string, keyId: string) => Effect.Effect<Uint8Array, KeyUnavailable>
    /** Check 2 on receipt of a PDU, for events of one room: all their signatures at once, in their order. */
    readonly verifyEvents: (
      events: readonly Event[],
      version: RoomVersion,
    ) => Effect.Effect<readonly EventSignatures[]>
    /**
     * Whether the server that is to have let the user in signed (rule 4.2 of rooms 8–11, 5.2 of room 12). False
     * where the event names none.
     */
    readonly restrictedJoinSignature: (event: Event, version: RoomVersion) => Effect.Effect<boolean>
  }
>()("netsplit/KeyRing") {
  static readonly layer = Layer.effect(
    KeyRing,
    Effect.gen(function* () {
      const identity = yield* ServerIdentity
      const signatures = yield* Signatures
      const client = yield* FederationClient
      const scope = yield* Effect.scope
      const holders = new Map<string, Holder>()
      let published: { readonly keys: JsonObject; readonly signedTs: number } | undefined

      const holderOf = (server: string): Holder => {
        const known = holders.get(server)
        if (known !== undefined) return known
        const holder: Holder = {
          server,
          keys: new KnownKeys(),
          failures: 0,
          askedAgainTs: 0,
          problem: undefined,
          asking: undefined,
        }
        holders.set(server, holder)
        return holder
      }

      holderOf(identity.serverName).keys.learn({
        validUntilTs: Number.POSITIVE_INFINITY,
        verifyKeys: new Map([[identity.signingKey.keyId, identity.signingKey.publicKey]]),
        oldVerifyKeys: new Map(identity.oldKeys.map((key) => [key.keyId, key])),
      })

      /** Asks the server itself. Where it gives nothing, this is the place to ask notaries. */
      const fetchKeys = Effect.fnUntraced(function* (holder: Holder) {
        const answer = yield* Effect.result(client.call(holder.server, (api) => api.keys.serverKeys({})))
        const nowMs = yield* Clock.currentTimeMillis
        const read =
          answer._tag === "Success"
            ? readServerKeys(answer.success, holder.server, nowMs, signatures)
            : { problem: answer.failure.message }
        if ("keys" in read) {
          holder.keys.learn(read.keys)
          holder.problem = undefined
          holder.failures = 0
          holder.askedAgainTs = nowMs + askedAgainAfterMs
        } else {
          holder.problem = read.problem
          holder.askedAgainTs = nowMs + Math.min(retryMsMin * 2 ** holder.failures, retryMsMax)
          holder.failures += 1
        }
      })

      /** Asks for a server's keys, once for all who want them at the time, unless it was asked just now. */
      const refresh = Effect.fnUntraced(function* (server: string) {
        const holder = holderOf(server)
        if (server === identity.serverName) return
        if (holder.asking !== undefined) return yield* Deferred.await(holder.asking)
        if ((yield* Clock.currentTimeMillis) < holder.askedAgainTs) return
        const asking = Deferred.makeUnsafe<void>()
        holder.asking = asking
        // In the ring's own scope: whoever asked first may be interrupted, and others wait for the answer.
        yield* fetchKeys(holder).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              holder.asking = undefined
              Deferred.doneUnsafe(asking, Effect.void)
            }),
          ),
          Effect.forkIn(scope),
        )
        return yield* Deferred.await(asking)
      })

      const keyForRequest = Effect.fnUntraced(function* (server: string, keyId: string) {
        const { keys } = holderOf(server)
        const known = keys.forRequest(keyId, yield* Clock.currentTimeMillis)
        if (known !== undefined) return known
        yield* refresh(server)
        const fetched = keys.forRequest(keyId, yield* Clock.currentTimeMillis)
        if (fetched !== undefined) return fetched
        const reason = holderOf(server).problem ?? "not one of its current keys"
        return yield* new KeyUnavailable({ server, keyId, reason })
      })

      const source = { keysOf: (server: string) => holderOf(server).keys, refresh }

      return {
        published: Effect.map(Clock.currentTimeMillis, (nowMs) => {
          if (published === undefined || nowMs - published.signedTs > signedAnewAfterMs) {
            const keys = publishedKeys(identity, nowMs + publishedForMs, signatures)
            published = { keys, signedTs: nowMs }
          }
          return published.keys
        }),
        keyForRequest,
        verifyEvents: (events, version) => verifyEventSignatures(source, signatures, events, version),
        restrictedJoinSignature: (event, version) => {
          const server = version.auth.restricted ? restrictedJoinSigner(event) : undefined
          return server === undefined
            ? Effect.succeed(false)
            : verifySignatureOf(source, signatures, event, version, server)
        },
      }
    }),
  )
}
