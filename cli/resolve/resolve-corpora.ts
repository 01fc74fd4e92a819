import { isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import type { Readings } from "#spec-impl/core/readings.ts"
import { BadCorpus, readCorpus, readJsonFile } from "./corpus.ts"
import { type ResolvedCase, resolveCase } from "./resolve-case.ts"

/** What is resolved, and what it is held against. */
export interface ResolveCorporaOptions {
  /** Files of corpora. */
  readonly corpora: readonly string[]
  /** Files of expectations; none: nothing is compared. */
  readonly expected: readonly string[]
  readonly readings: Readings
  /** Takes one line of JSON a case. */
  readonly write: (line: string) => void
}

/** Resolves each case of each corpus in turn; gives how many there were, and the names of those that differ. */
export const resolveCorpora = async (
  options: ResolveCorporaOptions,
): Promise<{ readonly cases: number; readonly differing: readonly string[] }> => {
  const expectations = await readExpectations(options.expected)
  const differing: string[] = []
  let cases = 0
  for (const file of options.corpora) {
    for (const corpusCase of await readCorpus(file)) {
      const { name, version } = corpusCase
      const resolved = resolveCase(corpusCase, options.readings)
      const difference = options.expected.length === 0 ? {} : differenceFrom(expectations.get(name), resolved)
      if (Object.keys(difference).length > 0) differing.push(name)
      cases += 1
      options.write(
        JSON.stringify({
          name,
          roomVersion: version.id,
          count: Object.keys(resolved.state).length,
          sha256: resolved.sha256,
          ms: Math.round(resolved.ms * 1000) / 1000,
          ...difference,
        }),
      )
    }
  }
  return { cases, differing }
}

const readExpectations = async (files: readonly string[]): Promise<ReadonlyMap<string, JsonObject>> => {
  const expectations = new Map<string, JsonObject>()
  for (const file of files) {
    const read = await readJsonFile(file)
    if (!isJsonObject(read)) throw new BadCorpus(`${file}: not an object of expectations`)
    for (const [name, expected] of Object.entries(read)) {
      if (isJsonObject(expected)) expectations.set(name, expected)
    }
  }
  return expectations
}

/** Nothing where the case is as expected; else what was expected, by key where that is known. */
const differenceFrom = (
  expected: JsonObject | undefined,
  resolved: ResolvedCase,
): Readonly<Record<string, unknown>> => {
  if (expected === undefined) return { differs: "nothing is expected of this case" }
  if (expected["sha256"] === resolved.sha256) return {}
  const entries = expected["state"] ?? expected["conflicted"]
  const differs: Record<string, { expected: JsonValue; got: string | null }> = {}
  for (const [key, eventId] of Object.entries(isJsonObject(entries) ? entries : {})) {
    const got = resolved.state[key] ?? null
    if (got !== eventId) differs[key] = { expected: eventId, got }
  }
  return { expected: expected["sha256"], differs }
}
