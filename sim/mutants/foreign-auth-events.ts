import { type Mutant, withoutRule } from "./mutant.ts"

export const foreignAuthEvents: Mutant = {
  name: "foreign-auth-events",
  wrong: "auth_events of another room are as good as those of the room",
  real: "I20: Synapse up to 1.7; MSC4307",
  killedBy: "verdicts",
  wishes: { hostile: true },
  mutation: withoutRule("an auth event is of another room"),
}
