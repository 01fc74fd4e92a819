import { sha256 } from "#spec-impl/core/hash.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { isJsonObject, type JsonObject } from "#spec-impl/core/json/value.ts"
import type { Readings } from "#spec-impl/core/readings.ts"
import { BadCorpus, type CorpusCase, readCorpus, readJsonFile } from "./corpus.ts"
import { type ResolvedCase, resolveCase } from "./resolve-case.ts"

/** What is resolved, and what it is held against. */
export interface ResolveCorporaOptions {
  /** Files of corpora. */
  readonly corpora: readonly string[]
  /** Files of expectations; cases of which none of them tells are not compared. */
  readonly expected: readonly string[]
  readonly readings: Readings
  /** Takes one line of JSON for each case. */
  readonly write: (line: string) => void
}

/**
 * Resolves each case of each corpus in turn; gives how many there were, and the names of those that differ from
 * what is expected. A line that differs says by what; one that was not compared has `"expected": null` where
 * there are expectations at all. Throws `BadCorpus`.
 */
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
      const expected = expectations.get(name) ?? exported(corpusCase)
      const isAsExpected = expected?.sha256 === resolved.sha256
      if (expected !== undefined && !isAsExpected) differing.push(name)
      cases += 1
      const line = {
        name,
        roomVersion: version.id,
        count: Object.keys(resolved.state).length,
        sha256: resolved.sha256,
        ms: Math.round(resolved.ms * 1000) / 1000,
        ...(expected === undefined
          ? options.expected.length > 0 && { expected: null }
          : !isAsExpected && { expected: expected.sha256, differs: differences(expected, resolved) }),
      }
      options.write(JSON.stringify(line))
    }
  }
  return { cases, differing }
}

/** What a case brings along that a server has resolved. */
const exported = ({ resolved }: CorpusCase): JsonObject | undefined =>
  resolved === undefined
    ? undefined
    : { sha256: Buffer.from(sha256(canonicalJson(resolved))).toString("hex"), state: resolved }

const readExpectations = async (files: readonly string[]): Promise<ReadonlyMap<string, JsonObject>> => {
  const expectations = new Map<string, JsonObject>()
  for (const file of files) {
    const read = await readJsonFile(file)
    if (!isJsonObject(read)) throw new BadCorpus(`${file}: it is not an object of expectations`)
    for (const [name, expected] of Object.entries(read)) {
      if (!isJsonObject(expected) || typeof expected.sha256 !== "string") {
        throw new BadCorpus(`${file}: what is expected of ${name} has no sha256`)
      }
      expectations.set(name, expected)
    }
  }
  return expectations
}

/** By key what was expected and what came; big rooms tell only of the keys in conflict, so this may be empty. */
const differences = (expected: JsonObject, { state }: ResolvedCase): JsonObject => {
  const whole = isJsonObject(expected.state) ? expected.state : undefined
  const told = whole ?? (isJsonObject(expected.conflicted) ? expected.conflicted : {})
  const keys = new Set([...Object.keys(told), ...(whole === undefined ? [] : Object.keys(state))])
  const differing: Record<string, JsonObject> = Object.create(null)
  for (const key of keys) {
    const pair = { expected: told[key] ?? null, got: state[key] ?? null }
    if (pair.expected !== pair.got) differing[key] = pair
  }
  return differing
}
