import { type Mutant, withoutRule } from "./mutant.ts"

export const strangerSpeaks: Mutant = {
  name: "stranger-speaks",
  wrong: "events of senders who are not in the room are accepted",
  real: "I26",
  killedBy: "shown-events",
  wishes: { hostile: true },
  mutation: withoutRule("sender is not joined"),
}
