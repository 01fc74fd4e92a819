/** Answers that are not what the other server gave, or come very slowly. */
import { Schema } from "effect"
import type { Treatment } from "../../network/disturbances.ts"
import { withBody } from "../../network/rules.ts"
import { drawLinks, drawMs, drawShare } from "../draws.ts"
import { defineFault } from "../fault.ts"
import { requestFields, shareOf, withDefault } from "../fields.ts"
import { type Strike, striking } from "../strikes.ts"

/** Changes the bytes of an answer that has any. */
const changingBytes = (change: (body: Uint8Array) => Uint8Array): Treatment => ({
  alterReply: (response) =>
    response.body.length === 0 ? response : withBody(response, change(response.body)),
})

export const replyTruncated = defineFault({
  name: "reply-truncated",
  family: "network",
  standsFor: "the connection ends in the middle of an answer whose length nobody told: half a JSON text",
  fields: { ...requestFields, share: shareOf(0.1) },
  onBytes: true,
  draw: (draws, servers) => ({
    fault: "reply-truncated",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.02, 0.3),
  }),
  apply: (world, fault) =>
    world.network.disturb(
      striking(world, fault, ({ between }) =>
        changingBytes((body) => body.subarray(0, between(0, body.length - 1, "length"))),
      ),
    ),
})

/** One bit of one byte, drawn. */
const flipBit =
  ({ between }: Strike) =>
  (body: Uint8Array): Uint8Array => {
    const altered = body.slice()
    const at = between(0, body.length - 1, "byte")
    altered[at] = altered[at]! ^ (1 << between(0, 6, "bit"))
    return altered
  }

export const replyAltered = defineFault({
  name: "reply-altered",
  family: "network",
  standsFor: "a bad memory module in a proxy: one bit of an answer is not what it was",
  fields: { ...requestFields, share: shareOf(0.1) },
  onBytes: true,
  draw: (draws, servers) => ({
    fault: "reply-altered",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.02, 0.3),
  }),
  apply: (world, fault) =>
    world.network.disturb(striking(world, fault, (strike) => changingBytes(flipBit(strike)))),
})

export const slowBody = defineFault({
  name: "slow-body",
  family: "network",
  standsFor: "an answer that trickles in: its head comes at once, and its last byte after minutes",
  fields: {
    ...requestFields,
    share: shareOf(0.2),
    bytesPerSecond: withDefault(
      Schema.Int.check(Schema.isGreaterThan(0)),
      200,
      "how many bytes of the body arrive in a second",
    ),
  },
  onBytes: true,
  draw: (draws, servers) => ({
    fault: "slow-body",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.05, 0.5),
    bytesPerSecond: drawMs(draws, 10, 10_000, "bytes"),
  }),
  apply: (world, fault) =>
    world.network.disturb(
      striking(world, fault, () => ({
        answerDelayMs: ({ body }) => Math.ceil((body.length * 1_000) / fault.bytesPerSecond),
      })),
    ),
})
