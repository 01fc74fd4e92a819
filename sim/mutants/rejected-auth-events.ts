import { type Mutant, withoutRule } from "./mutant.ts"

export const rejectedAuthEvents: Mutant = {
  name: "rejected-auth-events",
  wrong: "events are accepted though one of their auth_events was rejected",
  real: "I19: synapse#9595, #10956, #11009",
  killedBy: "shown-events",
  wishes: { hostile: true },
  mutation: withoutRule("an auth event was rejected"),
}
