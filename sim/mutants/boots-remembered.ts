import type { Mutant } from "./mutant.ts"

/** Of all servers of the process, in all runs. */
let boots = 0

export const bootsRemembered: Mutant = {
  name: "boots-remembered",
  wrong:
    "how much history is asked for depends on how often the process has made a server before: no run is repeated",
  killedBy: "determinism",
  mutation: {
    settings: () => {
      boots += 1
      return { missingEventsLimit: 1 + (boots % 7), retryMsMin: 1_000 + boots }
    },
  },
}
