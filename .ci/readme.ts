/**
 * Keeps the output that README.md shows true. After a comment `<!-- output: ./netsplit … -->` stands a fenced
 * block with what that command prints. `node .ci/readme.ts --write` renews the blocks.
 */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./source-files.ts"

const shown = /<!-- output: \.\/netsplit (?<line>[^\n]*?) -->\n+```[a-z]*\n(?<output>[\s\S]*?)```/g

/** The same text with wall times masked: they are the one part of an output that differs from run to run. */
export const maskWallTimes = (output: string): string =>
  output.replaceAll(/\d+(?:\.\d+)? ms of wall time/g, "… ms of wall time")

const runLine = (line: string): string =>
  execFileSync(join(root, "netsplit"), line.split(" "), {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", NETSPLIT_RESULTS: "" },
  })

/** Each command whose output a document shows, with what it shows; `line` is without `./netsplit`. */
export const shownOutputs = (document: string): readonly { line: string; output: string }[] =>
  [...document.matchAll(shown)].map(({ groups }) => ({
    line: groups?.line ?? "",
    output: groups?.output ?? "",
  }))

/** The document with each shown output replaced by what `run` gives for its command. */
export const renewOutputs = (document: string, run: (line: string) => string = runLine): string =>
  document.replaceAll(
    shown,
    (_, line: string) => `<!-- output: ./netsplit ${line} -->\n\n\`\`\`text\n${run(line)}\`\`\``,
  )

if (import.meta.main && process.argv.includes("--write")) {
  const path = join(root, "README.md")
  writeFileSync(path, renewOutputs(readFileSync(path, "utf8")))
}
