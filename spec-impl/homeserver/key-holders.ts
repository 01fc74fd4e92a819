/** What is known of each server's keys, kept so that a restart forgets none: a server may be gone by then. */
import { Effect } from "effect"
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"
import { EventStore, type RecordWrite } from "../store/event-store.ts"
import { type KeyReadings, KnownKeys } from "./known-keys.ts"
import { Settings } from "./settings.ts"

/** Which keys of one server are wanted, by id, and until when they must be good. */
export type WantedKeys = ReadonlyMap<string, { readonly untilTs: number; readonly isForRequest: boolean }>

/** How asking went the last time; one and the same for all servers that were asked for in one question. */
export interface Asked {
  readonly failures: number
  /** Not again before. */
  readonly againTs: number
}

const neverAsked: Asked = { failures: 0, againTs: 0 }

/** One server's keys as they are known here, and how asking for them went. */
export interface KeyHolder {
  readonly server: string
  readonly keys: KnownKeys
  /** Of notaries, by all who wait for their answers. */
  wanted: WantedKeys | undefined
  askedItself: Asked
  askedNotaries: Asked
  /** Why it has not answered when it was asked last. */
  problem: string | undefined
  /** Its key object as it was last given, by itself or by a notary. */
  given: GivenKeys | undefined
}

/** As it is kept, too. */
type GivenKeys = {
  readonly keys: JsonObject
  readonly fetchedTs: number
  readonly validUntilTs: number
}

const collection = "server-keys"

const holderWith = (server: string, keys: KnownKeys, given?: GivenKeys): KeyHolder => ({
  server,
  keys,
  given,
  wanted: undefined,
  askedItself: neverAsked,
  askedNotaries: neverAsked,
  problem: undefined,
})

/** Whoever likes can name servers that there are not: of so many that never gave a key it is known how asking went. */
const strangersMax = 10_000

/** Of so many that did, the keys are known. Who is dealt with is heard of at least once in the life of its keys. */
const holdersMax = 20_000

/** The holders of all servers' keys, with what the store has of them. */
export const keyHolders = Effect.gen(function* () {
  const store = yield* EventStore
  const { readings } = yield* Settings
  const holders = new Map<string, KeyHolder>()
  const strangers = new Map<string, KeyHolder>()
  for (const [server, value] of yield* store.records(collection)) {
    const holder = readHolder(server, value, readings)
    if (holder !== undefined) holders.set(server, holder)
  }
  return {
    holderOf: (server: string): KeyHolder => {
      const known = holders.get(server) ?? strangers.get(server)
      if (known !== undefined) return known
      const holder = holderWith(server, new KnownKeys(readings))
      const [oldest] = strangers.keys()
      if (strangers.size >= strangersMax && oldest !== undefined) strangers.delete(oldest)
      strangers.set(server, holder)
      return holder
    },
    /**
     * A store that fails takes nothing from what is known now: keys can be fetched again. For one server too many the
     * one goes whose keys were heard of longest ago.
     */
    keep: (heard: readonly KeyHolder[]): Effect.Effect<void> => {
      const records = heard.flatMap((holder): readonly RecordWrite[] => {
        const { server, keys, given } = holder
        strangers.delete(server)
        holders.delete(server)
        const [longestUnheard] = holders.size < holdersMax ? [] : holders.keys()
        if (longestUnheard !== undefined) holders.delete(longestUnheard)
        holders.set(server, holder)
        const value = keys.toJson(given)
        const gone = longestUnheard === undefined ? [] : [{ collection, key: longestUnheard, value: null }]
        return [{ collection, key: server, value }, ...gone]
      })
      return Effect.ignore(store.commit({ records }))
    },
  }
})

const readHolder = (server: string, value: JsonValue, readings: KeyReadings): KeyHolder | undefined => {
  if (!isJsonObject(value)) return undefined
  return holderWith(server, KnownKeys.fromJson(value, readings), readGiven(value.given))
}

const readGiven = (given: JsonValue | undefined): GivenKeys | undefined => {
  if (!isJsonObject(given) || !isJsonObject(given.keys)) return undefined
  const { keys, fetchedTs, validUntilTs } = given
  return typeof fetchedTs === "number" && typeof validUntilTs === "number"
    ? { keys, fetchedTs, validUntilTs }
    : undefined
}

/** Adds to what is wanted. */
export const want = (holder: KeyHolder, more: WantedKeys): void => {
  const wanted = new Map(holder.wanted)
  for (const [keyId, { untilTs, isForRequest }] of more) {
    const known = wanted.get(keyId)
    wanted.set(keyId, {
      untilTs: Math.max(untilTs, known?.untilTs ?? 0),
      isForRequest: isForRequest && (known?.isForRequest ?? true),
    })
  }
  holder.wanted = wanted
}

/**
 * Whether something of what is wanted is not known. Which keys are good for requests a server knows itself, where it has
 * answered: no notary is asked for those that it did not name.
 */
export const lacks = ({ keys, problem }: KeyHolder, wanted: WantedKeys | undefined, nowMs: number): boolean =>
  [...(wanted ?? [])].some(([keyId, { untilTs, isForRequest }]) =>
    isForRequest
      ? problem !== undefined && keys.forRequest(keyId, nowMs) === undefined
      : keys.forEvent(keyId, untilTs, "enforced", nowMs) === undefined,
  )
