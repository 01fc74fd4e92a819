import type { Mutant } from "./mutant.ts"

const week = 7 * 86_400_000

export const givesUp: Mutant = {
  name: "gives-up",
  wrong: "a server that could not be reached once is tried again after a week, unless it is heard from",
  real: "as Synapse, whose waits grow up to a week",
  killedBy: "core-live",
  mutation: { settings: () => ({ retryMsMin: week, retryMsMax: week }) },
}
