import { existsSync } from "node:fs"
import { Effect } from "effect"
import type { Case } from "#sim/explore/case.ts"
import { isResultId } from "./results/result-id.ts"
import { fileOf, loadCase } from "./sweep/case-files.ts"

export interface GivenCase {
  readonly found: Case
  /** Where it stands, or would stand if it had a file. */
  readonly file: string
}

/** The case that a word of the command line names: a file, or the id of a result. One line says what is wrong, if so. */
export const givenCase = Effect.fnUntraced(function* (word: string) {
  if (!isResultId(word) || existsSync(word)) return asGiven(yield* loadCase(word), word)
  const { caseOfResult } = yield* Effect.promise(() => import("./results/result-case.ts"))
  const found = yield* caseOfResult(word)
  return asGiven(found, fileOf(found))
})

const asGiven = (found: Case, file: string): GivenCase => ({ found, file })
