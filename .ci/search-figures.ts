/**
 * Point 3 of the search: from how many seeds, and in how much processor time, it finds both problems of MSC4297 in
 * room 11 unaided; and that in room 12 it finds neither in as many resolutions.
 *
 *     node .ci/search-figures.ts [--first 1,10001,20001] [--cpu-seconds 120] [--faults partition,isolation,stale-state]
 *
 * One thread; processor time of the whole process, so that others on the machine count less. Exit code 1 where a shape
 * was not found in that time, or one was found in room 12.
 */
import { parseArgs } from "node:util"
import { makePlan } from "#sim/explore/make-plan.ts"
import { runPlan } from "#sim/explore/run-plan.ts"

const { values } = parseArgs({
  options: {
    first: { type: "string", default: "1,10001,20001" },
    "cpu-seconds": { type: "string", default: "120" },
    faults: { type: "string" },
  },
})
const shapes = ["phantom-join-rules", "lost-promotion-chain"]
const faults = values.faults?.split(",")

interface Search {
  seeds: number
  cpuSeconds: number
  resolutions: number
  /** By shape: the seed, and how far the search had come. */
  readonly found: Map<string, { readonly seed: number; readonly seeds: number; readonly cpuSeconds: number }>
}

/** Runs seeds from `first` on until it is enough. */
const search = async (
  roomVersion: string,
  first: number,
  isEnough: (search: Search) => boolean,
): Promise<Search> => {
  const start = process.cpuUsage()
  const so: Search = { seeds: 0, cpuSeconds: 0, resolutions: 0, found: new Map() }
  while (!isEnough(so)) {
    const seed = first + so.seeds
    const wishes = { roomVersions: [roomVersion], ...(faults === undefined ? {} : { faults }) }
    const { failures, goals } = await runPlan(makePlan(seed, wishes), { transport: "direct" })
    const { user, system } = process.cpuUsage(start)
    so.seeds += 1
    so.cpuSeconds = (user + system) / 1e6
    so.resolutions += goals["a resolution of two states"]! + goals["a resolution of three states or more"]!
    for (const { shape } of failures) {
      if (shape !== null && shapes.includes(shape) && !so.found.has(shape)) {
        so.found.set(shape, { seed, seeds: so.seeds, cpuSeconds: so.cpuSeconds })
      }
    }
  }
  return so
}

const cpuSecondsMax = Number(values["cpu-seconds"])
let isMet = true
for (const first of values.first.split(",").map(Number)) {
  const in11 = await search(
    "11",
    first,
    ({ found, cpuSeconds }) => found.size === shapes.length || cpuSeconds > cpuSecondsMax,
  )
  const in12 = await search("12", first, ({ resolutions }) => resolutions >= in11.resolutions)
  isMet &&= in11.found.size === shapes.length && in12.found.size === 0
  for (const [version, { seeds, cpuSeconds, resolutions, found }] of [
    ["11", in11],
    ["12", in12],
  ] as const) {
    const told = shapes.map((shape) => {
      const at = found.get(shape)
      return at === undefined
        ? `no ${shape}`
        : `${shape} in seed ${at.seed} (after ${at.seeds} seeds, ${at.cpuSeconds.toFixed(1)} s)`
    })
    console.log(
      `room ${version} from ${first}: ${told.join(", ")}; ${seeds} seeds, ${cpuSeconds.toFixed(1)} s of processor time, ${resolutions} resolutions`,
    )
  }
}
if (!isMet) process.exitCode = 1
