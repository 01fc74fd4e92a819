import { defineConfig } from "vitest/config"

const folders = "{spec-impl,sim,cli,results,loadtest,.ci}"

// One isolate for all files: the tests share no state, and start-up is most of the time (DESIGN.md).
// Three projects, so that `.ci/run` can time them apart: `npm test -- --project unit`. `real` are the tests of real
// sockets, processes and disks, which take real time.
const real = [
  "cli/serve*.test.ts",
  "cli/sweep/{signals,cluster/*}.test.ts",
  "cli/shrink-large.test.ts",
  "loadtest/**/*.test.ts",
  "spec-impl/https/**/*.test.ts",
]

export default defineConfig({
  test: {
    isolate: false,
    // As in the launcher: V8 may abort while it collects code of WebAssembly (nodejs/node#64500); CI met it once.
    execArgv: ["--no-wasm-code-gc"],
    testTimeout: 60_000,
    projects: [
      { extends: true, test: { name: "unit", include: [`${folders}/**/*.test.ts`], exclude: real } },
      { extends: true, test: { name: "real", include: real } },
      { extends: true, test: { name: "scenarios", include: ["scenarios/**/*.test.ts"] } },
    ],
  },
})
