/** A message to a device gets there, however long that takes (§Send-to-device messaging; client-server API there). */
import { Context } from "effect"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { isJsonObject } from "#spec-impl/core/json/value.ts"
import { LocalDevices } from "#spec-impl/federation/devices/local-devices.ts"
import { ToDevice } from "#spec-impl/federation/to-device/to-device.ts"
import type { VirtualServer } from "../world/world.ts"
import type { Check, MessageToDevice } from "./check.ts"

export const messagesArrive: Check = {
  name: "messages-arrive",
  about:
    "when all is healed, a device that was there before a message was sent to it, and is there still, has that message",
  watch: ({ servers, honest, rolledBack, isAltered, sentToDevices, loggedOut }) => ({
    atEnd: () => {
      if (isAltered) return []
      const isTrusted = (name: string): boolean =>
        honest.includes(name) && !rolledBack.has(name) && servers.get(name)?.isDown() === false
      return sentToDevices.flatMap((message) => {
        const from = domainOf(message.sender) ?? ""
        const to = servers.get(domainOf(message.target) ?? "")
        if (to === undefined || !isTrusted(from) || !isTrusted(to.name)) return []
        // What is still under way is late, and for others to judge.
        const unsent = servers.get(from)?.destinations.unsent() ?? []
        if (unsent.some(({ destination }) => destination === to.name)) return []
        return message.devices
          .filter((deviceId) => !loggedOut.has(`${message.target} ${deviceId}`))
          .filter((deviceId) => !hasCome(to, message, deviceId))
          .map(
            (deviceId) =>
              `the message ${message.from} of ${message.sender} has not come to ${message.target}, ${deviceId}`,
          )
      })
    },
  }),
}

/** Plans say in each message by which entry it was sent. */
const hasCome = (
  { services }: VirtualServer,
  { target, from }: MessageToDevice,
  deviceId: string,
): boolean => {
  const isThere = Context.get(services, LocalDevices).listOf(target)?.devices[deviceId] !== undefined
  const { messages } = Context.get(services, ToDevice).inbox(target, deviceId)
  return !isThere || messages.some(({ content }) => isJsonObject(content) && content.from === from)
}
