/** What a server has begun of its own, and cannot end before another server answers. */
import { Context } from "effect"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { RemoteDevices } from "#spec-impl/federation/devices/remote-devices.ts"
import { ThirdPartyInvites } from "#spec-impl/federation/third-party-invites/third-party-invites.ts"
import type { VirtualServer } from "./world.ts"

export interface Unfinished {
  /** The servers any of which could help. */
  readonly towards: readonly string[]
  /** What it wants of it, for people. */
  readonly what: string
  /** The room that it is about, where it is about the history or state of one. */
  readonly roomId?: string
}

/** Beside its queues and the transactions under way. */
export const unfinishedOn = ({ services, resyncs }: VirtualServer): readonly Unfinished[] => [
  ...Context.get(services, ThirdPartyInvites)
    .awaited()
    .map(({ roomId, sender }) => ({
      towards: [domainOf(sender) ?? ""],
      what: `an invite of ${sender} to ${roomId}`,
    })),
  ...Context.get(services, RemoteDevices)
    .outdated()
    .map((userId) => ({ towards: [domainOf(userId) ?? ""], what: `the devices of ${userId}` })),
  // Of whom all have answered for long, nobody is waited for; whether it lacks what one of them holds is seen by that.
  ...resyncs
    .waiting()
    .filter(({ servers }) => servers.length > 0)
    .map(({ roomId, what, servers }) => ({ towards: servers, what: `the ${what} of ${roomId}`, roomId })),
]
