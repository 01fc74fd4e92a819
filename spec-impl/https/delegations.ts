/**
 * To whom servers delegate: `.well-known/matrix/server`, fetched and kept (server-server API §Resolving server
 * names, step 3).
 *
 * Where a file was valid and its server now gives no answer, or a 5xx, the old one is believed on until two days
 * after it was fetched, the longest that one may be kept; Synapse does the like while its copy lives
 * (well_known_resolver.py). A server that answers otherwise, be it 404, has withdrawn it.
 */
import { Clock, Deferred, Effect, type Scope } from "effect"
import type { WireResponse } from "../federation/wire.ts"
import { type WebParts, webGet } from "./web-get.ts"
import {
  delegatedName,
  errorLifeMs,
  lifeMs,
  lifeMsMax,
  redirection,
  wellKnownBytesMax,
  wellKnownPath,
} from "./well-known.ts"

/** So many redirects are followed, none of them to where one was before. */
const redirectsMax = 5
/** All of a fetch, lookups and redirects included. */
const fetchMsMax = 20_000
/** Hosts of which it is known what they delegate; the one that was asked for longest ago is forgotten first. */
const hostsMax = 10_000

/** What one host delegates, as far as is known. */
interface Holder {
  readonly hostname: string
  delegatedTo: string | undefined
  fetchedTs: number
  /** Not fetched again before. */
  dueTs: number
  failures: number
  fetching: Deferred.Deferred<void> | undefined
}

/** What a host delegates, and until when that need not be asked again. */
export interface Delegation {
  readonly delegatedTo: string | undefined
  readonly dueTs: number
}

export interface DelegationParts extends WebParts {
  /** Fetches live as long as this: whoever asked first may give up, and others wait. */
  readonly scope: Scope.Scope
}

/** Finds what hosts delegate; never fails, for a host without a valid file delegates nothing. */
export const makeDelegations = (
  parts: DelegationParts,
): ((hostname: string) => Effect.Effect<Delegation>) => {
  const holders = new Map<string, Holder>()

  const holderOf = (hostname: string): Holder => {
    const holder = holders.get(hostname) ?? {
      hostname,
      delegatedTo: undefined,
      fetchedTs: 0,
      dueTs: 0,
      failures: 0,
      fetching: undefined,
    }
    holders.delete(hostname)
    holders.set(hostname, holder)
    const [oldest] = holders.keys()
    if (holders.size > hostsMax && oldest !== undefined) holders.delete(oldest)
    return holder
  }

  const fetchFor = Effect.fnUntraced(function* (holder: Holder) {
    const answer = yield* fetchWellKnown(parts, holder.hostname)
    const nowMs = yield* Clock.currentTimeMillis
    const delegatedTo = answer === undefined ? undefined : delegatedName(answer)
    if (answer !== undefined && delegatedTo !== undefined) {
      Object.assign(holder, { delegatedTo, fetchedTs: nowMs, failures: 0 })
      holder.dueTs = nowMs + lifeMs(answer.headers, nowMs)
      return
    }
    holder.failures += 1
    holder.dueTs = nowMs + errorLifeMs(holder.failures, answer?.headers, nowMs)
    const isSilent = answer === undefined || answer.status >= 500
    const believedUntilTs = isSilent ? holder.fetchedTs + lifeMsMax : nowMs
    if (nowMs >= believedUntilTs) holder.delegatedTo = undefined
    else if (holder.delegatedTo !== undefined) holder.dueTs = Math.min(holder.dueTs, believedUntilTs)
  })

  const refresh = Effect.fnUntraced(function* (holder: Holder) {
    if (holder.fetching !== undefined) return yield* Deferred.await(holder.fetching)
    const fetching = Deferred.makeUnsafe<void>()
    holder.fetching = fetching
    yield* fetchFor(holder).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          holder.fetching = undefined
          Deferred.doneUnsafe(fetching, Effect.void)
        }),
      ),
      Effect.forkIn(parts.scope),
    )
    return yield* Deferred.await(fetching)
  })

  return Effect.fnUntraced(function* (hostname: string) {
    const holder = holderOf(hostname.toLowerCase())
    if ((yield* Clock.currentTimeMillis) >= holder.dueTs) yield* refresh(holder)
    return { delegatedTo: holder.delegatedTo, dueTs: holder.dueTs }
  })
}

/** The answer to which all redirects lead; undefined where there is none. */
const fetchWellKnown = (parts: DelegationParts, hostname: string): Effect.Effect<WireResponse | undefined> =>
  Effect.gen(function* () {
    const visited = new Set<string>()
    let url: URL | null | undefined = URL.parse(`https://${hostname}${wellKnownPath}`)
    // URLs take `0x7f.1` for an address, which no server name means by it.
    if (url?.hostname !== hostname) return undefined
    let answer: WireResponse | undefined
    while (url !== undefined) {
      if (url === null || visited.size > redirectsMax || visited.has(url.href)) return answer
      visited.add(url.href)
      answer = yield* webGet(parts, url, wellKnownBytesMax, { accept: "application/json" })
      url = redirection(answer, url)
    }
    return answer
  }).pipe(
    Effect.timeoutOrElse({ duration: fetchMsMax, orElse: () => Effect.succeed(undefined) }),
    Effect.orElseSucceed(() => undefined),
  )
