/** The resets of MSC4297 are recognised by what servers did, in the room versions that have them and no others. */
import { Effect } from "effect"
import { expect, test } from "vitest"
import { findReset } from "#sim/explore/shapes.ts"
import { play } from "#sim/world/testing/play.ts"
import { lostPromotionChain } from "./lost-promotion-chain.ts"
import { netsplitAndHeal } from "./netsplit-and-heal.ts"
import { phantomJoinRules } from "./phantom-join-rules.ts"

const cases = [
  [phantomJoinRules, "10", "phantom-join-rules"],
  [phantomJoinRules, "11", "phantom-join-rules"],
  [phantomJoinRules, "12", undefined],
  [lostPromotionChain, "10", "lost-promotion-chain"],
  [lostPromotionChain, "12", undefined],
  [netsplitAndHeal, "10", undefined],
] as const

test.each(cases.map(([scenario, ...rest]) => [scenario.name, scenario, ...rest] as const))(
  "%s",
  async (_, scenario, roomVersion, shape) => {
    const found = await play(
      { servers: scenario.serversDefault, roomVersion, transport: "direct" },
      ({ stage, servers }) =>
        Effect.gen(function* () {
          const room = yield* scenario.story(stage)
          return findReset([...servers.values()], typeof room === "string" ? room : room[0]!)?.shape
        }),
    )
    expect(found).toBe(shape)
  },
)
