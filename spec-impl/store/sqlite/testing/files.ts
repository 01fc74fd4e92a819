/** Database files for one test file, in the system's own place for what is temporary. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"

/** Gives names of files that are not there, each in a directory of its own; all are removed after the tests. */
export const temporaryFiles = (): (() => string) => {
  const directories: string[] = []
  afterAll(() => {
    for (const directory of directories) rmSync(directory, { recursive: true })
  })
  return () => {
    const directory = mkdtempSync(join(tmpdir(), "netsplit-store-"))
    directories.push(directory)
    return join(directory, "store.db")
  }
}
