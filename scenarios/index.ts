import type { Scenario } from "#sim/world/scenario.ts"
import { discoveryGoesWrong } from "./discovery-goes-wrong.ts"
import { lostPromotionChain } from "./lost-promotion-chain.ts"
import { netsplitAndHeal } from "./netsplit-and-heal.ts"
import { phantomJoinRules } from "./phantom-join-rules.ts"

/** All scenarios, in the order in which a newcomer should meet them. */
export const scenarios: readonly Scenario[] = [
  phantomJoinRules,
  lostPromotionChain,
  netsplitAndHeal,
  discoveryGoesWrong,
]
