import { type Mutant, withoutRule } from "./mutant.ts"

export const ownPromotion: Mutant = {
  name: "own-promotion",
  wrong: "whoever may change the power levels may give others more power than it has",
  real: "I26",
  killedBy: "state-events",
  wishes: { hostile: true },
  mutation: withoutRule("an added or changed user's level is above sender's"),
}
