/** Requests and answers that are lost, come twice, or come late. */
import { drawLinks, drawMs, drawShare } from "../draws.ts"
import { defineFault } from "../fault.ts"
import { Milliseconds, requestFields, shareOf, withDefault } from "../fields.ts"
import { striking } from "../strikes.ts"

export const loss = defineFault({
  name: "loss",
  family: "network",
  standsFor: "requests that never arrive: their callers hear nothing, and give up after a while",
  fields: { ...requestFields, share: shareOf(0.1) },
  draw: (draws, servers) => ({
    fault: "loss",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.02, 0.5),
  }),
  apply: (world, fault) => world.network.disturb(striking(world, fault, () => ({ loses: "request" }))),
})

export const replyLoss = defineFault({
  name: "reply-loss",
  family: "network",
  standsFor: "the other server did what it was asked, and its answer is lost: nobody knows that it did",
  fields: { ...requestFields, share: shareOf(0.1) },
  draw: (draws, servers) => ({
    fault: "reply-loss",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.02, 0.5),
  }),
  apply: (world, fault) => world.network.disturb(striking(world, fault, () => ({ loses: "answer" }))),
})

export const duplication = defineFault({
  name: "duplication",
  family: "network",
  standsFor: "a proxy that sends a request once more, of which the first came through after all",
  fields: {
    ...requestFields,
    share: shareOf(0.1),
    afterMsMax: withDefault(Milliseconds, 5_000, "how long after the first the copy arrives at most"),
  },
  draw: (draws, servers) => ({
    fault: "duplication",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.05, 0.5),
    afterMsMax: drawMs(draws, 1, 60_000),
  }),
  apply: (world, fault) =>
    world.network.disturb(
      striking(world, fault, ({ between }) => ({ copyAfterMs: between(0, fault.afterMsMax, "copy") })),
    ),
})

export const reordering = defineFault({
  name: "reordering",
  family: "network",
  standsFor: "requests that take another route, and are overtaken by later ones",
  fields: {
    ...requestFields,
    share: shareOf(0.3),
    delayMsMax: withDefault(Milliseconds, 2_000, "how much longer such a request is on its way at most"),
  },
  draw: (draws, servers) => ({
    fault: "reordering",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.1, 0.9),
    delayMsMax: drawMs(draws, 10, 20_000),
  }),
  apply: (world, fault) =>
    world.network.disturb(
      striking(world, fault, ({ between }) => ({ delayMs: between(0, fault.delayMsMax, "delay") })),
    ),
})
