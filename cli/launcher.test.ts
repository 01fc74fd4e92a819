// Shows that ./netsplit is found and starts from anywhere, with Node 24, in little time, and says what to do
// where `npm ci` has not run. Each case starts a process, so there are few.
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"

const launcher = fileURLToPath(new URL("../netsplit", import.meta.url))
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "netsplit-launcher-"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const start = (command: string, ...argv: string[]) => {
  const { status, stdout, stderr } = spawnSync(command, argv, {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: process.env.PATH },
  })
  return { status, stdout, stderr }
}

test("tests run on the Node of package.json, whatever the shell's is", () => {
  expect(process.version).toMatch(/^v24\./)
})

test("starts through a chain of symbolic links, from another folder, without a warning", () => {
  symlinkSync(launcher, join(folder, "first"))
  symlinkSync("first", join(folder, "second"))
  expect(start("./second", "run", "x", "--seed", "x")).toEqual({
    status: 64,
    stdout: "",
    stderr: 'netsplit: --seed wants a whole number from 0 to 2^53 − 1, not "x"\n',
  })
})

test("tells the whole help into a pipe", () => {
  const { status, stdout, stderr } = start(launcher, "--help")
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
  expect(stdout).toContain("phantom-join-rules")
  expect(stdout.includes("\u001b")).toBe(false)
})

test("says what to do where npm ci has not run", () => {
  copyFileSync(launcher, join(folder, "netsplit"))
  const { status, stdout, stderr } = start("./netsplit", "scenarios")
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" })
  expect(stderr).toMatch(/^netsplit: run 'npm ci' first in .*\n$/)
})
