/** Two results beside each other: what differs around them, and what came of the same run or measurement in each. */
import type { CommandResults } from "#results/database/read.ts"
import type { Row } from "#results/database/tables.ts"
import { layOutTable } from "../table.ts"

interface Pair<A> {
  readonly name: string
  readonly left: A | undefined
  readonly right: A | undefined
}

export interface Comparison {
  /** By column of `commands`, where they are not the same: what a difference may come of. */
  readonly differs: Readonly<Record<string, readonly [left: unknown, right: unknown]>>
  readonly runs: readonly Pair<Pick<Row<"runs">, (typeof comparedOfRuns)[number]>>[]
  readonly samples: readonly (Pair<number> & { readonly unit: string; readonly ratio: number | undefined })[]
}

const around = [
  ...(["commit_id", "is_dirty", "options", "cpu", "cores", "memory_mib", "system"] as const),
  ...(["node_version", "effect_version", "netsplit_version"] as const),
]
const comparedOfRuns = ["agree", "wanted", "live", "trace_hash"] as const

const pick = (run: Row<"runs">) => ({
  ...{ agree: run.agree, wanted: run.wanted, live: run.live, trace_hash: run.trace_hash },
})

/** What has the same name on both sides, in the order of the left, then what only the right has. */
const pair = <A, B>(
  left: readonly A[],
  right: readonly A[],
  nameOf: (one: A) => string,
  valueOf: (one: A) => B,
): readonly Pair<B>[] => {
  const byName = (all: readonly A[]) => new Map(all.map((one) => [nameOf(one), valueOf(one)]))
  const [lefts, rights] = [byName(left), byName(right)]
  return [...new Set([...lefts.keys(), ...rights.keys()])].map((name) => ({
    ...{ name, left: lefts.get(name), right: rights.get(name) },
  }))
}

/** Runs are the same by story, seed, room version and transport, measurements by name and unit. */
export const compareResults = (left: CommandResults, right: CommandResults): Comparison => {
  const pairs = around.map((name) => [name, [left.command[name], right.command[name]] as const] as const)
  const nameOfRun = ({ scenario, seed, room_version, transport }: Row<"runs">) =>
    `${scenario}, seed ${seed}, room version ${room_version}, ${transport}`
  const nameOfSample = ({ name, unit }: Row<"samples">) => JSON.stringify([name, unit])
  return {
    differs: Object.fromEntries(
      pairs.filter(([, [one, other]]) => JSON.stringify(one) !== JSON.stringify(other)),
    ),
    runs: pair(left.runs, right.runs, nameOfRun, pick),
    samples: pair(left.samples, right.samples, nameOfSample, ({ value }) => value).map((found) => {
      const [name, unit] = JSON.parse(found.name)
      const isBoth = found.left !== undefined && found.right !== undefined && found.left !== 0
      return { ...found, name, unit, ratio: isBoth ? found.right / found.left : undefined }
    }),
  }
}

const figure = (value: number | undefined): string =>
  value === undefined ? "—" : `${Number(value.toPrecision(4))}`

/** A comparison as text; `ids` are what its sides are called. */
export const presentComparison = (
  { differs, runs, samples }: Comparison,
  [left, right]: readonly [string, string],
): readonly string[] => {
  const show = (value: unknown): string =>
    typeof value === "string" ? value : (JSON.stringify(value) ?? "—")
  const changes = ({ left: one, right: other }: Comparison["runs"][number]): readonly string[] =>
    comparedOfRuns.map((name) => {
      const cells = [one, other].map((side) => side?.[name].slice(0, 16) ?? "—")
      return one?.[name] === other?.[name] ? (cells[0] ?? "—") : cells.join(" → ")
    })
  const sections = [
    [["differs", left, right], ...Object.entries(differs).map(([name, both]) => [name, ...both.map(show)])],
    [["run", "agree", "wanted", "live", "trace"], ...runs.map((run) => [run.name, ...changes(run)])],
    [
      ["measured", "unit", left, right, "ratio"],
      ...samples.map((one) => [one.name, one.unit, figure(one.left), figure(one.right), figure(one.ratio)]),
    ],
  ]
  return sections
    .filter((rows) => rows.length > 1)
    .flatMap((rows) => [...layOutTable(rows), ""])
    .slice(0, -1)
}
