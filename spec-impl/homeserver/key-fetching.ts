/**
 * How keys of other servers are fetched: from the server itself, and from notaries what it does not give
 * (server-server API §Retrieving server keys).
 */
import { Clock, Deferred, Effect } from "effect"
import type { JsonObject } from "../core/json/value.ts"
import { FederationClient } from "../federation/client.ts"
import { ServerIdentity } from "./identity.ts"
import { type Asked, type KeyHolder, keyHolders, lacks, type WantedKeys, want } from "./key-holders.ts"
import type { Teller } from "./known-keys.ts"
import { readServerKeys, type ServerKeys, vouchingChecks } from "./server-keys.ts"
import { Settings } from "./settings.ts"
import { Signatures } from "./signatures/signatures.ts"

/** The wait after a first failure, doubled at each further one up to the second. */
const retryMsMin = 1_000
const retryMsMax = 60_000
/** A server that answered is not asked again sooner (§Querying Keys: requesters limit how often they ask). */
const askedAgainAfterMs = 1_000

/** So long a server is not asked for its keys again, after so many failures in a row. */
export const waitMs = (failures: number): number =>
  failures === 0 ? askedAgainAfterMs : Math.min(retryMsMin * 2 ** (failures - 1), retryMsMax)

const askedNow = (failures: number, nowMs: number): Asked => ({ failures, againTs: nowMs + waitMs(failures) })

/** How many servers are asked for their keys at a time. */
const concurrency = 16
/** Of so many servers a notary tells the keys in one answer. */
export const serversPerQueryMax = 100

/** No wait is longer than that: a clock that says otherwise was set back since, and nothing is waited for. */
const isToWait = (untilTs: number, nowMs: number): boolean => nowMs < untilTs && untilTs - nowMs <= retryMsMax

/** Keys that can be believed, with the object in which they came; or why not. */
type Told = Believed | { readonly problem: string }
interface Believed {
  readonly keys: ServerKeys
  readonly object: JsonObject
}

/** Fetches keys for one key ring, in whose scope it works: whoever asked first may be interrupted, others wait. */
export const makeKeyFetching = Effect.gen(function* () {
  const { serverName } = yield* ServerIdentity
  const signatures = yield* Signatures
  const client = yield* FederationClient
  const { notaries, notariesFirst } = yield* Settings
  const { holderOf, keep } = yield* keyHolders
  const scope = yield* Effect.scope
  const asking = new Map<string, Deferred.Deferred<void>>()
  const askingNotaries = new Map<string, Deferred.Deferred<void>>()

  /** Does `work` of those servers for which nobody does it yet, and waits for whoever does it for the others. */
  const together = Effect.fnUntraced(function* (
    running: Map<string, Deferred.Deferred<void>>,
    servers: readonly string[],
    work: (servers: readonly string[]) => Effect.Effect<void>,
  ) {
    const underWay = new Set(servers.flatMap((server) => running.get(server) ?? []))
    const others = servers.filter((server) => !running.has(server))
    if (others.length > 0) {
      const done = Deferred.makeUnsafe<void>()
      underWay.add(done)
      for (const server of others) running.set(server, done)
      const end = Effect.sync(() => {
        for (const server of others) running.delete(server)
        Deferred.doneUnsafe(done, Effect.void)
      })
      yield* work(others).pipe(Effect.ensuring(end), Effect.forkIn(scope))
    }
    for (const done of underWay) yield* Deferred.await(done)
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
   * What a notary says of those servers (§Querying Keys Through Another Server): signed by both. It is told until
   * when each key must be good, so that it asks again itself where it must (rooms/v5 §Signing key validity period).
   */
  const askNotary = Effect.fnUntraced(function* (notary: string, holders: ReadonlyMap<string, KeyHolder>) {
    const wantedOf = ({ wanted }: KeyHolder) =>
      [...(wanted ?? [])].map(([keyId, { untilTs }]) => [keyId, { minimum_valid_until_ts: untilTs }])
    const asked = [...holders].map(([server, holder]) => [server, Object.fromEntries(wantedOf(holder))])
    const payload = { server_keys: Object.fromEntries(asked) }
    const { server_keys } = yield* client.call(notary, (api) => api.keys.queryManyKeys({ payload }))
    const told = new Map<KeyHolder, Believed>()
    for (const keys of server_keys) {
      const holder = typeof keys.server_name === "string" ? holders.get(keys.server_name) : undefined
      if (holder === undefined || told.has(holder)) continue
      const read = believed(holder.server, keys)
      if ("keys" in read && (yield* isVouchedBy(notary, keys))) told.set(holder, read)
    }
    return told
  })

  /** A notary's own keys come from itself alone, or two of them could wait for each other. */
  const isVouchedBy = Effect.fnUntraced(function* (notary: string, keys: JsonObject) {
    const { keys: known } = holderOf(notary)
    for (const check of vouchingChecks(keys, notary)) {
      if (known.forRequest(check.keyId, yield* Clock.currentTimeMillis) === undefined)
        yield* askItself(notary)
      const key = known.forRequest(check.keyId, yield* Clock.currentTimeMillis)
      if (key !== undefined && signatures.verify(key, check.message, check.signature)) return true
    }
    return false
  })

  const learn = Effect.fnUntraced(function* (told: ReadonlyMap<KeyHolder, Believed>, teller: Teller) {
    const nowMs = yield* Clock.currentTimeMillis
    for (const [holder, { keys, object }] of told) {
      holder.keys.learn(keys, teller, nowMs)
      const { validUntilTs } = keys
      if (teller === "itself" || validUntilTs >= (holder.given?.validUntilTs ?? 0)) {
        holder.given = { fetchedTs: nowMs, keys: object, validUntilTs }
      }
    }
    yield* keep([...told.keys()])
  })

  /** Asks the server itself, unless it was asked just now. */
  const askItself = Effect.fnUntraced(function* (server: string) {
    const holder = holderOf(server)
    const work = Effect.gen(function* () {
      if (isToWait(holder.askedItself.againTs, yield* Clock.currentTimeMillis)) return
      const told = yield* askServer(server)
      if ("keys" in told) yield* learn(new Map([[holder, told]]), "itself")
      holder.problem = "keys" in told ? undefined : told.problem
      const failures = "keys" in told ? 0 : holder.askedItself.failures + 1
      holder.askedItself = askedNow(failures, yield* Clock.currentTimeMillis)
    })
    yield* together(asking, [server], () => work)
  })

  /** Asks each notary in turn, until nothing is lacking. */
  const askNotaries = Effect.fnUntraced(function* (holders: readonly KeyHolder[]) {
    let nowMs = yield* Clock.currentTimeMillis
    const waited = holders.filter(({ askedNotaries }) => !isToWait(askedNotaries.againTs, nowMs))
    if (waited.length === 0) return
    for (const notary of notaries) {
      const lacking = waited.filter((holder) => lacks(holder, holder.wanted, nowMs))
      const asked = new Map(lacking.map((holder) => [holder.server, holder]))
      asked.delete(notary)
      if (notary === serverName || asked.size === 0) continue
      const told = yield* Effect.result(askNotary(notary, asked))
      if (told._tag === "Failure" || told.success.size === 0) continue
      yield* learn(told.success, "notary")
      nowMs = yield* Clock.currentTimeMillis
    }
    nowMs = yield* Clock.currentTimeMillis
    const well = askedNow(0, nowMs)
    for (const holder of waited) {
      const isLacking = lacks(holder, holder.wanted, nowMs)
      holder.askedNotaries = isLacking ? askedNow(holder.askedNotaries.failures + 1, nowMs) : well
    }
  })

  /** Asks notaries for all those servers at once; others who want the keys of one of them wait for the same answer. */
  const askTogether = (servers: readonly string[]) =>
    together(askingNotaries, servers, (others) => {
      const holders = others.map(holderOf)
      return Effect.ensuring(
        askNotaries(holders),
        Effect.sync(() => {
          for (const holder of holders) holder.wanted = undefined
        }),
      )
    })

  /** Asks for a server's keys, itself first; notaries are asked for what is lacking then. */
  const refresh = Effect.fnUntraced(function* (server: string, wanted: WantedKeys) {
    if (server === serverName) return
    const holder = holderOf(server)
    yield* askItself(server)
    if (notaries.length === 0 || !lacks(holder, wanted, yield* Clock.currentTimeMillis)) return
    want(holder, wanted)
    yield* askTogether([server])
  })

  const refreshEach = (wanted: ReadonlyMap<string, WantedKeys>) =>
    Effect.forEach(wanted, ([server, ofServer]) => refresh(server, ofServer), { concurrency, discard: true })

  /** Asks notaries for the keys of all those servers, so many at a time, and then each server that they did not know. */
  const refreshByNotaries = Effect.fnUntraced(function* (wanted: ReadonlyMap<string, WantedKeys>) {
    const servers = [...wanted.keys()].filter((server) => server !== serverName)
    for (let at = 0; at < servers.length; at += serversPerQueryMax) {
      const some = servers.slice(at, at + serversPerQueryMax)
      for (const server of some) want(holderOf(server), wanted.get(server)!)
      yield* askTogether(some)
    }
    const nowMs = yield* Clock.currentTimeMillis
    yield* refreshEach(new Map([...wanted].filter(([server, keys]) => lacks(holderOf(server), keys, nowMs))))
  })

  return {
    holderOf,
    askItself,
    /** Asks for keys of one server. `wanted` says which ones, and until when they must be good. */
    refresh,
    /** The same of many servers, for keys that prove events. */
    refreshMany: notariesFirst ? refreshByNotaries : refreshEach,
  }
})
