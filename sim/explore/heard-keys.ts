/** Keys that servers sign by, and which of them others had asked for in vain by when: what of that went over the wire. */
import type { OldKey } from "#spec-impl/homeserver/identity.ts"
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
  readonly isOwn: boolean
}

export class HeardKeys {
  readonly #servers: ReadonlyMap<string, VirtualServer>
  readonly #now: () => number
  readonly #told: AskedForKeys[] = []
  readonly #vain: AskedForKeys[] = []
  /** By server: the keys that it published last, those that it ceased to publish at some time, and old ones, each time anew. */
  readonly #published = new Map<string, readonly PublicKey[]>()
  readonly #gone = new Map<string, PublicKey[]>()
  readonly #old = new Map<string, OldKey[]>()
  /** By server and key id, of keys in the place of others: since when it is published, at the latest. */
  readonly #new = new Map<string, number>()

  constructor(servers: ReadonlyMap<string, VirtualServer>, now: () => number) {
    this.#servers = servers
    this.#now = now
  }

  /** Of a question that was answered, or came to nothing. */
  asked(
    { by, of, target }: { readonly by: string; readonly of: string; readonly target: string },
    isVain: boolean,
  ): void {
    const questions = isVain ? this.#vain : this.#told
    questions.push({ by, of, at: this.#now(), isOwn: isOwnKeys(target) })
  }

  note(server: string): void {
    const identity = this.#servers.get(server)?.identity
    const known = this.#published.get(server) ?? []
    if (identity === undefined || identity.signingKey.publicKey === known[0]?.publicKey) return
    const keys = [identity.signingKey, ...identity.oldKeys]
    const gone = known.filter(({ publicKey }) => !keys.some((key) => isSame(key.publicKey, publicKey)))
    if (known.length > 0 && !known.some(({ keyId }) => keyId === identity.signingKey.keyId))
      this.#new.set(`${server} ${identity.signingKey.keyId}`, this.#now())
    this.#published.set(server, keys)
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
   * Whether the server had asked for the keys of `signer` in vain by then: it had never heard from that one itself since
   * that published the key, nor after it had asked from anybody else who could tell. Of a server's first keys any notary
   * may know; of one in the place of another, who has heard since.
   */
  wereUnheard(server: string, by: number, signer: string, keyId: string): boolean {
    const asked = this.#vain.findLast(
      (question) => question.by === server && question.of === signer && question.at < by && question.isOwn,
    )
    const since = this.#new.get(`${signer} ${keyId}`)
    if (asked === undefined || asked.at < (since ?? 0)) return false
    const knowing = new Set([signer])
    for (const told of this.#told) {
      if (told.at < (since ?? 0) || told.at > by) continue
      const couldTell = told.of === signer || (!told.isOwn && (since === undefined || knowing.has(told.of)))
      if (couldTell && told.by === server && (told.of === signer || told.at > asked.at)) return false
      if (couldTell) knowing.add(told.by)
    }
    return true
  }
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0
