/** The tables of `tables.ts` as migrations. */
import { type Migrations, statements } from "#spec-impl/store/sqlite/migrations.ts"

export const migrations: Migrations = {
  "1_results": statements(
    `CREATE TABLE commands (id INTEGER PRIMARY KEY, command TEXT NOT NULL, line TEXT NOT NULL, seed INTEGER,
       options TEXT NOT NULL, started_ts INTEGER NOT NULL, duration_ms INTEGER, exit_code INTEGER, commit_id TEXT,
       is_dirty INTEGER, cpu TEXT NOT NULL, cores INTEGER NOT NULL, memory_mib INTEGER NOT NULL,
       system TEXT NOT NULL, node_version TEXT NOT NULL, effect_version TEXT NOT NULL,
       netsplit_version TEXT NOT NULL, report BLOB)`,
    `CREATE TABLE runs (id INTEGER PRIMARY KEY, command_id INTEGER NOT NULL REFERENCES commands,
       number INTEGER NOT NULL, scenario TEXT NOT NULL, seed INTEGER NOT NULL, room_version TEXT NOT NULL,
       transport TEXT NOT NULL, agree TEXT NOT NULL, cause TEXT, wanted TEXT NOT NULL, live TEXT NOT NULL,
       as_expected INTEGER NOT NULL, trace_hash TEXT NOT NULL, replay TEXT NOT NULL, report BLOB NOT NULL,
       UNIQUE (command_id, number))`,
    `CREATE TABLE samples (id INTEGER PRIMARY KEY, command_id INTEGER NOT NULL REFERENCES commands,
       name TEXT NOT NULL, value REAL NOT NULL, unit TEXT NOT NULL, details TEXT NOT NULL)`,
    "CREATE INDEX samples_by_command ON samples (command_id)",
    `CREATE TABLE sweeps (id INTEGER PRIMARY KEY, command_id INTEGER NOT NULL REFERENCES commands,
       scenario TEXT NOT NULL, first_seed INTEGER NOT NULL, last_seed INTEGER NOT NULL, seeds_run INTEGER NOT NULL)`,
    "CREATE INDEX sweeps_by_command ON sweeps (command_id)",
    `CREATE TABLE goals (id INTEGER PRIMARY KEY, sweep_id INTEGER NOT NULL REFERENCES sweeps, goal TEXT NOT NULL,
       count INTEGER NOT NULL, UNIQUE (sweep_id, goal))`,
    `CREATE TABLE failures (id INTEGER PRIMARY KEY, sweep_id INTEGER NOT NULL REFERENCES sweeps,
       seed INTEGER NOT NULL, room_version TEXT NOT NULL, "check" TEXT NOT NULL, why TEXT NOT NULL, shape TEXT,
       replay TEXT NOT NULL)`,
    "CREATE INDEX failures_by_sweep ON failures (sweep_id)",
    `CREATE TABLE cases (id INTEGER PRIMARY KEY, command_id INTEGER NOT NULL REFERENCES commands,
       failure_id INTEGER REFERENCES failures, "check" TEXT NOT NULL, shape TEXT, case_file TEXT,
       events INTEGER NOT NULL, servers INTEGER NOT NULL, faults INTEGER NOT NULL, plan BLOB NOT NULL)`,
    "CREATE INDEX cases_by_command ON cases (command_id)",
  ),
  "2_seeds_left": statements("ALTER TABLE sweeps ADD COLUMN seeds_left TEXT"),
  "3_whole_cases": statements(
    "ALTER TABLE cases ADD COLUMN why TEXT",
    "ALTER TABLE cases ADD COLUMN transport TEXT",
  ),
}
