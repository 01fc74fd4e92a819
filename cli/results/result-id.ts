/** `17` is a command that ran, `17.2` the second run of it, or the second failure that it found. */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { CommandResults } from "#results/database/read.ts"
import { UsageError } from "../outcome.ts"

/** Whether that is the form of an id. */
export const isResultId = (word: string): boolean => form.test(word)

const form = /^(\d{1,15})(?:\.(\d{1,15}))?$/

/** Reads all of one command, or of one part of it: the nearest that there is is named where there is none. */
export const findResult = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  word: string,
): Effect.fn.Return<CommandResults, UsageError | SqlError.SqlError> {
  const { nearestId, readCommand } = yield* Effect.promise(() => import("#results/database/read.ts"))
  const refuse = (message: string) => Effect.fail(new UsageError({ message }))
  const parts = form.exec(word)
  if (parts === null) {
    return yield* refuse(
      `"${word}" is no id: 17 is a command, 17.2 its second run; try 'netsplit results list'`,
    )
  }
  const id = Number(parts[1])
  const found = yield* readCommand(sql, id)
  if (found === undefined) {
    const nearest = yield* nearestId(sql, id)
    const advice = nearest === undefined ? "there are none yet" : `the nearest is ${nearest}`
    return yield* refuse(`there is no result ${id}; ${advice}`)
  }
  if (parts[2] === undefined) return found
  const numbered = partsOf(found)
  const number = Number(parts[2])
  const part = numbered[number - 1]
  if (part !== undefined) return part
  const nearest = Math.min(Math.max(number, 1), numbered.length)
  const advice = nearest === 0 ? `${id} has no parts` : `the nearest is ${id}.${nearest}`
  return yield* refuse(`there is no result ${word}; ${advice}`)
})

/** What of a command has a number, each with nothing beside it: its runs, its plans, or the failures of a story. */
export const partsOf = (found: CommandResults): readonly CommandResults[] => {
  const alone = { ...found, runs: [], samples: [], sweeps: [], cases: [] }
  const failures = found.sweeps.flatMap((sweep) =>
    sweep.failures.map((failure) => ({ ...sweep, goals: [], failures: [failure] })),
  )
  return [
    ...found.runs.map((run) => ({ ...alone, runs: [run] })),
    ...found.cases.map((kept) => ({ ...alone, cases: [kept] })),
    ...(found.cases.length > 0 ? [] : failures.map((sweep) => ({ ...alone, sweeps: [sweep] }))),
  ]
}
