import { type Mutant, withoutRule } from "./mutant.ts"

export const powerUnneeded: Mutant = {
  name: "power-unneeded",
  wrong: "whoever is in the room may send any type of event, whatever level it needs",
  real: "I26: as CVE-2022-31152 (Synapse before 1.62), rules looser than the specification",
  killedBy: "shown-events",
  wishes: { hostile: true },
  mutation: withoutRule("the type's required level is above sender's"),
}
