import type { Scenario } from "#sim/world/scenario.ts"
import { lostPromotionChain } from "./lost-promotion-chain.ts"
import { mediaAcrossACut } from "./media-across-a-cut.ts"
import { netsplitAndHeal } from "./netsplit-and-heal.ts"
import { phantomJoinRules } from "./phantom-join-rules.ts"
import { spaceWalk } from "./space-walk.ts"
import { typingPresenceReceipts } from "./typing-presence-receipts.ts"

/** All scenarios, in the order in which a newcomer should meet them. */
export const scenarios: readonly Scenario[] = [
  phantomJoinRules,
  lostPromotionChain,
  netsplitAndHeal,
  mediaAcrossACut,
  spaceWalk,
  typingPresenceReceipts,
]
