/** All mutants. A name is what a plan says, `mutant` of a server, and `netsplit sweep random --mutant`. */
import { suggestName } from "../explore/nearest-name.ts"
import { absenceAgrees } from "./absence-agrees.ts"
import { acknowledgedBeforeDurable } from "./acknowledged-before-durable.ts"
import { aclUnheeded } from "./acl-unheeded.ts"
import { anybodyRedacts } from "./anybody-redacts.ts"
import { authEventsOfAnyRoom } from "./auth-events-of-any-room.ts"
import { backportedResolution } from "./backported-resolution.ts"
import { bootsRemembered } from "./boots-remembered.ts"
import { chainsCutShort } from "./chains-cut-short.ts"
import { chainsHoldThemselves } from "./chains-hold-themselves.ts"
import { claimsFromCache } from "./claims-from-cache.ts"
import { creatorsByContent } from "./creators-by-content.ts"
import { devicesNeverGo } from "./devices-never-go.ts"
import { diesOfRedactions } from "./dies-of-redactions.ts"
import { edusPassedOver } from "./edus-passed-over.ts"
import { endsAtObjection } from "./ends-at-objection.ts"
import { federatesAnyway } from "./federates-anyway.ts"
import { givesUp } from "./gives-up.ts"
import { holesInChains } from "./holes-in-chains.ts"
import { keysGivenAgain } from "./keys-given-again.ts"
import { laterTimeFirst } from "./later-time-first.ts"
import { leavesArePower } from "./leaves-are-power.ts"
import { levelsInWords } from "./levels-in-words.ts"
import { levelsPresumed } from "./levels-presumed.ts"
import { mainlineIgnored } from "./mainline-ignored.ts"
import { messagesComeTwice } from "./messages-come-twice.ts"
import type { Mutant } from "./mutant.ts"
import { neverReady } from "./never-ready.ts"
import { noEmptyStart } from "./no-empty-start.ts"
import { noSoftFailure } from "./no-soft-failure.ts"
import { noSubgraph } from "./no-subgraph.ts"
import { oneRefusesAll } from "./one-refuses-all.ts"
import { ownPromotion } from "./own-promotion.ts"
import { pairwiseFolding } from "./pairwise-folding.ts"
import { positionZero } from "./position-zero.ts"
import { positionsSkipped } from "./positions-skipped.ts"
import { powerIgnored } from "./power-ignored.ts"
import { powerUnneeded } from "./power-unneeded.ts"
import { redactionsIgnored } from "./redactions-ignored.ts"
import { rejectedAuthEvents } from "./rejected-auth-events.ts"
import { rejectedForEver } from "./rejected-for-ever.ts"
import { rejectedInState } from "./rejected-in-state.ts"
import { rejectedWhenTold } from "./rejected-when-told.ts"
import { sideBranches } from "./side-branches.ts"
import { signaturesUnverified } from "./signatures-unverified.ts"
import { softFailedInState } from "./soft-failed-in-state.ts"
import { softFailedTips } from "./soft-failed-tips.ts"
import { softFailureTakesTips } from "./soft-failure-takes-tips.ts"
import { staleState } from "./stale-state.ts"
import { strangerSpeaks } from "./stranger-speaks.ts"
import { symmetricDifference } from "./symmetric-difference.ts"
import { transactionsTakenTwice } from "./transactions-taken-twice.ts"
import { waitsSpinning } from "./waits-spinning.ts"
import { wrongBase } from "./wrong-base.ts"

export const mutants: readonly Mutant[] = [
  rejectedInState,
  rejectedWhenTold,
  rejectedForEver,
  wrongBase,
  softFailedInState,
  softFailureTakesTips,
  softFailedTips,
  noSoftFailure,
  staleState,
  rejectedAuthEvents,
  authEventsOfAnyRoom,
  powerUnneeded,
  ownPromotion,
  strangerSpeaks,
  signaturesUnverified,
  symmetricDifference,
  chainsHoldThemselves,
  chainsCutShort,
  holesInChains,
  positionZero,
  creatorsByContent,
  noSubgraph,
  noEmptyStart,
  backportedResolution,
  pairwiseFolding,
  absenceAgrees,
  powerIgnored,
  mainlineIgnored,
  laterTimeFirst,
  neverReady,
  sideBranches,
  endsAtObjection,
  leavesArePower,
  redactionsIgnored,
  anybodyRedacts,
  positionsSkipped,
  aclUnheeded,
  federatesAnyway,
  levelsInWords,
  acknowledgedBeforeDurable,
  transactionsTakenTwice,
  messagesComeTwice,
  keysGivenAgain,
  claimsFromCache,
  edusPassedOver,
  devicesNeverGo,
  oneRefusesAll,
  givesUp,
  diesOfRedactions,
  levelsPresumed,
  waitsSpinning,
  bootsRemembered,
]

const byName = new Map(mutants.map((mutant) => [mutant.name, mutant]))

/** Undefined where there is none of that name. */
export const mutantNamed = (name: string): Mutant | undefined => byName.get(name)

/** What is wrong with a name that no mutant has, and what may have been meant. */
export const unknownMutant = (name: string): string =>
  `there is no mutant ${name}: ${suggestName(name, [...byName.keys()])}`
