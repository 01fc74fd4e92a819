import { expect, it } from "vitest"
import { oneOfEach } from "./search-seed.ts"

it("a failure that is not recognised is not hidden behind one that is", () => {
  const failure = (check: string, why: string, shape: string | null) => ({ check, why, shape })
  const failures = [
    failure("live", "in one room", "acl-island"),
    failure("agree", "in one room", "stale-state"),
    failure("live", "in another", null),
    failure("live", "in a third", null),
    failure("agree", "in another", "lost-key"),
  ]
  expect(oneOfEach(failures)).toEqual([failures[2], failures[1]])
})
