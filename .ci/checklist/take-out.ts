/**
 * Shows that the tests of the checklist hold what they say: takes the behaviour of a row out of the sources, and sees
 * its test fail, which passes with it. `node .ci/checklist/take-out.ts [--seed N] [--count N] [--row ID…]`: a seeded
 * sample of 20 rows unless given. Exit code 1 where a test does not notice.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join, relative } from "node:path"
import { parseArgs } from "node:util"
import { hashParts } from "#sim/kernel/keyed-chance.ts"
import { root } from "../source-files.ts"
import { type Removal, type Row, removalOf } from "./row.ts"
import { allRows } from "./rows.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "20" },
    row: { type: "string", multiple: true },
  },
})

/** Rows in an order of the seed's own. */
const sample = (seed: string, count: number): readonly Row[] =>
  allRows
    .map((row, at) => ({ row, at, draw: hashParts([0, 0], [seed, row.id])[0] }))
    .sort((a, b) => a.draw - b.draw || a.at - b.at)
    .slice(0, count)
    .map(({ row }) => row)

const chosen = (): readonly Row[] => {
  if (values.row === undefined) return sample(values.seed, Number(values.count))
  return values.row.map((id) => {
    const row = allRows.find((known) => known.id === id)
    if (row === undefined) throw new Error(`there is no row ${id}`)
    return row
  })
}

/** What became of one test. */
interface Outcome {
  /** As a row names it. */
  readonly name: string
  readonly status: string
}

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[]
      readonly title: string
      readonly status: string
    }[]
  }[]
}

const isNamedBy = (test: string, name: string): boolean => name === test || name.startsWith(`${test} > `)

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")

/** Runs those tests, with that change to the sources if there is one. */
const run = async (tests: readonly string[], removal?: Removal): Promise<readonly Outcome[]> => {
  const files = new Set(tests.map((test) => test.split(" > ")[0]!))
  const names = tests.map((test) => test.split(" > ").slice(1).join(" > "))
  const pattern = names.includes("") ? "" : `^(?:${names.map(escaped).join("|")})(?: > |$)`
  const folder = mkdtempSync(join(tmpdir(), "netsplit-take-out-"))
  const outputFile = join(folder, "report.json")
  const line = ["run", "--config", ".ci/checklist/take-out.vitest.config.ts", ...files, "--reporter", "json"]
  const child = spawn("vitest", [...line, "--outputFile", outputFile, "-t", pattern], {
    cwd: root,
    env: {
      ...process.env,
      ...(removal === undefined ? {} : { NETSPLIT_TAKEN_OUT: JSON.stringify(removal) }),
    },
    stdio: "ignore",
  })
  await once(child, "close")
  const report: Report = existsSync(outputFile)
    ? JSON.parse(readFileSync(outputFile, "utf8"))
    : { testResults: [] }
  rmSync(folder, { recursive: true })
  return report.testResults.flatMap(({ name: file, assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, status }) => ({
      name: [relative(root, file), ...ancestorTitles, title].join(" > "),
      status,
    })),
  )
}

/** Whether all tests of the row passed; undefined where there are none. */
const passed = ({ test }: Row, outcomes: readonly Outcome[]): boolean | undefined => {
  const own = outcomes.filter(
    ({ name, status }) => isNamedBy(test, name) && (status === "passed" || status === "failed"),
  )
  return own.length === 0 ? undefined : own.every(({ status }) => status === "passed")
}

const judge = async (row: Row, asItIs: readonly Outcome[]): Promise<string | undefined> => {
  const before = passed(row, asItIs)
  if (before === undefined) return `row ${row.id}: no test is called ${row.test}`
  if (!before) return `row ${row.id}: its test fails as it is: ${row.test}`
  const after = passed(row, await run([row.test], removalOf(row)))
  if (after === undefined) return `row ${row.id}: the sources do not load without it`
  return after ? `row ${row.id}: nobody notices that it is gone: ${row.test}` : undefined
}

const rows = chosen()
const asItIs = await run(rows.map(({ test }) => test))
const waiting = [...rows]
const faults: string[] = []
const work = async (): Promise<void> => {
  for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
    const fault = await judge(row, asItIs)
    if (process.stderr.isTTY)
      console.error(`${row.id} ${row.title}: ${fault === undefined ? "held" : "NOT held"}`)
    if (fault !== undefined) faults.push(fault)
  }
}
await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, work))
for (const fault of faults.sort()) console.error(fault)
if (faults.length > 0) process.exitCode = 1
else
  console.log(
    `${rows.length} rows, each held by a test that fails without it: ${rows.map(({ id }) => id).join(", ")}`,
  )
