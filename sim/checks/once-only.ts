/** What may happen once at most, however often requests come: a transaction, a message to a device, and the giving of a one-time key. */
import { Context } from "effect"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { LocalDevices } from "#spec-impl/federation/devices/local-devices.ts"
import { ToDevice } from "#spec-impl/federation/to-device/to-device.ts"
import type { VirtualServer } from "../world/world.ts"
import type { Check } from "./check.ts"

export const onceOnly: Check = {
  name: "once-only",
  about:
    "a transaction is taken in once, a message to a device comes once, and a one-time key is given to one claimer",
  watch: ({ servers, honest, claimed, users, rolledBack }) => {
    const taken = new Set<string>()
    /** Requests that claim keys, by their id; and whether the answer to one was another than was given. */
    const claims = new Set<string>()
    let isClaimAltered = false
    return {
      onRecord: ({ kind, fields }) => {
        const id = String(fields[0])
        if (kind === "request" && String(fields[4]).endsWith("/user/keys/claim")) claims.add(id)
        if (kind === "altered-answer" && claims.has(id)) isClaimAltered = true
        return []
      },
      onCommit: (server, { answers = [] }) =>
        answers
          .map(({ origin, transactionId }) => `${server} the transaction ${transactionId} of ${origin}`)
          .filter((name) => {
            if (taken.has(name)) return !rolledBack.has(server)
            taken.add(name)
            return false
          })
          .map((name) => `${name} was taken in twice`),
      atEnd: () => [
        // Nobody has signed under which id a key is given: one that was altered on its way may be another's.
        ...repeated(
          isClaimAltered
            ? []
            : claimed.filter((key) => !rolledBack.has(domainOf(key.split(" ")[0] ?? "") ?? "")),
        ).map((key) => `the one-time key ${key} was given twice`),
        // Servers on a backup send again what they have forgotten to have sent.
        ...(rolledBack.size > 0 ? [] : honest).flatMap((name) => {
          const server = servers.get(name)
          return server === undefined ? [] : users.flatMap((userId) => inboxProblems(server, userId))
        }),
      ],
    }
  },
}

const repeated = (items: readonly string[]): readonly string[] => {
  const seen = new Set<string>()
  return items.filter((item) => {
    if (seen.has(item)) return true
    seen.add(item)
    return false
  })
}

/** Plans give each message to a device content of its own. */
const inboxProblems = ({ name, services }: VirtualServer, userId: string): readonly string[] => {
  if (domainOf(userId) !== name) return []
  const devices = Context.get(services, LocalDevices).listOf(userId)?.devices ?? {}
  return Object.keys(devices).flatMap((deviceId) => {
    const { messages } = Context.get(services, ToDevice).inbox(userId, deviceId)
    return repeated(messages.map(({ sender, content }) => `${sender} ${canonicalJson(content)}`)).map(
      (message) => `the message ${message} came twice to ${userId}, ${deviceId}`,
    )
  })
}
