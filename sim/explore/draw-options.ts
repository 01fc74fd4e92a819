/** The option set of a random plan, swarm-style: which actions and faults there are in it at all, and how often. */
import { type AnyFaultDefinition, faults } from "../faults/catalogue.ts"
import type { Draws } from "../faults/fault.ts"
import { actions } from "./actions/catalogue.ts"
import type { Options, PlanWishes } from "./crew.ts"
import { suggestName } from "./nearest-name.ts"

/** Of the plans that may have hostile servers, most have one. */
const hostileShare = 0.7
const rates = [1, 1, 3]

/** Without them no histories part: most plans have one. */
const cuts: ReadonlySet<string> = new Set(["partition", "isolation", "link-cut", "islands"])

export const drawOptions = (
  draws: Draws,
  versions: readonly string[],
  wishes: PlanWishes,
  isCrowd: boolean,
): Options => {
  const drawn = actions.filter(({ name, weight }) => weight > 0 && draws.chance(0.8, "action", name))
  const common = drawn.length === 0 ? actions.filter(({ weight }) => weight > 0) : drawn
  const faultShare = draws.pick([0.04, 0.08, 0.16, 0.3], "fault-share")
  const shareOf = ({ name, family }: AnyFaultDefinition): number => {
    if (family === "hostile") return hostileShare
    if (family === "protocol") return 0.4
    return cuts.has(name) ? (isCrowd ? 0.7 : 0.35) : faultShare
  }
  return {
    roomVersions: versions,
    actions: Object.fromEntries(
      common.map(({ name, weight }) => [name, weight * draws.pick(rates, "rate", name)]),
    ),
    faults:
      wishes.faults ??
      plannable
        .filter(
          (fault) =>
            (fault.family !== "hostile" || wishes.hostile === true) &&
            draws.chance(shareOf(fault), "fault", fault.name),
        )
        .map(({ name }) => name),
    burstMax: draws.pick([2, 4, 8, 16], "burst"),
    levelsShare: draws.pick([0.1, 0.4, 0.7], "levels"),
    creatorShare: draws.pick([0, 0.2, 0.5], "creator"),
    momentShare: draws.pick([0, 0.4, 0.8], "moments"),
    turnoverShare: draws.pick([0, 0.2, 0.4], "turnover"),
    calmShare: draws.pick([0, 0.2, 0.5], "calm"),
    heedlessShare: draws.pick([0.02, 0.1, 0.2], "heedless"),
    stateAskersShare: draws.pick([0.3, 0.6, 0.9], "state-askers"),
  }
}

/** Faults that a plan may have: it has neither names to be found by, nor policy or identity servers. */
const plannable: readonly AnyFaultDefinition[] = faults.filter(
  ({ wantsNames, isRepairable, name }) => !wantsNames && isRepairable && !name.includes("-server-"),
)

/** The names of the faults that a random plan may have. */
export const plannableFaults: readonly string[] = plannable.map(({ name }) => name)

/** What is wrong with a name that none of them has, and what may have been meant. */
export const unknownPlannableFault = (name: string): string =>
  `random plans have no fault ${name}: ${suggestName(name, plannableFaults)}`
