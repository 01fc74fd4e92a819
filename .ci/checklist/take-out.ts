/**
 * Shows that the tests of the checklist hold what they say: takes the behaviour of a row out of the sources, and sees
 * its test fail, which passes with it. `node .ci/checklist/take-out.ts [--seed N] [--count N] [--row ID…]`: a seeded
 * sample of 20 rows unless given. Exit code 1 where a test does not notice.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
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

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")

/** Whether the row's test passes, with that change to the sources if there is one. */
const passes = async ({ test }: Row, removal?: Removal): Promise<boolean> => {
  const [file = "", ...names] = test.split(" > ")
  const line = [
    "run",
    "--config",
    ".ci/checklist/take-out.vitest.config.ts",
    file,
    "-t",
    escaped(names.join(" ")),
  ]
  const child = spawn("vitest", [...line, "--reporter", "json"], {
    cwd: root,
    env: {
      ...process.env,
      ...(removal === undefined ? {} : { NETSPLIT_TAKEN_OUT: JSON.stringify(removal) }),
    },
    stdio: ["ignore", "pipe", "ignore"],
  })
  const chunks: Buffer[] = []
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
  await once(child, "close")
  const { numPassedTests, numFailedTests, success } = JSON.parse(Buffer.concat(chunks).toString())
  if (removal === undefined && numPassedTests + numFailedTests === 0)
    throw new Error(`no test is called ${test}`)
  return success && numPassedTests > 0
}

const judge = async (row: Row): Promise<string | undefined> => {
  if (!(await passes(row))) return `row ${row.id}: its test fails as it is: ${row.test}`
  if (await passes(row, removalOf(row))) return `row ${row.id}: nobody notices that it is gone: ${row.test}`
  return undefined
}

const rows =
  values.row === undefined
    ? sample(values.seed, Number(values.count))
    : allRows.filter(({ id }) => values.row?.includes(id))
const faults: string[] = []
for (const row of rows) {
  const fault = await judge(row)
  if (process.stderr.isTTY)
    console.error(`${row.id} ${row.title}: ${fault === undefined ? "held" : "NOT held"}`)
  if (fault !== undefined) faults.push(fault)
}
for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
else
  console.log(
    `${rows.length} rows, each held by a test that fails without it: ${rows.map(({ id }) => id).join(", ")}`,
  )
