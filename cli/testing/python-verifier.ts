/** For tests: what netsplit emits is verified by libraries that nobody here wrote, `signedjson` and `canonicaljson`. */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(new URL("verify.py", import.meta.url))
const cache = fileURLToPath(new URL("../../node_modules/.cache/netsplit-python/", import.meta.url))
const packages = ["signedjson==1.1.4", "canonicaljson==2.0.0", "unpaddedbase64==2.1.0", "PyNaCl==1.5.0"]

/** The directory of the packages, which are fetched once. */
const installed = (): string => {
  const place = `${cache}${packages.join("_").replaceAll("=", "")}`
  if (existsSync(place)) return place
  if (spawnSync("python3", ["--version"]).status !== 0) {
    throw new Error("python3 is not on PATH: this test verifies signatures by Python's signedjson")
  }
  mkdirSync(cache, { recursive: true })
  const draft = `${place}.${process.pid}`
  try {
    const words = [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--target",
      draft,
      ...packages,
    ]
    execFileSync("python3", words, { stdio: ["ignore", "ignore", "pipe"] })
    renameSync(draft, place)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return place
}

/** Has each line verified; gives how many there were of each kind, or throws what Python says of the first wrong one. */
export const verifyByPython = (lines: readonly object[]): Readonly<Record<string, number>> => {
  const { status, stdout, stderr } = spawnSync("python3", [script], {
    input: lines.map((line) => JSON.stringify(line)).join("\n"),
    env: { ...process.env, PYTHONPATH: installed() },
    encoding: "utf8",
    maxBuffer: 64 * 1_048_576,
  })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}
