import { Effect } from "effect"
import { contentOf, withIncoming } from "./incoming.ts"
import type { Mutant } from "./mutant.ts"

export const messagesComeTwice: Mutant = {
  name: "messages-come-twice",
  wrong: "messages to devices are not known by their ids, nor transactions by theirs",
  killedBy: "once-only",
  mutation: {
    store: (store) => ({
      ...store,
      answered: () => Effect.succeed([]),
      answer: () => Effect.succeed(undefined),
    }),
    services: withIncoming((receive) => {
      let count = 0
      return (origin, transactionId, pdus, edus) => {
        const renamed = edus.map((edu) => {
          const content = contentOf(edu, "m.direct_to_device")
          if (content === undefined) return edu
          count += 1
          return { edu_type: "m.direct_to_device", content: { ...content, message_id: `another ${count}` } }
        })
        return receive(origin, transactionId, pdus, renamed)
      }
    }),
  },
}
