/**
 * How keys of other servers are fetched: from the server itself, and from notaries what it does not give
 * (server-server API §Retrieving server keys).
 */
import { Clock, Deferred, Effect } from "effect"
import type { JsonObject } from "../core/json/value.ts"
import { jsonSignatureChecks } from "../core/signing.ts"
import { FederationClient } from "../federation/client.ts"
import { ServerIdentity } from "./identity.ts"
import { type KeyHolder, keyHolders, lacks, type WantedKeys, want } from "./key-holders.ts"
import type { Teller } from "./known-keys.ts"
import { readServerKeys, type ServerKeys } from "./server-keys.ts"
import { Settings } from "./settings.ts"
import { Signatures } from "./signatures/signatures.ts"

/** The wait after a first failure, doubled at each further one up to the second. */
const retryMsMin = 1_000
const retryMsMax = 60_000
/** A server that answered is not asked again sooner (§Querying Keys: requesters limit how often they ask). */
const askedAgainAfterMs = 1_000

const waitMs = (failures: number): number =>
  failures === 0 ? askedAgainAfterMs : Math.min(retryMsMin * 2 ** (failures - 1), retryMsMax)

/** No wait is longer than that: a clock that says otherwise was set back since, and nothing is waited for. */
const isToWait = (untilTs: number, nowMs: number): boolean => nowMs < untilTs && untilTs - nowMs <= retryMsMax

/** Keys that can be believed, with the object in which they came; or why not. */
type Told = { readonly keys: ServerKeys; readonly object: JsonObject } | { readonly problem: string }

/** Fetches keys for one key ring, in whose scope it works: whoever asked first may be interrupted, others wait. */
export const makeKeyFetching = Effect.gen(function* () {
  const { serverName } = yield* ServerIdentity
  const signatures = yield* Signatures
  const client = yield* FederationClient
  const { notaries } = yield* Settings
  const { holderOf, keep } = yield* keyHolders
  const scope = yield* Effect.scope
  const asking = new Map<string, Deferred.Deferred<void>>()
  const askingNotaries = new Map<string, Deferred.Deferred<void>>()

  /** Does `work` once for all who want it at the time. */
  const together = Effect.fnUntraced(function* (
    running: Map<string, Deferred.Deferred<void>>,
    server: string,
    work: Effect.Effect<void>,
  ) {
    const underWay = running.get(server)
    if (underWay !== undefined) return yield* Deferred.await(underWay)
    const done = Deferred.makeUnsafe<void>()
    running.set(server, done)
    const end = Effect.sync(() => {
      running.delete(server)
      Deferred.doneUnsafe(done, Effect.void)
    })
    yield* work.pipe(Effect.ensuring(end), Effect.forkIn(scope))
    return yield* Deferred.await(done)
  })

  const believed = (server: string, object: JsonObject): Told => {
    const read = readServerKeys(object, server, signatures)
    return "keys" in read ? { keys: read.keys, object } : read
  }

  /** What the server itself says, or why it says nothing that can be believed. */
  const askServer = Effect.fnUntraced(function* (server: string) {
    const answer = yield* Effect.result(client.call(server, (api) => api.keys.serverKeys({})))
    return answer._tag === "Failure" ? { problem: answer.failure.message } : believed(server, answer.success)
  })

  /**
   * What a notary says of the server (§Querying Keys Through Another Server): signed by both. It is told until
   * when each key must be good, so that it asks again itself where it must (rooms/v5 §Signing key validity period).
   */
  const askNotary = Effect.fnUntraced(function* (notary: string, { server, wanted }: KeyHolder) {
    const keyIds = [...(wanted ?? [])].map(([keyId, { untilTs }]) => [
      keyId,
      { minimum_valid_until_ts: untilTs },
    ])
    const payload = { server_keys: { [server]: Object.fromEntries(keyIds) } }
    const { server_keys } = yield* client.call(notary, (api) => api.keys.queryManyKeys({ payload }))
    for (const keys of server_keys) {
      const read = believed(server, keys)
      if ("keys" in read && (yield* isVouchedBy(notary, keys))) return read
    }
    return { problem: `${notary} does not vouch for it` }
  })

  /** A notary's own keys come from itself alone, or two of them could wait for each other. */
  const isVouchedBy = Effect.fnUntraced(function* (notary: string, keys: JsonObject) {
    const { keys: known } = holderOf(notary)
    for (const check of jsonSignatureChecks(keys, notary)) {
      if (known.forRequest(check.keyId, yield* Clock.currentTimeMillis) === undefined)
        yield* askItself(notary)
      const key = known.forRequest(check.keyId, yield* Clock.currentTimeMillis)
      if (key !== undefined && signatures.verify(key, check.message, check.signature)) return true
    }
    return false
  })

  const learn = Effect.fnUntraced(function* (
    holder: KeyHolder,
    { keys, object }: Extract<Told, { readonly keys: ServerKeys }>,
    teller: Teller,
  ) {
    const nowMs = yield* Clock.currentTimeMillis
    holder.keys.learn(keys, teller, nowMs)
    const { validUntilTs } = keys
    if (teller === "itself" || validUntilTs >= (holder.given?.validUntilTs ?? 0)) {
      holder.given = { keys: object, fetchedTs: nowMs, validUntilTs }
    }
    yield* keep(holder)
  })

  /** Asks the server itself, unless it was asked just now. */
  const askItself = Effect.fnUntraced(function* (server: string) {
    const holder = holderOf(server)
    const work = Effect.gen(function* () {
      if (isToWait(holder.askedAgainTs, yield* Clock.currentTimeMillis)) return
      const told = yield* askServer(server)
      if ("keys" in told) yield* learn(holder, told, "itself")
      holder.problem = "keys" in told ? undefined : told.problem
      holder.failures = "keys" in told ? 0 : holder.failures + 1
      holder.askedAgainTs = (yield* Clock.currentTimeMillis) + waitMs(holder.failures)
    })
    yield* together(asking, server, work)
  })

  /** Asks each notary in turn, until nothing is lacking. */
  const askNotaries = Effect.fnUntraced(function* (holder: KeyHolder) {
    if (isToWait(holder.notariesAskedAgainTs, yield* Clock.currentTimeMillis)) return
    for (const notary of notaries) {
      if (notary === holder.server || notary === serverName) continue
      const told = yield* Effect.result(askNotary(notary, holder))
      if (told._tag === "Failure" || !("keys" in told.success)) continue
      yield* learn(holder, told.success, "notary")
      if (!lacks(holder, holder.wanted, yield* Clock.currentTimeMillis)) break
    }
    const nowMs = yield* Clock.currentTimeMillis
    holder.notaryFailures = lacks(holder, holder.wanted, nowMs) ? holder.notaryFailures + 1 : 0
    holder.notariesAskedAgainTs = nowMs + waitMs(holder.notaryFailures)
  })

  return {
    holderOf,
    askItself,
    /**
     * Asks for a server's keys, itself first. `wanted` says which ones, and until when they must be good: notaries
     * are asked for what is lacking then.
     */
    refresh: Effect.fnUntraced(function* (server: string, wanted: WantedKeys) {
      if (server === serverName) return
      const holder = holderOf(server)
      yield* askItself(server)
      if (notaries.length === 0 || !lacks(holder, wanted, yield* Clock.currentTimeMillis)) return
      want(holder, wanted)
      const work = Effect.ensuring(
        askNotaries(holder),
        Effect.sync(() => {
          holder.wanted = undefined
        }),
      )
      yield* together(askingNotaries, server, work)
    }),
  }
})
