import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

export const noEmptyStart: Mutant = {
  name: "no-empty-start",
  wrong: "v2.1 has the conflicted state subgraph, and begins from what all states agree on",
  real: "I05",
  killedBy: "agree",
  wishes: { roomVersions: ["12"] },
  mutation: withSteps({ startsFromNothing: () => false }),
}
