/** What transactions to other servers carry, and their ids (server-server API §Transactions). */
import { encodeBase64Url } from "../core/base64.ts"
import { sha256 } from "../core/hash.ts"
import type { TransactionInFlight } from "../store/event-store.ts"

/** Of a hash: as much as nobody meets again. */
const transactionIdBytes = 16

type Carried = Pick<TransactionInFlight, "events" | "edus">

/**
 * Makes the transactions of a server. Those that carry the same at the same time are one, whichever servers they go to: ids
 * are told apart by each of these for itself.
 */
export class OutgoingTransactions {
  readonly #origin: string
  #last: TransactionInFlight | undefined

  constructor(origin: string) {
    this.#origin = origin
  }

  /** One that carries that, as it begins at that time. */
  begin({ events, edus }: Carried, originServerTs: number): TransactionInFlight {
    const last = this.#last
    if (
      last !== undefined &&
      last.originServerTs === originServerTs &&
      areSame(last.events, events) &&
      areSame(last.edus, edus)
    )
      return last
    const content = [this.#origin, originServerTs, ...events.flat(), ...edus.map(({ id }) => id)].join("\n")
    const transactionId = encodeBase64Url(sha256(content).subarray(0, transactionIdBytes))
    this.#last = { transactionId, originServerTs, events, edus }
    return this.#last
  }
}

const areSame = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one === other || (one.length === other.length && one.every((item, at) => item === other[at]))
