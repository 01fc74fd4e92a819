import { Effect } from "effect"
import type { Case } from "#sim/explore/case.ts"
import type { Failure } from "#sim/explore/run-plan.ts"
import type { VirtualServer } from "#sim/world/world.ts"
import { Engine } from "../engine.ts"
import { findScenario } from "../run.ts"

/** Runs a case to its end, and looks at its servers then; with the failure that it is a case of, where that is there. */
export const runCase = Effect.fnUntraced(function* <A>(
  found: Case,
  look: (servers: readonly VirtualServer[], failure: Failure | undefined) => A,
) {
  let servers: readonly VirtualServer[] = []
  if ("plan" in found) {
    const { runPlan } = yield* Effect.promise(() => import("#sim/explore/run-plan.ts"))
    const { failureOfCase } = yield* Effect.promise(() => import("#sim/explore/reason.ts"))
    const { failures } = yield* Effect.promise(() =>
      runPlan(found.plan, {
        transport: found.transport,
        onEnd: (world) => {
          servers = [...world.servers.values()]
        },
      }),
    )
    const failure = failureOfCase(found, failures)
    return { failure, copy: look(servers, failure) }
  }
  const { scenario: name, seed, roomVersion, transport, check } = found
  const scenario = yield* findScenario(name)
  const { runs } = yield* (yield* Engine).run(scenario, {
    seed,
    roomVersions: [roomVersion],
    transport,
    onEnd: (all) => {
      servers = [...all.values()]
    },
  })
  const failure = runs.map(({ why }): Failure => ({ check, why, shape: found.shape }))[0]
  return { failure, copy: look(servers, failure) }
})
