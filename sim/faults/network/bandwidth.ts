/** Links that carry so much in a second, and no more. */
import { Schema } from "effect"
import { drawLinks, drawMs } from "../draws.ts"
import { defineFault } from "../fault.ts"
import { linkFields, withDefault } from "../fields.ts"
import { onLinks } from "../strikes.ts"

/** What a request and an answer weigh besides their bodies: heads, signatures, frames. */
const headBytes = 600

export const bandwidthCap = defineFault({
  name: "bandwidth-cap",
  family: "network",
  standsFor: "a narrow line: each message waits until those before it have gone through",
  fields: {
    ...linkFields,
    bytesPerSecond: withDefault(
      Schema.Int.check(Schema.isGreaterThan(0)),
      10_000,
      "what each link carries in each direction, answers with it",
    ),
  },
  onBytes: true,
  draw: (draws, servers) => ({
    fault: "bandwidth-cap",
    ...drawLinks(draws, servers),
    bytesPerSecond: drawMs(draws, 300, 100_000, "bytes"),
  }),
  apply: ({ network }, fault) => {
    const isCapped = onLinks(fault)
    const freeAtMs = new Map<string, number>()
    /** When the last byte is through, from now. */
    const queue = (source: string, destination: string, bytes: number, nowMs: number): number => {
      if (!isCapped(source, destination)) return 0
      const link = `${source}\n${destination}`
      const beginsMs = Math.max(nowMs, freeAtMs.get(link) ?? 0)
      const endsMs = beginsMs + Math.ceil((bytes * 1_000) / fault.bytesPerSecond)
      freeAtMs.set(link, endsMs)
      return endsMs - nowMs
    }
    return network.disturb({
      name: fault.id ?? fault.fault,
      treat: ({ facts: { request } }, virtualMs) => {
        const { source, destination, target, body } = request
        if (!isCapped(source, destination) && !isCapped(destination, source)) return undefined
        return {
          delayMs: queue(source, destination, headBytes + target.length + body.length, virtualMs),
          answerDelayMs: (answer, nowMs) => queue(destination, source, headBytes + answer.body.length, nowMs),
        }
      },
    })
  },
})
