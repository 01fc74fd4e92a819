import { contentOf, withIncoming } from "./incoming.ts"
import type { Mutant } from "./mutant.ts"

export const devicesNeverGo: Mutant = {
  name: "devices-never-go",
  wrong:
    "updates of device lists are taken note of only where a device comes to be: its name and its end are passed over",
  killedBy: "device-lists",
  mutation: {
    services: withIncoming((receive) => {
      const known = new Set<string>()
      return (origin, transactionId, pdus, edus) =>
        receive(
          origin,
          transactionId,
          pdus,
          edus.filter((edu) => {
            const content = contentOf(edu, "m.device_list_update")
            if (content === undefined) return true
            const device = `${content.user_id} ${content.device_id}`
            const isNew = !known.has(device) && content.deleted !== true
            known.add(device)
            return isNew
          }),
        )
    }),
  },
}
