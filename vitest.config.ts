import { defineConfig } from "vitest/config"

const folders = "{spec-impl,sim,cli,results,loadtest,.ci}"

// One isolate for all files: the tests share no state, and start-up is most of the time (DESIGN.md).
// Two projects, so that `.ci/run` can time them apart: `npm test -- --project unit`.
export default defineConfig({
  test: {
    isolate: false,
    testTimeout: 60_000,
    projects: [
      { extends: true, test: { name: "unit", include: [`${folders}/**/*.test.ts`] } },
      { extends: true, test: { name: "scenarios", include: ["scenarios/**/*.test.ts"] } },
    ],
  },
})
