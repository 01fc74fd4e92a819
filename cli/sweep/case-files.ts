/** Cases as files: below results/runs/ of this repository, by what they are, so that the same failure is the same file. */
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { basename, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import type { Case, PlanCase } from "#sim/explore/case.ts"
import { UsageError } from "../outcome.ts"

const folder = fileURLToPath(new URL("../../results/runs/", import.meta.url))

const seedOf = (found: Case): number => ("plan" in found ? found.plan.seed : found.seed)

/** Of a scenario the one of its run, of a plan those that its rooms may have. */
export const roomVersionsOf = (found: Case): readonly string[] =>
  "plan" in found ? (found.plan.options?.roomVersions ?? []) : [found.roomVersion]

const mutantsIn = ({ plan }: PlanCase): readonly string[] => plan.servers.flatMap(({ mutant = [] }) => mutant)

/** What its file is called, without the extension. */
const nameOf = (found: Case): string => {
  const story = "plan" in found ? ["random", ...mutantsIn(found)].join("-") : found.scenario
  return [
    story,
    `v${roomVersionsOf(found).join("-")}`,
    found.transport,
    `seed-${seedOf(found)}`,
    found.check,
  ].join("_")
}

const write = async (name: string, found: Case): Promise<string> => {
  await mkdir(folder, { recursive: true })
  const file = join(folder, `${name}.json`)
  await writeFile(file, `${JSON.stringify(found, undefined, 2)}\n`)
  return relative(process.cwd(), file)
}

/** Where a case of no file of its own would stand. */
export const fileOf = (found: Case): string => `${nameOf(found)}.json`

/** Writes a case; gives its path from here. */
export const writeCase = (found: Case): Promise<string> => write(nameOf(found), found)

/** Writes what a case was shrunk to, beside where it stood or would stand. */
export const writeShrunkCase = (found: Case, original: string): Promise<string> =>
  write(`${basename(original).replace(/(\.shrunk)?\.json$/, "")}.shrunk`, found)

/** Reads a case, or a plan by itself; one line says what is wrong with it, if so. */
export const loadCase = Effect.fnUntraced(function* (path: string) {
  const refuse = (problem: string) => new UsageError({ message: `${JSON.stringify(path)}: ${problem}` })
  const text = yield* Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) =>
      refuse((error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : "it cannot be read"),
  })
  const json = yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: () => refuse("it is no JSON"),
  })
  const { readCase } = yield* Effect.promise(() => import("#sim/explore/case.ts"))
  return yield* Effect.mapError(readCase(json), ({ message }) => refuse(message))
})
