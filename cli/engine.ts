import { Context, Effect, Layer } from "effect"
import type { ScenarioReport } from "#sim/world/report.ts"
import type { runScenario } from "#sim/world/run-scenario.ts"
import type { Scenario } from "#sim/world/scenario.ts"

/** What a run may be told. */
export type RunOptions = Parameters<typeof runScenario>[1]

/**
 * The simulator as the commands see it.
 *
 * A service, because its modules are many: they are loaded when a command asks for them, not for `--help`.
 */
export class Engine extends Context.Service<
  Engine,
  {
    /** All scenarios, in the order in which people read them. */
    readonly scenarios: Effect.Effect<readonly Scenario[]>
    /** Runs one scenario, once in each room version of the options. Dies where the simulator itself fails. */
    readonly run: (scenario: Scenario, options: RunOptions) => Effect.Effect<ScenarioReport>
  }
>()("netsplit/cli/Engine") {
  static readonly layer = Layer.succeed(this, {
    scenarios: Effect.promise(() => import("#scenarios/index.ts")).pipe(
      Effect.map(({ scenarios }) => scenarios),
    ),
    run: (scenario, options) =>
      Effect.promise(() => import("#sim/world/run-scenario.ts")).pipe(
        Effect.flatMap(({ runScenario }) => Effect.promise(() => runScenario(scenario, options))),
      ),
  })
}
