/** A failure as a file: the plan that fails, or the scenario and its seed, and in what way it failed. */
import { Effect, Result, Schema } from "effect"
import { type Plan, PlanMalformed, readPlan } from "./plan.ts"

const { String: Text } = Schema

const shared = {
  /** The check that failed, and what it said. */
  check: Text,
  why: Text,
  /** What kind of failure it was recognised as. */
  shape: Schema.NullOr(Text),
  transport: Schema.Literals(["http", "direct"]),
}
const PlanCase = Schema.Struct({ ...shared, plan: Schema.Unknown })
const ScenarioCase = Schema.Struct({ ...shared, scenario: Text, seed: Schema.Int, roomVersion: Text })

export interface PlanCase extends Omit<typeof PlanCase.Type, "plan"> {
  readonly plan: Plan
}
export type ScenarioCase = typeof ScenarioCase.Type
export type Case = PlanCase | ScenarioCase

const strictly = { onExcessProperty: "error" } as const

/** Reads a case; a plan by itself is one, of which nothing is known yet. One line says what is wrong, if so. */
export const readCase = Effect.fnUntraced(function* (json: unknown): Effect.fn.Return<Case, PlanMalformed> {
  if (typeof json !== "object" || json === null)
    return yield* new PlanMalformed({ message: "it is no object" })
  if ("entries" in json) {
    const plan = yield* readPlan(json)
    return { check: "", why: "", shape: null, transport: "direct", plan }
  }
  const schema = "scenario" in json ? ScenarioCase : PlanCase
  const result = Schema.decodeUnknownResult(schema as Schema.Codec<unknown>)(json, strictly)
  if (Result.isFailure(result)) {
    return yield* new PlanMalformed({ message: result.failure.message.replaceAll(/\s+/g, " ") })
  }
  if ("plan" in json) yield* readPlan(json.plan)
  return json as Case
})
