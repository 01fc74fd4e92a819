import { runOnK6 } from "./k6-engine.ts"
import { runOnNode } from "./node-engine.ts"
import type { LoadResult, RunScriptOptions } from "./result.ts"

/**
 * Runs a k6 script to its end and says how it went: on the user's k6, or on the engine that comes with the house.
 * It does not fail where the script does: the exit code says so. It throws where there is no k6 to be found.
 */
export const runScript = (options: RunScriptOptions): Promise<LoadResult> =>
  options.engine === "k6" ? runOnK6(options) : runOnNode(options)
