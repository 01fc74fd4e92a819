/** The keys of other servers that this one has seen, and what each is good for. */
import type { ServerKeys } from "./server-keys.ts"

interface KnownKey {
  readonly publicKey: Uint8Array
  /** Until when it is good for events: the end of its published validity, or when it expired. */
  readonly validUntilTs: number
  /** Whether its server published it last as a current key: the only ones that are good for requests. */
  readonly isCurrent: boolean
}

/** One server's keys, by id. A key id is bound to the first key that was seen under it. */
export class KnownKeys {
  readonly #keys = new Map<string, KnownKey>()

  /** Takes in what the server published now. Keys that it no longer names stay good for what they were. */
  learn({ validUntilTs, verifyKeys, oldVerifyKeys }: ServerKeys): void {
    for (const [keyId, known] of this.#keys) {
      if (!verifyKeys.has(keyId)) this.#keys.set(keyId, { ...known, isCurrent: false })
    }
    for (const [keyId, publicKey] of verifyKeys) {
      this.#bind(keyId, { publicKey, validUntilTs, isCurrent: true })
    }
    for (const [keyId, { publicKey, expiredTs }] of oldVerifyKeys) {
      if (!verifyKeys.has(keyId)) this.#bind(keyId, { publicKey, validUntilTs: expiredTs, isCurrent: false })
    }
  }

  #bind(keyId: string, key: KnownKey): void {
    const known = this.#keys.get(keyId)
    if (known === undefined || sameBytes(known.publicKey, key.publicKey)) this.#keys.set(keyId, key)
  }

  /** The key, if it may prove requests at `nowMs`. */
  forRequest(keyId: string, nowMs: number): Uint8Array | undefined {
    const known = this.#keys.get(keyId)
    return known?.isCurrent && known.validUntilTs >= nowMs ? known.publicKey : undefined
  }

  /**
   * The key, if it may prove events of that time. Rooms 1 to 4 ask no validity of it (§Signing key validity
   * period of room 5).
   */
  forEvent(
    keyId: string,
    originServerTs: number | bigint,
    keyValidity: "ignored" | "enforced",
  ): Uint8Array | undefined {
    const known = this.#keys.get(keyId)
    return known !== undefined && (keyValidity === "ignored" || known.validUntilTs >= originServerTs)
      ? known.publicKey
      : undefined
  }

  /** Whether the key has been seen at all. */
  has(keyId: string): boolean {
    return this.#keys.has(keyId)
  }

  /** Whether the server might say more of the key than is known: it is unknown, or current and running out. */
  mayChange(keyId: string): boolean {
    const known = this.#keys.get(keyId)
    return known === undefined || known.isCurrent
  }
}

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, position) => byte === other[position])
