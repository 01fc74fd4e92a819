// Shows that a corpus is believed only as far as its hashes, ids and keys go, and that what is wrong is told in one line.
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { readCorpus } from "./corpus.ts"
import { resolveCorpora } from "./resolve-corpora.ts"

const fixtures = fileURLToPath(
  new URL("../../spec-impl/core/state-resolution/fixtures/corpus/", import.meta.url),
)

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "netsplit-corpus-"))
})
afterAll(() => rm(folder, { recursive: true }))

const written = async (name: string, content: string | Uint8Array): Promise<string> => {
  const file = join(folder, name)
  await writeFile(file, content)
  return file
}

/** The first case of a corpus, as parsed JSON that a test may spoil. */
const firstCase = async (corpus: string) => {
  const { readFile } = await import("node:fs/promises")
  const { gunzipSync } = await import("node:zlib")
  return JSON.parse(gunzipSync(await readFile(`${fixtures}${corpus}.json.gz`)).toString()).cases[0]
}

describe("a corpus", () => {
  test("may be gzipped or not", async () => {
    const text = JSON.stringify({ cases: [await firstCase("small-v12")] })
    const plain = await readCorpus(await written("plain.json", text))
    const zipped = await readCorpus(await written("zipped.json.gz", gzipSync(text)))
    expect(plain.map(({ name }) => name)).toEqual(["small-v12-0"])
    expect(zipped.map(({ events }) => events.length)).toEqual(plain.map(({ events }) => events.length))
  })

  test.each<[string, (spoilt: Awaited<ReturnType<typeof firstCase>>) => void, RegExp]>([
    [
      "a room version that nobody knows",
      (spoilt) => {
        spoilt.room_version = "99"
      },
      /room_version is none/,
    ],
    [
      "an event that was changed",
      (spoilt) => {
        spoilt.events[3].content.note = 1
      },
      /is not what its hash was made of|the event called/,
    ],
    [
      "an id of another event",
      (spoilt) => {
        spoilt.events[1].event_id = spoilt.events[2].event_id
      },
      /the event called .* is /,
    ],
    [
      "a malformed event",
      (spoilt) => {
        spoilt.events[1].depth = "1"
      },
      /depth is not a natural number/,
    ],
    [
      "a state set with an unknown event",
      (spoilt) => {
        spoilt.state_sets[0]["m.room.topic|"] = "$x"
      },
      /event \$x is not among the events/,
    ],
    [
      "an event under a foreign key",
      (spoilt) => {
        spoilt.state_sets[0]["m.room.odd|"] = spoilt.events[0].event_id
      },
      /cannot stand under m\.room\.odd\|/,
    ],
    [
      "a rejected event that is not there",
      (spoilt) => {
        spoilt.rejected = ["$x"]
      },
      /event \$x is not among the events/,
    ],
    [
      "no events",
      (spoilt) => {
        delete spoilt.events
      },
      /events is not a list/,
    ],
  ])("with %s is told in one line", async (_, spoil, message) => {
    const spoilt = await firstCase("small-v10")
    spoil(spoilt)
    const file = await written("spoilt.json", JSON.stringify({ cases: [spoilt] }))
    await expect(readCorpus(file)).rejects.toThrow(message)
    await expect(readCorpus(file)).rejects.toThrow(/^[^\n]*spoilt\.json, case 1, small-v10-0: [^\n]*$/)
  })

  test.each([
    ["no JSON", "{", /broken\.json: .* at offset 1$/],
    ["no list of cases", "{}", /there is no list of cases$/],
    ["a case that is none", '{"cases": [1]}', /case 1: it is not an object$/],
  ])("that is %s is told in one line", async (_, text, message) => {
    await expect(readCorpus(await written("broken.json", text))).rejects.toThrow(message)
  })
})

describe("what is expected", () => {
  const run = async (expectations: unknown) => {
    const lines: string[] = []
    const corpus = await written("one.json", JSON.stringify({ cases: [await firstCase("small-v12")] }))
    const expected = await written("expected.json", JSON.stringify(expectations))
    const answer = await resolveCorpora({
      corpora: [corpus],
      expected: [expected],
      readings: readingsDefault,
      write: (line) => lines.push(line),
    })
    return { ...answer, line: JSON.parse(lines[0]!) }
  }

  test("and does not come is told by key", async () => {
    const state = { "m.room.create|": "$other" }
    const { cases, differing, line } = await run({ "small-v12-0": { sha256: "00", state } })
    expect({ cases, differing }).toEqual({ cases: 1, differing: ["small-v12-0"] })
    expect(line.expected).toBe("00")
    expect(line.differs["m.room.create|"]).toEqual({ expected: "$other", got: expect.stringMatching(/^\$/) })
    expect(Object.keys(line.differs)).toHaveLength(line.count)
  })

  test("of other cases only leaves this one uncompared", async () => {
    const { differing, line } = await run({})
    expect(differing).toEqual([])
    expect(Object.keys(line)).toEqual(["name", "roomVersion", "count", "sha256", "ms", "expected"])
    expect(line.expected).toBeNull()
  })

  test("must name a hash", async () => {
    await expect(run({ "small-v12-0": {} })).rejects.toThrow(/what is expected of small-v12-0 has no sha256/)
  })
})
