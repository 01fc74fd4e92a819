/** The answers to transactions that a disk in memory keeps: one a message, on each of a thousand servers. */
import type { TransactionAnswer } from "./event-store.ts"

interface KeptAnswer {
  readonly answer: TransactionAnswer
  readonly answeredTs: number
}

/** So many are kept together. */
const packedCount = 64

/** Some dozens of them: the keys as one text of JSON, for each by itself would take as much again. */
interface Pack {
  readonly keys: string
  readonly answers: readonly TransactionAnswer[]
  readonly answeredTs: readonly number[]
}

/** A server name has no line break. */
const keyOf = (origin: string, transactionId: string): string => [origin, transactionId].join("\n")

/**
 * A log: a table would take as much again as all that is in it, and is there to be looked into, which only those do who
 * repeat a transaction. Of one that was answered twice the last answer counts.
 */
export class KeptAnswers {
  #packs: Pack[] = []
  /** The last ones, which are not packed yet. */
  #keys: string[] = []
  #answers: TransactionAnswer[] = []
  #answeredTs: number[] = []

  set(origin: string, transactionId: string, { answer, answeredTs }: KeptAnswer): void {
    this.#add(keyOf(origin, transactionId), { answer, answeredTs })
  }

  get(origin: string, transactionId: string): TransactionAnswer | undefined {
    const key = keyOf(origin, transactionId)
    const last = this.#keys.lastIndexOf(key)
    if (last >= 0) return this.#answers[last]
    const written = JSON.stringify(key)
    for (const { keys, answers } of this.#packs.toReversed()) {
      if (keys.includes(written)) return answers[(JSON.parse(keys) as string[]).lastIndexOf(key)]
    }
    return undefined
  }

  /** The newest, so many of them, by origin and id; the oldest first. */
  newest(countMax: number): readonly (readonly [origin: string, transactionId: string])[] {
    return [...this.#byKey()]
      .sort(([, one], [, other]) => one.answeredTs - other.answeredTs)
      .slice(-countMax)
      .map(([key]) => readKey(key))
  }

  forgetBefore(ts: number): void {
    const isYoung = (answeredTs: number): boolean => answeredTs >= ts
    const areYoung = this.#packs.every(({ answeredTs }) => answeredTs.every(isYoung))
    if (areYoung && this.#answeredTs.every(isYoung)) return
    const known = this.#byKey()
    this.#packs = []
    this.#clear()
    for (const [key, kept] of known) if (kept.answeredTs >= ts) this.#add(key, kept)
  }

  copy(): KeptAnswers {
    const copy = new KeptAnswers()
    copy.#packs = [...this.#packs]
    copy.#keys = [...this.#keys]
    copy.#answers = [...this.#answers]
    copy.#answeredTs = [...this.#answeredTs]
    return copy
  }

  #add(key: string, { answer, answeredTs }: KeptAnswer): void {
    this.#keys.push(key)
    this.#answers.push(answer)
    this.#answeredTs.push(answeredTs)
    if (this.#keys.length < packedCount) return
    this.#packs.push({
      keys: JSON.stringify(this.#keys),
      // Without the room for more that they have.
      answers: this.#answers.slice(),
      answeredTs: this.#answeredTs.slice(),
    })
    this.#clear()
  }

  #clear(): void {
    this.#keys = []
    this.#answers = []
    this.#answeredTs = []
  }

  #byKey(): Map<string, KeptAnswer> {
    const known = new Map<string, KeptAnswer>()
    const note = (keys: readonly string[], { answers, answeredTs }: Omit<Pack, "keys">): void => {
      for (const [at, key] of keys.entries()) {
        known.set(key, { answer: answers[at]!, answeredTs: answeredTs[at]! })
      }
    }
    for (const pack of this.#packs) note(JSON.parse(pack.keys), pack)
    note(this.#keys, { answers: this.#answers, answeredTs: this.#answeredTs })
    return known
  }
}

const readKey = (key: string): readonly [string, string] => {
  const end = key.indexOf("\n")
  return [key.slice(0, end), key.slice(end + 1)]
}
