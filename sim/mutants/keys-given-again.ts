import { isJsonObject } from "#spec-impl/core/json/value.ts"
import type { StoreGroup } from "#spec-impl/store/event-store.ts"
import type { Mutant } from "./mutant.ts"

/** What marks a one-time key as given. */
const isMark = ({ collection, value }: NonNullable<StoreGroup["records"]>[number]): boolean =>
  collection === "one-time-keys" && isJsonObject(value) && "given" in value

export const keysGivenAgain: Mutant = {
  name: "keys-given-again",
  wrong: "that a one-time key was given away is not kept, so that it is given again after a restart",
  killedBy: "once-only",
  mutation: {
    store: (store) => ({
      ...store,
      commit: ({ records = [], ...group }) =>
        store.commit({ ...group, records: records.filter((record) => !isMark(record)) }),
    }),
  },
}
