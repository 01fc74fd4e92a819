/** Results as text, for people. */

import type { CommandResults } from "#results/database/read.ts"
import type { Row } from "#results/database/tables.ts"
import type { RunReport } from "#sim/world/report.ts"
import { presentRun } from "../present-report.ts"
import { resumeLine } from "../recording/command-line.ts"
import { layOutTable } from "../table.ts"

type Command = Omit<Row<"commands">, "report">

const instant = (ts: number): string => `${new Date(ts).toISOString().slice(0, 19).replace("T", " ")} UTC`

const took = (ms: number | undefined): string =>
  ms === undefined ? "not ended" : ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`

const commitOf = ({ commit_id, is_dirty }: Command, length: number): string =>
  commit_id === undefined ? "—" : commit_id.slice(0, length) + (is_dirty === true ? "+" : "")

const exitCodeOf = ({ exit_code }: Command): string => (exit_code === undefined ? "—" : `${exit_code}`)

const withoutProgram = (line: string): string => line.replace(/^\.\/netsplit /, "")

/** One line for each command, under a heading. */
export const presentList = (commands: readonly Command[]): readonly string[] =>
  layOutTable([
    ["id", "began", "took", "exit", "commit", "command"],
    ...commands.map((command) => [
      `${command.id}`,
      instant(command.started_ts),
      took(command.duration_ms),
      exitCodeOf(command),
      commitOf(command, 8),
      withoutProgram(command.line),
    ]),
  ])

const presentCommand = (command: Command): readonly string[] => {
  const dirty = command.is_dirty === true ? ", with changes" : ""
  return layOutTable([
    ["id", `${command.id}`],
    ["command", command.line],
    ["began", instant(command.started_ts)],
    ["took", took(command.duration_ms)],
    ["exit code", exitCodeOf(command)],
    ...(command.seed === undefined ? [] : [["seed", `${command.seed}`]]),
    ["options", JSON.stringify(command.options)],
    ["commit", command.commit_id === undefined ? "unknown" : command.commit_id + dirty],
    ["machine", `${command.cpu}, ${command.cores} cores, ${command.memory_mib} MiB, ${command.system}`],
    [
      "versions",
      `netsplit ${command.netsplit_version}, effect ${command.effect_version}, Node ${command.node_version}`,
    ],
  ])
}

const presentRuns = ({ command, runs }: CommandResults, colours: boolean): readonly string[] =>
  runs.flatMap((run) => [
    "",
    `${command.id}.${run.number}  ${run.scenario}, seed ${run.seed}, transport ${run.transport}`,
    ...presentRun(run.report as RunReport, colours),
    `Whole trace hash: ${run.trace_hash}`,
    `Repeat it: ${run.replay}`,
  ])

const section = (rows: readonly (readonly string[])[]): readonly string[] =>
  rows.length > 1 ? ["", ...layOutTable(rows)] : []

const presentSweeps = ({ command, sweeps }: CommandResults): readonly string[] =>
  sweeps.flatMap((sweep) => [
    "",
    `sweep of ${sweep.scenario}: ${sweep.seeds_run} seeds of ${sweep.first_seed}..${sweep.last_seed}`,
    ...(sweep.seeds_left === undefined ? [] : [`Go on with: ${resumeLine(command.line, sweep.seeds_left)}`]),
    ...section([["goal", "times"], ...sweep.goals.map(({ goal, count }) => [goal, `${count}`])]),
    ...section([
      ["id", "seed", "room version", "check", "shape", "why"],
      ...sweep.failures.map(({ number, seed, room_version, check, shape, why }) => [
        `${command.id}.${number}`,
        `${seed}`,
        room_version,
        check,
        shape ?? "—",
        why,
      ]),
    ]),
    ...section([["seed", "repeat it"], ...sweep.failures.map(({ seed, replay }) => [`${seed}`, replay])]),
  ])

/** Everything of one command, or of one run of it. */
export const presentResult = (result: CommandResults, colours: boolean): readonly string[] => [
  ...presentCommand(result.command),
  ...presentRuns(result, colours),
  ...section([
    ["measured", "value", "unit", "details"],
    ...result.samples.map(({ name, value, unit, details }) => [
      name,
      `${Number(value.toPrecision(4))}`,
      unit,
      JSON.stringify(details),
    ]),
  ]),
  ...presentSweeps(result),
  ...section([
    ["case", "check", "shape", "events", "servers", "faults", "file"],
    ...result.cases.map((kept) => [
      `${result.command.id}.${kept.number}`,
      kept.check,
      kept.shape ?? "—",
      `${kept.events}`,
      `${kept.servers}`,
      `${kept.faults}`,
      kept.case_file ?? "—",
    ]),
  ]),
]
