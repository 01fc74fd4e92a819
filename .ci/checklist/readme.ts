/**
 * The table of the whole protocol: for each row of the checklist where it is specified, done and tested. `node
 * .ci/checklist/readme.ts --write` renews spec-impl/README.md from the rows.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../source-files.ts"
import { divergences } from "./divergences.ts"
import type { Divergence, Part, Row } from "./row.ts"
import { parts } from "./rows.ts"

/** Where the table is checked in. */
export const tablePath = "spec-impl/README.md"

const folder = "spec-impl/"
/** A file's path from the folder of the table. */
const fromFolder = (file: string): string =>
  file.startsWith(folder) ? file.slice(folder.length) : `../${file}`
const link = (file: string, text = file): string => `[${text}](${fromFolder(file)})`
const cell = (text: string): string => text.replaceAll("|", "\\|")
const code = (text: string): string => `\`${text}\``

const testLink = (test: string): string => {
  const [file = "", ...names] = test.split(" > ")
  const name = file.slice(file.lastIndexOf("/") + 1)
  return [link(file, name), ...names.slice(-1)].join(": ")
}

const rowLine = ({ id, title, section, route, handler, test }: Row): string => {
  const what = route === undefined || route === title ? title : `${title}: ${route}`
  const cells = [id, route === undefined ? what : code(what), section, link(handler), testLink(test)]
  return `| ${cells.map(cell).join(" | ")} |`
}

const partLines = ({ title, rows }: Part): readonly string[] => [
  `### ${title}`,
  "",
  "| # | what | where it is specified | where it is done | the test that holds it |",
  "| --- | --- | --- | --- | --- |",
  ...rows.map(rowLine),
  "",
]

const divergenceLine = ({ number, about, tests, readings, note }: Divergence): string => {
  const other = [...readings.map(code), ...(note === undefined ? [] : [note])].join(", ")
  return `| ${[String(number), about, tests.map(testLink).join("; "), other].map(cell).join(" | ")} |`
}

/** The table as it is checked in. */
export const protocolTable = (): string =>
  [
    "<!-- Made by `node .ci/checklist/readme.ts --write` of the rows in .ci/checklist: change those. -->",
    "",
    "# The protocol, row by row",
    "",
    "All of the server-server API v1.19 with room versions 1 to 12. Numbers are those of the checklist",
    "([seed.md](../.ci/checklist/seed.md)), of the specification's list of endpoints (`#16`), or names for what is in",
    "neither. Sections are of the server-server API unless they say otherwise.",
    "",
    "`node .ci/checklist/take-out.ts --row 4.1` takes the behaviour of a row out of the sources and shows that its test",
    "fails without it; `.ci/run` does so for a sample of 20 rows. Beside these tests every endpoint is asked for each of",
    "its errors, with wrong signatures and by denied servers: `sim/world/endpoints/`.",
    "",
    "## The checklist, and what is beyond it",
    "",
    ...parts.flatMap(partLines),
    "## Where real servers differ",
    "",
    "The tests show the text's side; the switches are readings (`./netsplit resolve --reading …`,",
    "[core/readings.ts](core/readings.ts)) or settings of a homeserver.",
    "",
    "| # | about | tests | the other side |",
    "| --- | --- | --- | --- |",
    ...divergences.map(divergenceLine),
    "",
  ].join("\n")

if (import.meta.main && process.argv.includes("--write"))
  writeFileSync(join(root, tablePath), protocolTable())
