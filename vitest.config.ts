import { defineConfig } from "vitest/config"

// One isolate for all files: the tests share no state, and start-up is most of the time (DESIGN.md).
export default defineConfig({
  test: {
    include: ["{spec-impl,sim,scenarios,cli,results,loadtest}/**/*.test.ts"],
    isolate: false,
    testTimeout: 60_000,
  },
})
