/** Rows for tests, with all that a row may have. */
import type { NewRow, TableName } from "../tables.ts"

export const aCommand: NewRow<"commands"> = {
  command: "run",
  line: "./netsplit run story",
  seed: 17,
  options: { roomVersions: ["10"] },
  started_ts: 1_700_000_000_000,
  duration_ms: 12,
  exit_code: 0,
  commit_id: "0123456789abcdef0123456789abcdef01234567",
  is_dirty: true,
  cpu: "a processor",
  cores: 2,
  memory_mib: 4_096,
  system: "linux 6 x64",
  node_version: "24.0.0",
  effect_version: "4.1.0",
  netsplit_version: "0.1.0",
  report: { text: "ä…🦊", list: [1, 2.5, null] },
}

/** One row of each table, in an order in which each may point to those before. */
export const oneOfEach: { readonly [T in TableName]: NewRow<T> } = {
  commands: aCommand,
  runs: {
    ...{ command_id: 1, number: 1, scenario: "story", seed: 17, room_version: "10", transport: "http" },
    ...{ agree: "no", cause: "different-inputs", wanted: "no", live: "unknown", as_expected: false },
    ...{ trace_hash: "abc", replay: "./netsplit run story --seed 17", report: { state: { s1: {} } } },
  },
  samples: { command_id: 1, name: "verify", value: 121.5, unit: "µs", details: { limit: "sign" } },
  sweeps: {
    ...{ command_id: 1, scenario: "random", first_seed: 1, last_seed: 1_000 },
    ...{ seeds_run: 640, seeds_left: "641..1000" },
  },
  goals: { sweep_id: 1, goal: "soft-failure", count: 3 },
  failures: {
    ...{ sweep_id: 1, seed: 9, room_version: "10", check: "agree", why: "s1 and s3 part." },
    ...{ shape: "phantom-join-rules", replay: "./netsplit run story --seed 9" },
  },
  cases: {
    ...{ command_id: 1, failure_id: 1, check: "agree", shape: "phantom-join-rules", case_file: "case.json" },
    ...{ events: 12, servers: 3, faults: 1, plan: { actions: [] } },
    ...{ why: "they differ in m.room.topic|", transport: "direct" },
  },
}
