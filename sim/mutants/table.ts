/** The table of all mutants, for people: docs/mutants.md is what this gives. */
import { mutants } from "./catalogue.ts"
import type { Mutant } from "./mutant.ts"
import seeds from "./seeds.json" with { type: "json" }

const seedOf: Readonly<Record<string, number>> = seeds

const cell = (text: string): string => text.replaceAll("|", "\\|")

const wordsOf = ({ name, wishes: { roomVersions, hostile } = {} }: Mutant): string =>
  [
    `--mutant ${name}`,
    ...(roomVersions === undefined ? [] : [`--room-version ${roomVersions.join(",")}`]),
    ...(hostile ? ["--hostile"] : []),
  ].join(" ")

const row = (mutant: Mutant): string => {
  const { name, wrong, real = "", killedBy, byHand } = mutant
  const found = byHand === undefined ? String(seedOf[name] ?? "none") : `by hand: ${byHand}`
  const search = byHand === undefined ? `\`${wordsOf(mutant)}\`` : ""
  return `| ${[`\`${name}\``, wrong, real, killedBy, search, found].map(cell).join(" | ")} |`
}

/** As Markdown, with a row for each mutant. */
export const mutantsTable = (): string =>
  [
    "# Mutants",
    "<!-- Generated: node sim/mutants/table-main.ts > docs/mutants.md -->",
    "Each is a homeserver like the others, with one fault, and shows that a check finds what it is there for. A plan says " +
      'of a server `{"name": "s2", "mutant": "soft-failed-tips"}`; `netsplit sweep random --mutant soft-failed-tips` has ' +
      "one server of each random plan be that; the table says what such a search needs, and in which seed, of 1 to 1,000, it " +
      "found the mutant when `node sim/mutants/seek-main.ts --write` was run last, or why its plan was made by hand. In " +
      "a small plan it is seen by " +
      "`netsplit replay sim/mutants/plans/soft-failed-tips.json`. Rows I01 to I28 are those of the catalogue of faults " +
      "that real servers had.",
    [
      "| mutant | what is wrong | real servers | found by | search | in seed |",
      "| --- | --- | --- | --- | --- | --- |",
      ...mutants.map(row),
    ].join("\n"),
  ].join("\n\n")
