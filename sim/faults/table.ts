/** The table of all faults, for people: docs/faults.md is what this gives. */
import type { Schema } from "effect"
import { type AnyFaultDefinition, faults } from "./catalogue.ts"
import { commonFields, type FaultFamily } from "./fault.ts"
import { fieldDoc } from "./fields.ts"

const families: Readonly<Record<FaultFamily, string>> = {
  network: "The network",
  servers: "Servers",
  protocol: "The protocol",
  hostile: "Hostile servers",
}

const fieldLines = (fields: Schema.Struct.Fields): readonly string[] =>
  Object.entries(fields).map(([name, field]) => {
    const { about, otherwise } = fieldDoc(field)
    return `\`${name}\`${otherwise === undefined ? "" : ` (${otherwise})`}: ${about}`
  })

const cell = (text: string): string => text.replaceAll("|", "\\|")

const row = ({ name, fields, standsFor, isRepairable, onBytes, wantsNames }: AnyFaultDefinition): string => {
  const marks = [
    ...(onBytes ? ["Works on bytes."] : []),
    ...(wantsNames ? ["Of servers that are found by names."] : []),
  ]
  const columns = [
    `\`${name}\``,
    [standsFor, ...marks].join(". ").replace("..", "."),
    fieldLines(fields).join("<br>"),
    isRepairable ? "yes" : "no",
  ]
  return `| ${columns.map(cell).join(" | ")} |`
}

/** As Markdown, with a row for each fault. */
export const faultsTable = (): string =>
  [
    "# Faults",
    "<!-- Generated: node sim/faults/table-main.ts > docs/faults.md -->",
    "Each is a JSON object: a step of a plan says it, and so does a story, which gets the effect that undoes it:",
    '```ts\nconst undo = yield* stage.fault({ fault: "loss", between: [["s1", "s2"]], share: 0.2 })\n```',
    "In brackets stands what holds where a field is left out; what has no brackets must be there. A fault that is not " +
      "repairable leaves something behind when it is undone. All have these fields besides:",
    fieldLines(commonFields)
      .map((line) => `- ${line}`)
      .join("\n"),
    ...Object.entries(families).flatMap(([family, title]) => {
      const rows = faults.filter((definition) => definition.family === family).map(row)
      const head = "| fault | stands for | fields | repairable |\n| --- | --- | --- | --- |"
      return rows.length === 0 ? [] : [`## ${title}`, [head, ...rows].join("\n")]
    }),
  ].join("\n\n")
