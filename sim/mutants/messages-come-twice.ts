import { contentOf, withIncoming } from "./incoming.ts"
import type { Mutant } from "./mutant.ts"

export const messagesComeTwice: Mutant = {
  name: "messages-come-twice",
  wrong: "what comes again is not known by its id: neither a transaction, nor a message to a device",
  killedBy: "once-only",
  mutation: {
    services: withIncoming((receive) => {
      let count = 0
      return (origin, transactionId, pdus, edus) => {
        count += 1
        const renamed = edus.map((edu) => {
          const content = contentOf(edu, "m.direct_to_device")
          const messageId = `${content?.message_id} ${count}`
          return content === undefined
            ? edu
            : { edu_type: "m.direct_to_device", content: { ...content, message_id: messageId } }
        })
        return receive(origin, `${transactionId} ${count}`, pdus, renamed)
      }
    }),
  },
}
