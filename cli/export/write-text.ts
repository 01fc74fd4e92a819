import { writeFile } from "node:fs/promises"
import { Effect } from "effect"
import { UsageError } from "../outcome.ts"

/** Writes a file where the command line says; one line says why that is not to be had. */
export const writeText = (path: string, text: string): Effect.Effect<void, UsageError> =>
  Effect.tryPromise({
    try: () => writeFile(path, text),
    catch: (error) => {
      const { code } = error as NodeJS.ErrnoException
      const problem = code === "ENOENT" ? "there is no such folder" : `it cannot be written (${code})`
      return new UsageError({ message: `${JSON.stringify(path)}: ${problem}` })
    },
  })
