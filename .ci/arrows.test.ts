// Shows that each arrow of DESIGN.md, when a planted import goes against it, is named with file, import and
// rule, and that the imports the design wants pass. (The house itself is checked by `npm run check`.)
import { describe, expect, test } from "vitest"
import { findCrossings } from "./arrows.ts"
import { findImports } from "./imports.ts"

const crossings = (...sources: readonly (readonly [path: string, source: string])[]) =>
  findCrossings(new Map(sources.map(([path, source]) => [path, findImports(path, source)])))

describe("an import against the arrows", () => {
  test.each([
    ["spec-impl/core/event.ts", "../homeserver/rooms.ts", "core imports nothing outside core"],
    ["spec-impl/core/event.test.ts", "../homeserver/rooms.ts", "core imports nothing outside core"],
    ["spec-impl/core/event.ts", "effect", "core imports no package"],
    ["spec-impl/core/event.ts", "node:crypto", "core imports no package"],
    ["spec-impl/core/hash.ts", "node:fs", "core imports no package"],
    ["spec-impl/homeserver/rooms.ts", "#sim/kernel/clock.ts", "spec-impl may not import sim"],
    ["sim/world/stage.ts", "#scenarios/index.ts", "sim may not import scenarios"],
    ["scenarios/phantom.ts", "#cli/run.ts", "scenarios may not import cli"],
    ["sim/world/stage.ts", "../../spec-impl/core/event.ts", "across top-level folders imports begin with #"],
    ["sim/world/stage.ts", "#sim/kernel/clock.ts", "inside one top-level folder imports are relative"],
    ["results/report/page.ts", "#sim/world/report.ts", "it imports types only"],
    ["results/report/page.ts", "../database/runs.ts", "it imports types only"],
    ["results/database/runs.ts", "#sim/world/report.ts", "no more than the store's SQLite layer"],
    ["loadtest/launch.ts", "#results/database/runs.ts", "only cli writes to results/database"],
  ])("%s: %s", (path, specifier, rule) => {
    const found = crossings([path, `\nimport { thing } from "${specifier}"\n`])
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`${path}:2: imports ${specifier}: `)
    expect(found[0]).toContain(rule)
  })

  test("k6 scripts and what they reach import nothing that k6 cannot run", () => {
    const script = ["loadtest/send.ts", 'import http from "k6/http"\nimport "./corpus.ts"'] as const
    expect(
      crossings(script, ["loadtest/corpus.ts", 'import type { Event } from "#spec-impl/core/event.ts"']),
    ).toEqual([])
    expect(crossings(script, ["loadtest/corpus.ts", 'import { readFile } from "node:fs"'])).toEqual([
      "loadtest/corpus.ts:1: imports node:fs: k6 runs this file, and cannot run that",
    ])
  })

  test("a cycle is shown whole, types included; a lazy import is none", () => {
    const a = ["sim/a.ts", 'import { b } from "./b.ts"'] as const
    const b = ["sim/b.ts", 'export * from "./inner/c.ts"'] as const
    expect(crossings(a, b, ["sim/inner/c.ts", 'import type { A } from "../a.ts"'])).toEqual([
      "sim/a.ts: imports itself: sim/a.ts → sim/b.ts → sim/inner/c.ts → sim/a.ts",
    ])
    expect(crossings(a, b, ["sim/inner/c.ts", 'const load = () => import("../a.ts")'])).toEqual([])
  })
})

describe("an import along the arrows", () => {
  test.each([
    ["spec-impl/core/event.ts", 'import { limits } from "./limits.ts"'],
    ["spec-impl/core/event.test.ts", 'import { test } from "vitest"'],
    ["spec-impl/core/hash.ts", 'import { hash } from "node:crypto"'],
    ["spec-impl/core/base64.ts", 'import { bytesToHex } from "@noble/hashes/utils.js"'],
    [
      "spec-impl/homeserver/rooms.ts",
      'import { Effect } from "effect"\nimport { x } from "../core/event.ts"',
    ],
    [
      "scenarios/phantom.ts",
      'import { x } from "#sim/world/stage.ts"\nimport { y } from "#spec-impl/core/event.ts"',
    ],
    ["results/report/page.ts", 'import type { RunReport } from "#sim/world/report.ts"'],
    ["results/database/runs.ts", 'import { sqlite } from "#spec-impl/store/sqlite.ts"'],
    ["cli/run.ts", 'const load = () => import("#results/database/runs.ts")'],
  ])("%s: %s", (path, source) => {
    expect(crossings([path, source])).toEqual([])
  })
})

test("imports are found in every form, and nothing else is", () => {
  const source = `
    import "./side-effect.ts"
    import whole, { part } from "./value.ts"
    import type { Shape } from "./type.ts"
    import type from "./named-type.ts"
    import { type Only } from "./kept.ts"
    import manifest from "./data.json" with { type: "json" }
    export { part }
    export { other } from "./other.ts"
    export type * from "./types.ts"
    export const from = "./not-an-import.ts"
    export type Name = "./nor-this.ts"
    // import "./commented.ts"
    const here = import.meta.url
    const lazy = await import("./lazy.ts")
  `
  expect(findImports("sim/a.ts", source).map(({ target, form }) => `${form} ${target}`)).toEqual([
    "value sim/side-effect.ts",
    "value sim/value.ts",
    "type sim/type.ts",
    "value sim/named-type.ts",
    "value sim/kept.ts",
    "value sim/data.json",
    "value sim/other.ts",
    "type sim/types.ts",
    "lazy sim/lazy.ts",
  ])
})
