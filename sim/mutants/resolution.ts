/** State resolution v2 and v2.1 once more, put together from the parts that the core has, so that one can be another. */
import type { AuthContext } from "#spec-impl/core/auth-rules/authorise.ts"
import { authDifference } from "#spec-impl/core/state-resolution/auth-difference.ts"
import type { AuthGraph } from "#spec-impl/core/state-resolution/auth-graph.ts"
import { type Conflict, conflictBetween } from "#spec-impl/core/state-resolution/conflict.ts"
import { conflictedSubgraph } from "#spec-impl/core/state-resolution/conflicted-subgraph.ts"
import { IndexSet } from "#spec-impl/core/state-resolution/index-set.ts"
import { iterativeAuthChecks } from "#spec-impl/core/state-resolution/iterative-auth-checks.ts"
import { mainlineOrdering } from "#spec-impl/core/state-resolution/mainline.ts"
import { PartialState } from "#spec-impl/core/state-resolution/partial-state.ts"
import { powerEventsWithChains } from "#spec-impl/core/state-resolution/power-events.ts"
import { reverseTopologicalPowerOrdering } from "#spec-impl/core/state-resolution/power-ordering.ts"
import { type Resolve, resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import type { Mutation } from "../world/mutation.ts"

/** The steps that a mutant may take otherwise. */
export interface Steps {
  readonly authDifference: (graph: AuthGraph, conflict: Conflict, context: AuthContext) => readonly number[]
  readonly subgraph: (
    graph: AuthGraph,
    conflicted: readonly number[],
    context: AuthContext,
  ) => readonly number[]
  readonly startsFromNothing: (context: AuthContext) => boolean
  /** Of the full conflicted set. */
  readonly power: (graph: AuthGraph, full: IndexSet, context: AuthContext) => IndexSet
  readonly powerOrder: (graph: AuthGraph, power: IndexSet, context: AuthContext) => readonly number[]
  readonly mainlineOrder: (
    graph: AuthGraph,
    others: readonly number[],
    powerLevels: number,
  ) => readonly number[]
  readonly authChecks: (
    graph: AuthGraph,
    state: PartialState,
    order: readonly number[],
    context: AuthContext,
  ) => void
}

const isNewer = ({ version }: AuthContext): boolean => version.stateResolution === "v2.1"

const asSpecified: Steps = {
  authDifference: (graph, conflict, { readings }) => authDifference(graph, conflict, readings),
  subgraph: (graph, conflicted, context) => (isNewer(context) ? conflictedSubgraph(graph, conflicted) : []),
  startsFromNothing: isNewer,
  power: (graph, full, { readings }) => powerEventsWithChains(graph, full, readings),
  powerOrder: (graph, power, context) => reverseTopologicalPowerOrdering(graph, power, context, undefined),
  mainlineOrder: (graph, others, powerLevels) => mainlineOrdering(graph, others, powerLevels, undefined),
  authChecks: (graph, state, order, context) => iterativeAuthChecks(graph, state, order, context, undefined),
}

/** Where an event stands by the mainline of the power levels at that index; ∞ where none of them is behind it. */
export const mainlinePositions = (graph: AuthGraph, powerLevels: number): ((index: number) => number) => {
  const mainline: number[] = []
  for (let at = powerLevels; at >= 0; at = graph.citedPowerLevels(at)) mainline.push(at)
  return (index) => {
    let at = graph.citedPowerLevels(index)
    while (at >= 0 && !mainline.includes(at)) at = graph.citedPowerLevels(at)
    return at < 0 ? Number.POSITIVE_INFINITY : mainline.indexOf(at)
  }
}

/** A server that resolves so. */
export const withResolution = (resolution: Resolve): Mutation => ({
  settings: () => ({ resolve: resolution }),
})

/** A server that takes those steps otherwise, in rooms from version 2 on. */
export const withSteps = (otherwise: Partial<Steps>): Mutation =>
  withResolution((graph, stateSets, context, explanation) => {
    const conflict = conflictBetween(stateSets)
    return context.version.stateResolution === "v1" || conflict.keys.length === 0
      ? resolve(graph, stateSets, context, explanation)
      : resolveBy({ ...asSpecified, ...otherwise }, graph, conflict, context)
  })

/** As `core/state-resolution/v2.ts` has it, step by step. */
const resolveBy = (steps: Steps, graph: AuthGraph, conflict: Conflict, context: AuthContext): StateMap => {
  const agreed = conflict.stateSets[0]!
  const full = new IndexSet(graph.size)
  for (const events of conflict.events) for (const event of events) full.add(event)
  const difference = steps.authDifference(graph, conflict, context)
  for (const event of steps.subgraph(graph, full.members, context)) full.add(event)
  for (const event of difference) full.add(event)
  const power = steps.power(graph, full, context)
  const start = steps.startsFromNothing(context) ? StateMap.empty : agreed
  const state = new PartialState(graph, start, conflict.keys)
  steps.authChecks(graph, state, steps.powerOrder(graph, power, context), context)
  const others = full.members.filter((index) => !power.has(index))
  const order = steps.mainlineOrder(graph, others, state.get(graph.powerLevelsKey))
  steps.authChecks(graph, state, order, context)
  const isConflicted = new Set(conflict.keys)
  const put = state.decidedEvents().filter((event) => {
    const key = graph.keyOfEvent(event)
    return isConflicted.has(key) || agreed.get(key) < 0
  })
  return agreed.with(graph, { put, remove: conflict.keys })
}
