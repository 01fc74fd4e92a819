/** `17` is a command that ran, `17.2` the second run of it. */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { CommandResults } from "#results/database/read.ts"
import { UsageError } from "../outcome.ts"

/** Reads all of one command, or of one run of it: the nearest that there is is named where there is none. */
export const findResult = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  word: string,
): Effect.fn.Return<CommandResults, UsageError | SqlError.SqlError> {
  const { nearestId, readCommand } = yield* Effect.promise(() => import("#results/database/read.ts"))
  const refuse = (message: string) => Effect.fail(new UsageError({ message }))
  const parts = /^(\d{1,15})(?:\.(\d{1,15}))?$/.exec(word)
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
  const number = Number(parts[2])
  const run = found.runs.find((one) => one.number === number)
  if (run !== undefined) return { ...found, runs: [run], samples: [], sweeps: [], cases: [] }
  const { length } = found.runs
  const nearest = found.runs[Math.min(Math.max(number, 1), length) - 1]?.number
  const advice = nearest === undefined ? `${id} has no runs` : `the nearest is ${id}.${nearest}`
  return yield* refuse(`there is no result ${word}; ${advice}`)
})
