import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { killUnderLoad } from "./kill.ts"

/** Five in CI, fifty at night. */
const kills = process.env.NETSPLIT_NIGHT === undefined ? 5 : 50
const seed = Number(process.env.NETSPLIT_NIGHT ?? 1)

it.each(["send-conflict", "send-fifty"] as const)(
  "kill -9 under %s loses nothing that was acknowledged",
  async (flow) => {
    const directory = mkdtempSync(join(tmpdir(), "netsplit-kill-"))
    const said: string[] = []
    try {
      const report = await killUnderLoad({
        kills,
        seed,
        flow,
        directory,
        tell: (line) => void said.push(line),
      })
      const { acknowledged, repeated, askedOfOrigin, ...rest } = report
      expect(rest, said.slice(-20).join("\n")).toEqual({
        kills,
        lost: [],
        missing: [],
        twice: [],
        differences: [],
      })
      expect(acknowledged).toBeGreaterThan(kills * 10)
      expect(repeated).toBeGreaterThan(0)
      // What it has after a restart it has of its own.
      expect(askedOfOrigin).toBe(0)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
  process.env.NETSPLIT_NIGHT === undefined ? 300_000 : 3_600_000,
)
