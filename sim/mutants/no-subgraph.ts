import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

export const noSubgraph: Mutant = {
  name: "no-subgraph",
  wrong: "v2.1 begins from nothing, and has no conflicted state subgraph",
  real: "I05",
  killedBy: "states",
  wishes: { roomVersions: ["12"] },
  mutation: withSteps({ subgraph: () => [] }),
}
