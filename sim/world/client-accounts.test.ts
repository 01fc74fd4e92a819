/** Client-server API: versions, errors, accounts and sessions. */
import { expect, test } from "@effect/vitest"
import { Effect } from "effect"
import { askAsClient } from "./testing/client.ts"
import { play } from "./testing/play.ts"

const open = { servers: 1, settings: { enableRegistration: true } }

test("versions", () =>
  play(open, (played) =>
    Effect.gen(function* () {
      const answer = yield* askAsClient(played, "s1", "GET", "/_matrix/client/versions")
      expect(answer.status).toBe(200)
      expect(answer.body.versions).toContain("v1.1")
      expect(answer.headers["access-control-allow-origin"]).toBe("*")
    }),
  ))
