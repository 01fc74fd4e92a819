import type { Scenario } from "#sim/world/scenario.ts"
import { aclAndPolicy } from "./acl-and-policy.ts"
import { devicesResync } from "./devices-resync.ts"
import { discoveryGoesWrong } from "./discovery-goes-wrong.ts"
import { invitesAndKnocks } from "./invites-and-knocks.ts"
import { joinsOfEveryKind } from "./joins-of-every-kind.ts"
import { keysRotateWhileCutOff } from "./keys-rotate-while-cut-off.ts"
import { lostPromotionChain } from "./lost-promotion-chain.ts"
import { mediaAcrossACut } from "./media-across-a-cut.ts"
import { netsplitAndHeal } from "./netsplit-and-heal.ts"
import { phantomJoinRules } from "./phantom-join-rules.ts"
import { spaceWalk } from "./space-walk.ts"
import { thirdPartyInvite } from "./third-party-invite.ts"
import { typingPresenceReceipts } from "./typing-presence-receipts.ts"

/** All scenarios, in the order in which a newcomer should meet them. */
export const scenarios: readonly Scenario[] = [
  phantomJoinRules,
  lostPromotionChain,
  netsplitAndHeal,
  spaceWalk,
  typingPresenceReceipts,
  thirdPartyInvite,
  invitesAndKnocks,
  aclAndPolicy,
  devicesResync,
  joinsOfEveryKind,
  keysRotateWhileCutOff,
  discoveryGoesWrong,
  mediaAcrossACut,
]
