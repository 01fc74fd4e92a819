/** What a command ran or found, as a case that can be run again. */
import { Effect } from "effect"
import type { CommandResults } from "#results/database/read.ts"
import { UsageError } from "../outcome.ts"
import { findResult, partsOf } from "./result-id.ts"
import { withResults } from "./with-results.ts"

/** The case of result `word`; of several one must be named. One line says what is wrong, if so. */
export const caseOfResult = Effect.fnUntraced(function* (word: string) {
  const { readCase } = yield* Effect.promise(() => import("#sim/explore/case.ts"))
  const found = yield* withResults((sql) => findResult(sql, word))
  const refuse = (message: string) => new UsageError({ message })
  const [part, ...others] = partsOf(found)
  if (part === undefined) {
    return yield* refuse(`there is nothing in result ${word} to run again: it was ${found.command.line}`)
  }
  if (others.length > 0) {
    return yield* refuse(`result ${word} has parts: name one, from ${word}.1 to ${word}.${others.length + 1}`)
  }
  return yield* Effect.mapError(readCase(caseOf(part)), ({ message }) => refuse(`result ${word}: ${message}`))
})

/** A plan was kept with what became of it; of a story its name, seed and room version are all. */
const caseOf = ({ command, runs: [run], cases: [kept], sweeps: [sweep] }: CommandResults): object => {
  if (kept !== undefined) {
    const { check, why = "", shape = null, transport = "direct", plan } = kept
    return { check, why, shape, transport, plan }
  }
  if (run !== undefined) {
    const { scenario, seed, room_version: roomVersion, transport } = run
    return { check: "", why: "", shape: null, transport, scenario, seed, roomVersion }
  }
  const { check, why, shape = null, seed, room_version: roomVersion } = sweep!.failures[0]!
  const { transport } = command.options as { readonly transport?: string }
  return { check, why, shape, transport, scenario: sweep!.scenario, seed, roomVersion }
}
