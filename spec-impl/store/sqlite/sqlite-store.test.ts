/** The layer on SQLite keeps the contract of `EventStore`, and says what is wrong with a database. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe } from "vitest"
import { describeContract } from "../testing/contract.ts"
import type { Disk } from "../testing/disk.ts"
import { makeSqliteStore } from "./sqlite-store.ts"

const directories: string[] = []
const newFile = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "netsplit-store-"))
  directories.push(directory)
  return join(directory, "store.db")
}
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true })
})

const diskOf = (filename: string): Disk => ({
  boot: makeSqliteStore({ filename }),
  copy: () => {
    const copy = newFile()
    for (const suffix of ["", "-wal"]) {
      if (existsSync(filename + suffix)) copyFileSync(filename + suffix, copy + suffix)
    }
    return diskOf(copy)
  },
})

describe("the store on SQLite", () => describeContract(() => diskOf(newFile()), 40))
