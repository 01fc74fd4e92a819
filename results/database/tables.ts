/** The tables of the results database as data: rows are typed, written, read and described by it. */

/**
 * How a column is kept. `json` is text, for SQLite's own functions; `packed` is JSON under zlib, for what is big and
 * only read whole. What ends in `?` may be missing.
 */
type Kind = "integer" | "real" | "text" | "boolean" | "json" | "packed"
export type ColumnKind = Kind | `${Kind}?`

export interface Table {
  readonly about: string
  /** By name: the kind, and what it means. */
  readonly columns: Readonly<Record<string, readonly [kind: ColumnKind, about: string]>>
}

const id = ["integer", "Given by SQLite, in the order of writing"] as const
const ofCommand = ["integer", "The `commands` row that it came of"] as const
const ofSweep = ["integer", "The `sweeps` row that it came of"] as const
const seed = ["integer", "What all chance came from"] as const
const roomVersion = ["text", "`1` to `12`"] as const
const check = ["text", "Which check failed"] as const
const shape = ["text?", "The kind of failure, where it was recognised, such as `phantom-join-rules`"] as const

/** In the order of reading: each after those it points to. */
export const tables = {
  commands: {
    about: "One command line that was run: on what code, on which machine, and how it ended.",
    columns: {
      id,
      command: ["text", "`run`, `resolve`, `bench`, …"],
      line: ["text", "The whole command line, which repeats it; secrets are left out"],
      seed: ["integer?", seed[1]],
      options: ["json", "What the command was told, defaults too"],
      started_ts: ["integer", "When it began, in milliseconds since 1970"],
      duration_ms: ["integer?", "How long it took; missing while it runs, or where it was killed"],
      exit_code: ["integer?", "How it ended; missing while it runs, or where it was killed"],
      commit_id: ["text?", "git's HEAD; missing where there is no git"],
      is_dirty: ["boolean?", "Whether tracked files differed from that commit"],
      cpu: ["text", "Model of the processor"],
      cores: ["integer", "How many of them there were to use"],
      memory_mib: ["integer", "Memory of the machine"],
      system: ["text", "Operating system, its release and architecture"],
      node_version: ["text", "Of Node"],
      effect_version: ["text", "Of effect, on whose internals preemption points depend"],
      netsplit_version: ["text", "Of netsplit"],
      report: ["packed?", "What the command told as JSON, where no other table has it"],
    },
  },
  runs: {
    about: "One story or plan, played in one room version from one seed.",
    columns: {
      id,
      command_id: ofCommand,
      number: ["integer", "From 1 within the command: run 2 of command 17 is called `17.2`"],
      scenario: ["text", "Its name"],
      seed,
      room_version: roomVersion,
      transport: ["text", "`http` or `direct`"],
      agree: ["text", "`yes`, `no` or `unknown`"],
      cause: ["text?", "Why they do not agree"],
      wanted: ["text", "`yes`, `no` or `unknown`"],
      live: ["text", "`yes`, `no` or `unknown`"],
      as_expected: ["boolean", "Whether all three are what the scenario expects"],
      trace_hash: ["text", "Equal where every step was"],
      replay: ["text", "The command that repeats it"],
      report: ["packed", "The whole `RunReport` of `sim/world/report.ts`"],
    },
  },
  samples: {
    about: "One figure that was measured: of a bench, of a case that was resolved, of a load.",
    columns: {
      id,
      command_id: ofCommand,
      name: ["text", "What was measured"],
      value: ["real", "The figure"],
      unit: ["text", "`µs`, `ms`, `PDUs/s`, …"],
      details: ["json", "What else belongs to it, such as the limit beside it"],
    },
  },
  sweeps: {
    about: "A search through seeds.",
    columns: {
      id,
      command_id: ofCommand,
      scenario: ["text", "Its name, or `random`"],
      first_seed: ["integer", "Where the search began"],
      last_seed: ["integer", "Where it was to end"],
      seeds_run: ["integer", "How many were done"],
      seeds_left: ["text?", "Those that were not, as `--seeds` takes them; missing where all were"],
    },
  },
  goals: {
    about: "How often a sweep reached a goal; 0 where it never did.",
    columns: {
      id,
      sweep_id: ofSweep,
      goal: ["text", "Its name"],
      count: ["integer", "How often, in all seeds together"],
    },
  },
  failures: {
    about: "A check that failed in a sweep.",
    columns: {
      id,
      sweep_id: ofSweep,
      seed,
      room_version: ["text", "`1` to `12`, with commas between those that the rooms of a plan may have"],
      check,
      why: ["text", "One or two sentences"],
      shape,
      replay: ["text", "The command that repeats it"],
    },
  },
  cases: {
    about: "A plan that fails, kept to be replayed; shrunk or not.",
    columns: {
      id,
      command_id: ofCommand,
      failure_id: ["integer?", "The `failures` row that it is of"],
      check,
      shape,
      case_file: ["text?", "Where it was written"],
      events: ["integer", "How many it comes to"],
      servers: ["integer", "How many take part"],
      faults: ["integer", "How many it has"],
      plan: ["packed", "The plan itself"],
      why: ["text?", "What the check said"],
      transport: ["text?", "`http` or `direct`, where it is known"],
    },
  },
} as const satisfies Readonly<Record<string, Table>>

export type TableName = keyof typeof tables

/** In the order of `tables`. */
export const tableNames = Object.keys(tables) as readonly TableName[]

/** The value in a row of what is kept as that kind. */
type ValueOf<K extends ColumnKind> = K extends `${infer Base extends Kind}?`
  ? ValueOf<Base> | undefined
  : K extends "integer" | "real"
    ? number
    : K extends "text"
      ? string
      : K extends "boolean"
        ? boolean
        : unknown

type Columns<T extends TableName> = (typeof tables)[T]["columns"]
type KindOf<T extends TableName, C extends keyof Columns<T>> = Columns<T>[C] extends readonly [
  infer K extends ColumnKind,
  string,
]
  ? K
  : never
type MayBeMissing<T extends TableName> = {
  [C in keyof Columns<T>]: KindOf<T, C> extends `${string}?` ? C : never
}[keyof Columns<T>]

/** A row as it is read. */
export type Row<T extends TableName> = {
  readonly [C in Exclude<keyof Columns<T>, MayBeMissing<T>>]: ValueOf<KindOf<T, C>>
} & {
  readonly [C in MayBeMissing<T>]?: ValueOf<KindOf<T, C>>
}

/** A row as it is written: SQLite gives it its id. */
export type NewRow<T extends TableName> = Omit<Row<T>, "id">

/** Kind without its mark, and whether the value may be missing. */
export const readKind = (kind: ColumnKind): { readonly base: Kind; readonly mayBeMissing: boolean } => ({
  base: kind.replace("?", "") as Kind,
  mayBeMissing: kind.endsWith("?"),
})
