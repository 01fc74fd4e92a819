/** Where results come from: commit, machine, versions. */
import { execFile } from "node:child_process"
import { availableParallelism, cpus, release, totalmem } from "node:os"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import type { NewRow } from "#results/database/tables.ts"
import manifest from "../../package.json" with { type: "json" }

const repository = fileURLToPath(new URL("../../", import.meta.url))
const above = fileURLToPath(new URL("../../../", import.meta.url))

/** What git hands to its hooks is about another repository than this one, or might be. */
const environment = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"))),
  GIT_CEILING_DIRECTORIES: above,
})

const statusArguments = [
  "--no-optional-locks",
  "status",
  "--porcelain=v2",
  "--branch",
  "--untracked-files=no",
]

/** HEAD, and whether tracked files differ from it; nothing where there is no git, or it takes too long. */
const commit: Effect.Effect<Pick<NewRow<"commands">, "commit_id" | "is_dirty">> = Effect.callback(
  (resume) => {
    const options = { cwd: repository, env: environment(), timeout: 5_000, maxBuffer: 64 * 1024 * 1024 }
    execFile("git", statusArguments, options, (error, stdout) => {
      const id = /^# branch\.oid ([0-9a-f]+)$/m.exec(stdout)?.[1]
      if (error !== null || id === undefined) return resume(Effect.succeed({}))
      resume(Effect.succeed({ commit_id: id, is_dirty: /^[^#]/m.test(stdout) }))
    })
  },
)

/** The columns of `commands` that are the same for whatever is run here and now. */
export const provenance = Effect.map(commit, (found) => ({
  ...found,
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  memory_mib: Math.round(totalmem() / 2 ** 20),
  system: `${process.platform} ${release()} ${process.arch}`,
  node_version: process.versions.node,
  effect_version: manifest.dependencies.effect,
  netsplit_version: manifest.version,
}))
