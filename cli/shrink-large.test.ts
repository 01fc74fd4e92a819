/**
 * Six failures of six kinds, of random plans with some hundred events each, come to a handful: two in which a state was
 * reset, servers that were told different states, and three mutants. How long each takes is printed; that is `netsplit shrink`'s
 * own figure, and depends on the machine. CI has time for two of them, the night for all.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { afterAll, beforeAll, expect, test } from "vitest"
import { problemsOfTardis } from "#sim/explore/testing/tardis-format.ts"
import { Engine } from "./engine.ts"
import { runLine } from "./testing/run-line.ts"

const fixtures = new URL("../sim/explore/fixtures/", import.meta.url)
const kinds = [
  ["phantom-join-rules", "no-reset", "phantom-join-rules"],
  ["lost-promotion-chain", "no-reset", "lost-promotion-chain"],
  ["different-inputs", "agree", "stale-state"],
  ["acl-unheeded", "borders", null],
  ["transactions-taken-twice", "once-only", null],
  ["stranger-speaks", "shown-events", null],
] as const

const tried = process.env.NETSPLIT_NIGHT === undefined ? kinds.slice(-2) : kinds

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "netsplit-shrink-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const line = (words: string) => runLine(words.split(" "), Engine.layer)

test.each(tried)("%s", { timeout: 900_000 }, async (name, check, shape) => {
  const file = join(folder, `${name}.json`)
  writeFileSync(file, gunzipSync(readFileSync(new URL(`${name}.json.gz`, fixtures))))
  const { exitCode, stdout } = await line(`shrink ${file} --workers 2 --json`)
  const { before, after, seconds, caseFile, sameFailure } = JSON.parse(stdout)
  console.log(`${name}: ${before.events} events to ${after.events}, ${after.servers} servers, ${seconds} s`)
  try {
    expect({ exitCode, sameFailure }).toEqual({ exitCode: 0, sameFailure: true })
    expect(before.events).toBeGreaterThanOrEqual(300)
    expect(after.events).toBeLessThanOrEqual(15)
    expect(after.servers).toBeLessThanOrEqual(3)
    const replayed = JSON.parse((await line(`replay ${caseFile} --json`)).stdout)
    expect(replayed.failures).toContainEqual(expect.objectContaining({ check, shape }))
    const exported = await line(`export ${caseFile} --to tardis`)
    if (exported.exitCode === 0) expect(problemsOfTardis(JSON.parse(exported.stdout))).toEqual([])
    // What went wrong between devices is in no room.
    else expect(exported.stderr).toContain("no such room")
  } finally {
    rmSync(caseFile)
  }
})
