/** Keys that servers sign by, and which of them others had asked for in vain by when: what of that went over the wire. */
import type { OldKey } from "#spec-impl/homeserver/identity.ts"
import { waitMs } from "#spec-impl/homeserver/key-fetching.ts"
import type { VirtualServer } from "../world/world.ts"
import { isOwnKeys } from "./targets.ts"

/** A key that a server signs by, or did. */
export interface PublicKey {
  readonly keyId: string
  readonly publicKey: Uint8Array
}

/** A question about keys that is over: of the one who was asked alone, or of any that were asked about. */
interface AskedForKeys {
  readonly by: string
  readonly of: string
  readonly at: number
  /** When whoever was asked said what it did. */
  readonly saidAt: number
  readonly isOwn: boolean
}

/** What a server published from some time on, until it published others. */
interface Published {
  readonly since: number
  readonly keys: readonly PublicKey[]
}

export class HeardKeys {
  readonly #servers: ReadonlyMap<string, VirtualServer>
  readonly #now: () => number
  readonly #msAt: (at: number) => number
  readonly #told: AskedForKeys[] = []
  readonly #vain: AskedForKeys[] = []
  /** By server: the keys that it published, those that it ceased to publish at some time, and old ones, each time anew. */
  readonly #published = new Map<string, Published[]>()
  readonly #gone = new Map<string, PublicKey[]>()
  readonly #old = new Map<string, OldKey[]>()
  /** By server and key id, of keys in the place of others: since when it is published, at the latest. */
  readonly #new = new Map<string, number>()

  /** `now` counts what was heard, and `msAt` gives when it was. */
  constructor(servers: ReadonlyMap<string, VirtualServer>, now: () => number, msAt: (at: number) => number) {
    this.#servers = servers
    this.#now = now
    this.#msAt = msAt
  }

  /** Of a question that was answered, or came to nothing. */
  asked(question: Omit<AskedForKeys, "at" | "isOwn"> & { readonly target: string }, isVain: boolean): void {
    const { by, of, saidAt, target } = question
    const questions = isVain ? this.#vain : this.#told
    questions.push({ by, of, at: this.#now(), saidAt, isOwn: isOwnKeys(target) })
  }

  note(server: string): void {
    const identity = this.#servers.get(server)?.identity
    const published = this.#published.get(server) ?? []
    const known = published.at(-1)?.keys ?? []
    if (identity === undefined) return
    const { keyId, publicKey } = identity.signingKey
    if (keyId === known[0]?.keyId && publicKey === known[0].publicKey) return
    const keys = [identity.signingKey, ...identity.oldKeys]
    // One key may have two names: a signature names one of these.
    const gone = known.filter(
      ({ keyId, publicKey }) => !keys.some((key) => key.keyId === keyId && isSame(key.publicKey, publicKey)),
    )
    if (known.length > 0 && !known.some(({ keyId }) => keyId === identity.signingKey.keyId))
      this.#new.set(`${server} ${identity.signingKey.keyId}`, this.#now())
    this.#published.set(server, [...published, { since: this.#now(), keys }])
    this.#old.set(server, [...(this.#old.get(server) ?? []), ...identity.oldKeys])
    this.#gone.set(server, [...(this.#gone.get(server) ?? []), ...gone])
  }

  /** Keys that the server published, and then did not: for a while at least nobody could hear of them from it. */
  goneOf(server: string): readonly PublicKey[] {
    this.note(server)
    return this.#gone.get(server) ?? []
  }

  /** Keys that the server published as old ones, with each time of which it ever said that they had expired by then. */
  oldOf(server: string): readonly OldKey[] {
    this.note(server)
    return this.#old.get(server) ?? []
  }

  /**
   * Whether the server had asked for the keys of `signer` in vain by then: it had never heard of this one from itself, nor
   * after it had asked from anybody who vouches for it, and so had heard of it last. It had asked since there was this
   * key, or just before, and was not to ask again so soon (§Querying Keys).
   */
  wereUnheard(server: string, by: number, signer: string, keyId: string): boolean {
    const since = this.#new.get(`${signer} ${keyId}`) ?? 0
    const isOwn = (question: AskedForKeys): boolean =>
      question.by === server && question.of === signer && question.at < by && question.isOwn
    const asked = this.#vain.findLast(isOwn)
    if (asked === undefined) return false
    const toldAt = this.#told.findLast(isOwn)?.at ?? 0
    const failures = this.#vain.filter((question) => isOwn(question) && question.at > toldAt).length
    const isWaiting = this.#msAt(by) - this.#msAt(asked.at) <= waitMs(failures)
    if (asked.at < since && !isWaiting) return false
    const vouching = new Set<string>()
    for (const told of this.#told) {
      if (told.at < since || told.at > by) continue
      const isOfItself = told.of === signer
      const isNamed = isOfItself
        ? this.#publishes(signer, keyId, told.saidAt)
        : !told.isOwn && vouching.has(told.of)
      if (isNamed && told.by === server && (isOfItself || told.at > asked.at)) return false
      if (isNamed) vouching.add(told.by)
      else if (isOfItself) vouching.delete(told.by)
    }
    return true
  }

  #publishes(server: string, keyId: string, at: number): boolean {
    const published = this.#published.get(server)?.findLast(({ since }) => since <= at)
    return published === undefined || published.keys.some((key) => key.keyId === keyId)
  }
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0
