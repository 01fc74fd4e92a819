import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { LoadResult, RunScriptOptions } from "../engine/result.ts"
import { runScript } from "../engine/run-script.ts"

export interface TextRun {
  readonly result: LoadResult
  /** What the script and the engine said, each with its level. */
  readonly lines: readonly string[]
  readonly printed: string
}

/** Runs a script that stands in a test, on the node engine. */
export const runText = async (source: string, options: Partial<RunScriptOptions> = {}): Promise<TextRun> => {
  const directory = mkdtempSync(join(tmpdir(), "netsplit-script-"))
  const script = join(directory, "script.ts")
  writeFileSync(script, source)
  const lines: string[] = []
  let printed = ""
  try {
    const result = await runScript({
      script,
      env: {},
      engine: "node",
      log: (level, text) => lines.push(`${level}: ${text}`),
      print: (text) => {
        printed += text
      },
      ...options,
    })
    return { result, lines, printed }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
