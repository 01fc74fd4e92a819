import { Effect } from "effect"
import type { EventStore, StoreGroup } from "#spec-impl/store/event-store.ts"
import type { Mutant } from "./mutant.ts"

const waitingMax = 5

/** Says that a group is kept while it waits for others, with which it is kept later. */
const lazyStore = (store: EventStore["Service"]): EventStore["Service"] => {
  const waiting: StoreGroup[] = []
  return {
    ...store,
    commit: (group) =>
      Effect.suspend(() => {
        waiting.push(group)
        return waiting.length < waitingMax
          ? Effect.void
          : Effect.forEach(waiting.splice(0), store.commit, { discard: true })
      }),
  }
}

export const acknowledgedBeforeDurable: Mutant = {
  name: "acknowledged-before-durable",
  wrong: "users and servers are told that something is done before it is on disk",
  killedBy: "durability",
  mutation: { store: lazyStore },
}
