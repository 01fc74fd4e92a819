/** A process that keeps a command, and as many samples as it is told, each in a transaction of its own. */
import { Effect } from "effect"
import { openForWriting } from "../open.ts"
import { insertRows } from "../rows.ts"
import { aCommand } from "./rows.ts"

const [, , filename = "", name = "", count = ""] = process.argv

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* openForWriting(filename)
      const [command_id] = yield* insertRows(sql, "commands", [aCommand])
      for (let value = 0; value < Number(count); value++) {
        const sample = { command_id: command_id!, name, value, unit: "rows", details: {} }
        yield* insertRows(sql, "samples", [sample])
      }
    }),
  ),
)
