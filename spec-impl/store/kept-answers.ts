/** The answers to transactions that a disk in memory keeps: one a message, on each of a thousand servers. */
import type { TransactionAnswer } from "./event-store.ts"

interface KeptAnswer {
  readonly answer: TransactionAnswer
  readonly answeredTs: number
}

/** A server name has no line break. Joined it is one text, where a template would hold on to its three parts. */
const keyOf = (origin: string, transactionId: string): string => [origin, transactionId].join("\n")

/**
 * A log: a table would take as much again as all that is in it, and is there to be looked into, which only those do who
 * repeat a transaction. Of one that was answered twice the last answer counts.
 */
export class KeptAnswers {
  #keys: string[] = []
  #answers: TransactionAnswer[] = []
  #answeredTs: number[] = []

  set(origin: string, transactionId: string, { answer, answeredTs }: KeptAnswer): void {
    this.#add(keyOf(origin, transactionId), { answer, answeredTs })
  }

  get(origin: string, transactionId: string): TransactionAnswer | undefined {
    return this.#answers[this.#keys.lastIndexOf(keyOf(origin, transactionId))]
  }

  /** The newest, so many of them, by origin and id; the oldest first. */
  newest(countMax: number): readonly (readonly [origin: string, transactionId: string])[] {
    return [...this.#byKey()]
      .sort(([, one], [, other]) => one.answeredTs - other.answeredTs)
      .slice(-countMax)
      .map(([key]) => readKey(key))
  }

  forgetBefore(ts: number): void {
    const known = this.#byKey()
    this.#keys = []
    this.#answers = []
    this.#answeredTs = []
    for (const [key, kept] of known) if (kept.answeredTs >= ts) this.#add(key, kept)
  }

  copy(): KeptAnswers {
    const copy = new KeptAnswers()
    for (const [key, kept] of this.#byKey()) copy.#add(key, kept)
    return copy
  }

  #add(key: string, { answer, answeredTs }: KeptAnswer): void {
    this.#keys.push(key)
    this.#answers.push(answer)
    this.#answeredTs.push(answeredTs)
  }

  #byKey(): Map<string, KeptAnswer> {
    const known = new Map<string, KeptAnswer>()
    for (const [at, key] of this.#keys.entries()) {
      known.set(key, { answer: this.#answers[at]!, answeredTs: this.#answeredTs[at]! })
    }
    return known
  }
}

const readKey = (key: string): readonly [string, string] => {
  const end = key.indexOf("\n")
  return [key.slice(0, end), key.slice(end + 1)]
}
