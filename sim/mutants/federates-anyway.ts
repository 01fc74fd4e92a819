import { type Mutant, withoutRule } from "./mutant.ts"

export const federatesAnyway: Mutant = {
  name: "federates-anyway",
  wrong: "a room that is not to federate takes in the users of other servers",

  killedBy: "borders",
  mutation: withoutRule("the room does not federate, and sender is of another server"),
}
