/** Links that are slow: by the message, or by what is on them. */
import { Effect, Schema } from "effect"
import { drawLinks, drawMs, drawShare } from "../draws.ts"
import { type Draws, defineFault } from "../fault.ts"
import { linkFields, Milliseconds, Share, withDefault } from "../fields.ts"
import { linkMatches } from "../strikes.ts"

const Distribution = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("fixed"), ms: Milliseconds }),
  Schema.Struct({ kind: Schema.Literal("uniform"), msMin: Milliseconds, msMax: Milliseconds }),
  Schema.Struct({
    kind: Schema.Literal("exponential"),
    msMin: Milliseconds,
    tailMsMean: Milliseconds,
    msMax: Milliseconds,
  }),
  Schema.Struct({
    kind: Schema.Literal("bimodal"),
    usualMs: Milliseconds,
    slowMs: Milliseconds,
    slowShare: Share,
  }),
])

const drawDistribution = (draws: Draws): typeof Distribution.Encoded => {
  const ms = drawMs(draws, 1, 5_000)
  switch (draws.pick(["fixed", "uniform", "exponential", "bimodal"] as const, "distribution")) {
    case "fixed":
      return { kind: "fixed", ms }
    case "uniform":
      return { kind: "uniform", msMin: ms, msMax: ms * 10 }
    case "exponential":
      return { kind: "exponential", msMin: 5, tailMsMean: ms, msMax: ms * 20 }
    case "bimodal":
      return { kind: "bimodal", usualMs: 20, slowMs: ms * 5, slowShare: drawShare(draws, 0.01, 0.3) }
  }
}

export const latency = defineFault({
  name: "latency",
  family: "network",
  standsFor: "a link that is long, busy, or both: how long each message takes is drawn from a distribution",
  fields: {
    ...linkFields,
    distribution: withDefault(
      Distribution,
      { kind: "exponential", msMin: 20, tailMsMean: 200, msMax: 20_000 },
      "of one-way times: `fixed` (`ms`), `uniform` (`msMin`, `msMax`), `exponential` (`msMin`, `tailMsMean`, `msMax`) or `bimodal` (`usualMs`, `slowMs`, `slowShare`)",
    ),
  },
  draw: (draws, servers) => ({
    fault: "latency",
    ...drawLinks(draws, servers),
    distribution: drawDistribution(draws),
  }),
  apply: ({ network }, fault) =>
    Effect.forEach(linkMatches(fault), (links) => network.adjust(links, { latency: fault.distribution }), {
      discard: true,
    }),
})
