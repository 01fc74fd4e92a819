/** Holds the arrows between folders (DESIGN.md, Rooms of the house): `node .ci/arrows.ts` names each crossing. */
import { findImports, type Import } from "./imports.ts"
import { listFiles, readText } from "./source-files.ts"

/** By file, from the root: what it imports. */
export type ImportsByFile = ReadonlyMap<string, readonly Import[]>

/** Which top-level folders a file of each may import from, besides its own. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "spec-impl": [],
  sim: ["spec-impl"],
  scenarios: ["sim", "spec-impl"],
  results: ["spec-impl", "sim", "scenarios"],
  loadtest: ["spec-impl", "results"],
  cli: ["spec-impl", "sim", "scenarios", "results", "loadtest"],
  ".ci": ["spec-impl", "sim", "scenarios", "results", "loadtest", "cli"],
}

const folderOf = (path: string): string => (path.includes("/") ? path.slice(0, path.indexOf("/")) : "")
const isTest = (path: string): boolean => path.endsWith(".test.ts")
const isUnder = (path: string | undefined, folder: string): boolean => path?.startsWith(`${folder}/`) ?? false

/** A rule says what is wrong with one import, or undefined. */
type Rule = (path: string, imported: Import) => string | undefined

const foldersInOrder: Rule = (path, { target }) => {
  const allowed = mayImport[folderOf(path)]
  if (target === undefined || allowed === undefined) return undefined
  const folder = folderOf(target)
  if (folder === folderOf(path) || folder === "" || allowed.includes(folder)) return undefined
  return `arrows go core ← spec-impl ← sim ← scenarios ← cli: ${folderOf(path)} may not import ${folder}`
}

const crossingsAreSeen: Rule = (path, { specifier, target }) => {
  if (target === undefined || folderOf(target) === "") return undefined
  const isInside = folderOf(target) === folderOf(path)
  if (isInside && specifier.startsWith("#")) return "inside one top-level folder imports are relative"
  if (!isInside && !specifier.startsWith("#")) return "across top-level folders imports begin with #"
  return undefined
}

const coreIsPure: Rule = (path, { specifier, target }) => {
  if (!isUnder(path, "spec-impl/core")) return undefined
  if (target !== undefined) {
    return isUnder(target, "spec-impl/core") ? undefined : "core imports nothing outside core"
  }
  if (isTest(path) || specifier.startsWith("@noble/hashes/")) return undefined
  if (path === "spec-impl/core/hash.ts" && specifier === "node:crypto") return undefined
  return "core imports no package but @noble/hashes, and node:crypto in core/hash.ts only"
}

const reportsTakeTypesOnly: Rule = (path, { target, form }) =>
  isUnder(path, "results/report") &&
  target !== undefined &&
  !isUnder(target, "results/report") &&
  form !== "type"
    ? "results/report derives from recorded data: it imports types only"
    : undefined

const databaseTakesTheStore: Rule = (path, { target, form }) =>
  isUnder(path, "results/database") &&
  target !== undefined &&
  folderOf(target) !== "results" &&
  !isUnder(target, "spec-impl/store") &&
  form !== "type"
    ? "results/database uses no more than the store's SQLite layer"
    : undefined

const databaseIsWrittenByCli: Rule = (path, { target, form }) =>
  isUnder(target, "results/database") &&
  !["results", "cli", ".ci"].includes(folderOf(path)) &&
  form !== "type"
    ? "only cli writes to results/database"
    : undefined

const rules: readonly Rule[] = [
  foldersInOrder,
  crossingsAreSeen,
  coreIsPure,
  reportsTakeTypesOnly,
  databaseTakesTheStore,
  databaseIsWrittenByCli,
]

const judge = (path: string, imported: Import): readonly string[] =>
  rules.flatMap((rule) => {
    const wrong = rule(path, imported)
    return wrong === undefined ? [] : [`${path}:${imported.line}: imports ${imported.specifier}: ${wrong}`]
  })

const isForK6 = (specifier: string): boolean => specifier === "k6" || specifier.startsWith("k6/")

/** A file that imports k6 is run by k6: neither it nor what it reaches may import what k6 cannot run. */
const findK6Crossings = (files: ImportsByFile): readonly string[] => {
  const reached = new Set<string>()
  const waiting = [...files].flatMap(([path, imports]) =>
    imports.some(({ specifier, form }) => isForK6(specifier) && form !== "type") ? [path] : [],
  )
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue
    reached.add(path)
    for (const { target, form } of files.get(path) ?? []) {
      if (target !== undefined && form !== "type") waiting.push(target)
    }
  }
  return [...reached]
    .sort()
    .flatMap((path) =>
      (files.get(path) ?? []).flatMap(({ specifier, target, form, line }) =>
        form === "type" || isForK6(specifier) || isUnder(target, "loadtest")
          ? []
          : [`${path}:${line}: imports ${specifier}: k6 runs this file, and cannot run that`],
      ),
    )
}

/**
 * The first cycle found from each file, types included, since two files that need each other's types are one
 * concern. Lazy imports are left out: they are there to be loaded later.
 */
const findCycles = (files: ImportsByFile): readonly string[] => {
  const finished = new Set<string>()
  const cycles: string[] = []
  const targets = (path: string) =>
    (files.get(path) ?? []).flatMap(({ target, form }) =>
      target !== undefined && form !== "lazy" && files.has(target) ? [target] : [],
    )
  for (const start of files.keys()) {
    if (finished.has(start)) continue
    const walk = [{ path: start, left: targets(start) }]
    const onWalk = new Set([start])
    for (let step = walk.at(-1); step !== undefined; step = walk.at(-1)) {
      const next = step.left.pop()
      if (next === undefined) {
        finished.add(step.path)
        onWalk.delete(step.path)
        walk.pop()
      } else if (onWalk.has(next)) {
        const paths = walk.map(({ path }) => path)
        cycles.push(`${next}: imports itself: ${[...paths.slice(paths.indexOf(next)), next].join(" → ")}`)
      } else if (!finished.has(next)) {
        walk.push({ path: next, left: targets(next) })
        onWalk.add(next)
      }
    }
  }
  return cycles
}

/** Every import that goes against an arrow, as lines for people: file, import, rule. */
export const findCrossings = (files: ImportsByFile): readonly string[] => [
  ...[...files].flatMap(([path, imports]) => imports.flatMap((imported) => judge(path, imported))),
  ...findK6Crossings(files),
  ...findCycles(files),
]

if (import.meta.main) {
  const sources = listFiles().filter((path) => path.endsWith(".ts"))
  const crossings = findCrossings(
    new Map(sources.map((path) => [path, findImports(path, readText(path) ?? "")])),
  )
  for (const crossing of crossings) console.error(crossing)
  if (crossings.length > 0) process.exitCode = 1
}
