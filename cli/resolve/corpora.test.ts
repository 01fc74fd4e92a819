// Shows that every case of the corpora resolves to what several independent resolvers found, that the readings give
// the recorded answers of Synapse and ruma, and that the order of state sets and events changes nothing.
import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { isJsonArray, isJsonObject, type JsonObject } from "#spec-impl/core/json/value.ts"
import {
  type Implementation,
  type Readings,
  readingDefinitions,
  readingsDefault,
} from "#spec-impl/core/readings.ts"
import { type CorpusCase, readCorpus, readJsonFile } from "./corpus.ts"
import { resolveCase } from "./resolve-case.ts"
import { resolveCorpora } from "./resolve-corpora.ts"

const root = new URL("../../", import.meta.url)
const here = fileURLToPath(new URL("spec-impl/core/state-resolution/fixtures/", root))
const beside = fileURLToPath(new URL("../shared/stateres/", root))
const names = readdirSync(`${here}corpus`).map((file) => file.replace(".json.gz", ""))

const filesOf = (folder: string, name: string) => ({
  corpora: [`${folder}corpus/${name}.json.gz`],
  expected: [`${folder}expected/${name}.expected.json.gz`],
})

const resolveAll = async (folder: string, name: string) => {
  const lines: JsonObject[] = []
  const { cases, differing } = await resolveCorpora({
    ...filesOf(folder, name),
    readings: readingsDefault,
    write: (line) => lines.push(JSON.parse(line)),
  })
  expect(lines).toHaveLength(cases)
  expect(lines.filter((line) => "expected" in line)).toEqual([])
  expect(differing).toEqual([])
  return lines
}

describe("every case gives the expected sha256", () => {
  test("of 28 corpora", () => {
    expect(names).toHaveLength(28)
  })

  test.each(names)("%s", async (name) => {
    expect((await resolveAll(here, name)).length).toBeGreaterThan(0)
  })

  test.runIf(existsSync(beside)).each(["large-v11", "huge-v10"])("%s", async (name) => {
    // How long they take is for `.ci/figures.ts` to say: a test runs beside others.
    expect(await resolveAll(beside, name)).toHaveLength(1)
  })
})

/**
 * What an implementation takes, as far as it resolves. The peers were given auth chains by the specification's
 * definition, so how they make these themselves does not show.
 */
const readingsOf = (implementation: Implementation): Readings => {
  const taken = readingDefinitions
    .filter(({ field, takenBy }) => takenBy[implementation] !== undefined && field !== "chainIncludesSelf")
    .map(({ field, takenBy }) => [field, takenBy[implementation]])
  return { ...readingsDefault, ...Object.fromEntries(taken) }
}

/** The peer's recorded answer; undefined where it has none, or only the keys in conflict are told. */
const answerOf = (
  peer: Implementation,
  expected: JsonObject,
): Readonly<Record<string, unknown>> | undefined => {
  if (!isJsonObject(expected.state)) return undefined
  const disputed = isJsonObject(expected.disputed) ? expected.disputed[peer] : undefined
  if (disputed === undefined) {
    return isJsonArray(expected.agreed_by) && expected.agreed_by.includes(peer)
      ? { ...expected.state }
      : undefined
  }
  if (!isJsonObject(disputed) || !isJsonObject(disputed.diff)) return undefined
  const state = { ...expected.state, ...disputed.diff }
  return Object.fromEntries(Object.entries(state).filter(([, eventId]) => eventId !== null))
}

describe.each(["synapse", "ruma"] as const)("with the readings of %s", (peer) => {
  test("every case gives its recorded answer", async () => {
    let disputes = 0
    for (const name of names) {
      const { corpora, expected } = filesOf(here, name)
      const expectations = await readJsonFile(expected[0]!)
      for (const corpusCase of await readCorpus(corpora[0]!)) {
        const expectation = isJsonObject(expectations) ? expectations[corpusCase.name] : undefined
        if (!isJsonObject(expectation)) continue
        const answer = answerOf(peer, expectation)
        if (answer === undefined) continue
        if (isJsonObject(expectation.disputed) && expectation.disputed[peer] !== undefined) disputes += 1
        const { state } = resolveCase(corpusCase, readingsOf(peer))
        expect({ case: corpusCase.name, state: { ...state } }).toEqual({
          case: corpusCase.name,
          state: answer,
        })
      }
    }
    expect(disputes).toBe(peer === "synapse" ? 30 : 31)
  })
})

/** Another order in which events still come after those that they cite. */
const reordered = (corpusCase: CorpusCase): CorpusCase => {
  const events = new Map(corpusCase.events.map((event) => [event.eventId, event]))
  const order = new Set<(typeof corpusCase.events)[number]>()
  for (const last of corpusCase.events.toReversed()) {
    const waiting = [last]
    for (let event = waiting.at(-1); event !== undefined; event = waiting.at(-1)) {
      const before = event.authEvents
        .map((eventId) => events.get(eventId)!)
        .filter((cited) => !order.has(cited))
      if (before.length > 0) waiting.push(...before)
      else {
        order.add(event)
        waiting.pop()
      }
    }
  }
  return { ...corpusCase, events: [...order], stateSets: corpusCase.stateSets.toReversed() }
}

test.each(names)("%s: the order of state sets and events changes nothing", async (name) => {
  for (const corpusCase of await readCorpus(filesOf(here, name).corpora[0]!)) {
    const { sha256 } = resolveCase(corpusCase, readingsDefault)
    expect(resolveCase(reordered(corpusCase), readingsDefault).sha256).toBe(sha256)
  }
})
