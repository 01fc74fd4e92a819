/** Keys: this server's own, published, and those of others, fetched and kept (server-server API §Retrieving server keys). */
import { Clock, Context, Data, Deferred, Effect, Layer } from "effect"
import type { Event } from "../core/event.ts"
import type { JsonObject } from "../core/json/value.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { jsonSignatureChecks, restrictedJoinSigner, signJson } from "../core/signing.ts"
import { FederationClient } from "../federation/client.ts"
import { type EventSignatures, verifyEventSignatures, verifySignatureOf } from "./event-signatures.ts"
import { ServerIdentity } from "./identity.ts"
import { KnownKeys } from "./known-keys.ts"
import { publishedKeys, readServerKeys, type ServerKeys } from "./server-keys.ts"
import { Settings } from "./settings.ts"
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
  /** Its key object as it was last given, by itself or by a notary. */
  given: { readonly keys: JsonObject; readonly fetchedTs: number; readonly validUntilTs: number } | undefined
  asking: Deferred.Deferred<void> | undefined
}

/** Keys that can be believed, with the object in which they came; or why not. */
type Believed = { readonly keys: ServerKeys; readonly object: JsonObject } | { readonly problem: string }

const believed = (
  server: string,
  object: JsonObject,
  nowMs: number,
  signatures: Signatures["Service"],
): Believed => {
  const read = readServerKeys(object, server, nowMs, signatures)
  return "keys" in read ? { keys: read.keys, object } : read
}

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
      const { notaries } = yield* Settings
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
          given: undefined,
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

      /** What the server itself says, or why it says nothing that can be believed. */
      const askServer = Effect.fnUntraced(function* (server: string) {
        const answer = yield* Effect.result(client.call(server, (api) => api.keys.serverKeys({})))
        if (answer._tag === "Failure") return { problem: answer.failure.message }
        return believed(server, answer.success, yield* Clock.currentTimeMillis, signatures)
      })

      /** What a notary says of the server (§Querying Keys Through Another Server): signed by both. */
      const askNotary = Effect.fnUntraced(function* (notary: string, server: string) {
        const payload = { server_keys: { [server]: {} } }
        const { server_keys } = yield* client.call(notary, (api) => api.keys.queryManyKeys({ payload }))
        const nowMs = yield* Clock.currentTimeMillis
        for (const keys of server_keys) {
          const read = believed(server, keys, nowMs, signatures)
          if ("keys" in read && (yield* isVouchedBy(notary, keys))) return read
        }
        return { problem: `${notary} does not vouch for it` }
      })

      /** A notary's own keys come from itself alone, or two of them could wait for each other. */
      const isVouchedBy = Effect.fnUntraced(function* (notary: string, keys: JsonObject) {
        const holder = holderOf(notary)
        for (const check of jsonSignatureChecks(keys, notary)) {
          if (!holder.keys.has(check.keyId)) {
            const read = yield* askServer(notary)
            if ("keys" in read) learn(holder, read, yield* Clock.currentTimeMillis)
          }
          const key = holder.keys.forRequest(check.keyId, yield* Clock.currentTimeMillis)
          if (key !== undefined && signatures.verify(key, check.message, check.signature)) return true
        }
        return false
      })

      const learn = (
        holder: Holder,
        { keys, object }: Extract<Believed, { readonly keys: ServerKeys }>,
        nowMs: number,
      ): void => {
        holder.keys.learn(keys)
        holder.given = { keys: object, fetchedTs: nowMs, validUntilTs: keys.validUntilTs }
        holder.problem = undefined
        holder.failures = 0
        holder.askedAgainTs = nowMs + askedAgainAfterMs
      }

      /** Asks the server itself, and where it gives nothing each notary in turn. */
      const fetchKeys = Effect.fnUntraced(function* (holder: Holder) {
        const itself = yield* askServer(holder.server)
        let read: Believed = itself
        for (const notary of notaries) {
          if ("keys" in read || notary === holder.server || notary === identity.serverName) continue
          read = yield* askNotary(notary, holder.server).pipe(Effect.orElseSucceed(() => itself))
        }
        const nowMs = yield* Clock.currentTimeMillis
        if ("keys" in read) learn(holder, read, nowMs)
        else {
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

      /** §Querying Keys: a notary keeps an answer for half of what is left of its life. */
      const vouchedKeys = Effect.fnUntraced(function* (server: string, validUntilTsMin: number) {
        if (server === identity.serverName) return [yield* publishedNow]
        const holder = holderOf(server)
        const nowMs = yield* Clock.currentTimeMillis
        const { given } = holder
        const isStale =
          given === undefined ||
          given.validUntilTs < Math.max(nowMs, validUntilTsMin) ||
          nowMs - given.fetchedTs > (given.validUntilTs - given.fetchedTs) / 2
        if (isStale) yield* refresh(server)
        if (holder.given === undefined) return []
        const { serverName, signingKey } = identity
        return [
          signJson(holder.given.keys, serverName, signingKey.keyId, (message) =>
            signatures.sign(signingKey.seed, message),
          ),
        ]
      })

      const publishedNow = Effect.map(Clock.currentTimeMillis, (nowMs) => {
        if (published === undefined || nowMs - published.signedTs > signedAnewAfterMs) {
          const keys = publishedKeys(identity, nowMs + publishedForMs, signatures)
          published = { keys, signedTs: nowMs }
        }
        return published.keys
      })

      const source = { keysOf: (server: string) => holderOf(server).keys, refresh }

      return {
        published: publishedNow,
        vouchedKeys,
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
