/** The tables as README.md shows them: `node results/database/describe.ts --write` renews it. */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { tables } from "./tables.ts"

export const readme = fileURLToPath(new URL("README.md", import.meta.url))

const begin = "<!-- tables: node results/database/describe.ts --write -->\n"

const described = Object.entries(tables)
  .map(([name, { about, columns }]) =>
    [
      `### ${name}\n\n${about}\n`,
      "| column | kept as | what it means |\n| --- | --- | --- |",
      ...Object.entries(columns).map(([column, [kind, meaning]]) => {
        const base = kind.replace("?", "")
        return `| \`${column}\` | ${base}${kind === base ? "" : ", or nothing"} | ${meaning} |`
      }),
    ].join("\n"),
  )
  .join("\n\n")

/** The text with all that follows its mark written anew. */
export const renewTables = (text: string): string =>
  `${text.slice(0, text.indexOf(begin) + begin.length)}\n${described}\n`

if (import.meta.main && process.argv.includes("--write")) {
  writeFileSync(readme, renewTables(readFileSync(readme, "utf8")))
}
