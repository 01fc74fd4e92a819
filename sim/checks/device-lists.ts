/** Servers that share a room with a user hold the devices that its own server has (§Device Management). */
import { Context } from "effect"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { RemoteDevices } from "#spec-impl/federation/devices/remote-devices.ts"
import { DeviceKeyQueries } from "#spec-impl/federation/encryption/device-key-queries.ts"
import { serversSharingWith } from "#spec-impl/homeserver/shared-rooms.ts"
import type { VirtualServer } from "../world/world.ts"
import type { Check } from "./check.ts"

export const deviceLists: Check = {
  name: "device-lists",
  about:
    "when all is healed, whoever shares a room with a user and holds its devices holds the ones that there are",
  watch: ({ servers, honest, users, rolledBack, isAltered }) => ({
    atEnd: () => {
      if (isAltered) return []
      const trusted = honest.filter((name) => !rolledBack.has(name))
      return users
        .filter((userId) => trusted.includes(domainOf(userId) ?? ""))
        .flatMap((userId) => {
          const own = servers.get(domainOf(userId) ?? "")
          const others = trusted
            .filter((name) => name !== own?.name)
            .flatMap((name) => servers.get(name) ?? [])
          return own === undefined ? [] : others.flatMap((other) => problemsOf(userId, own, other))
        })
    },
  }),
}

/** By the word of both they share a room, and what is held is not known to be outdated. */
const problemsOf = (userId: string, own: VirtualServer, other: VirtualServer): readonly string[] => {
  const remote = Context.get(other.services, RemoteDevices)
  const isShared = remote.sharesRoom(userId) && serversSharingWith(own.rooms, userId).has(other.name)
  if (!isShared || remote.outdated().includes(userId)) return []
  const held = devicesOf(other, userId)
  const wanted = devicesOf(own, userId)
  return held === undefined || held === wanted
    ? []
    : [`${other.name} holds of ${userId} the devices ${held || "none"}, and there are ${wanted || "none"}`]
}

const devicesOf = ({ services }: VirtualServer, userId: string): string | undefined => {
  const list = Context.get(services, DeviceKeyQueries).held(userId)
  return list === undefined
    ? undefined
    : Object.entries(list.devices)
        .map(([deviceId, { displayName }]) => `${deviceId} (${displayName ?? ""})`)
        .sort(compareCodePoints)
        .join(", ")
}
