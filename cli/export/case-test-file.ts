/** A case as a test of this repository: the case itself, and a file that says what is expected of it. */
import { mkdir } from "node:fs/promises"
import { basename, dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import type { Case } from "#sim/explore/case.ts"
import { UsageError } from "../outcome.ts"
import { writeText } from "./write-text.ts"

const folder = fileURLToPath(new URL("../../scenarios/cases/", import.meta.url))
const ending = ".test.ts"

export interface CaseTestOptions {
  /** The file that the case was read from. */
  readonly file: string
  /** Where the test is to stand; below scenarios/cases/ by the name of the case where it says nothing. */
  readonly out: string | undefined
  /** Whether the failure is expected to be there no more. */
  readonly holds: boolean
}

/** Writes test and case; gives the command that runs it. */
export const writeCaseTest = Effect.fnUntraced(function* (
  found: Case,
  { file, out, holds }: CaseTestOptions,
) {
  if (found.check === "") {
    return yield* new UsageError({
      message: `${JSON.stringify(file)} is a plan of which no failure is known`,
    })
  }
  if (out !== undefined && !out.endsWith(ending)) {
    return yield* new UsageError({ message: `--out of a test wants a name that ends with ${ending}` })
  }
  const name = basename(out ?? file, out === undefined ? ".json" : ending).replaceAll(/[^\w-]+/g, "-")
  const test = out ?? join(folder, `${name}${ending}`)
  const fixtures = join(dirname(test), "fixtures")
  yield* Effect.promise(() => mkdir(fixtures, { recursive: true }))
  yield* writeText(join(fixtures, `${name}.json`), `${JSON.stringify(found, undefined, 2)}\n`)
  const helper = relative(dirname(test), join(folder, "case-test.ts"))
  yield* writeText(test, textOf(found, name, helper.startsWith(".") ? helper : `./${helper}`, holds))
  return `npx vitest run ${relative(process.cwd(), test)}`
})

const textOf = ({ check, shape }: Case, name: string, helper: string, holds: boolean): string => `\
/** ${holds ? "Failed once, and must not again" : "Fails as it did"}: ${check}${shape === null ? "" : ` (${shape})`}. */
import { testCase } from "${helper}"

testCase(new URL("fixtures/${name}.json", import.meta.url), "${holds ? "holds" : "fails"}")
`
