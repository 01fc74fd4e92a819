/**
 * The events that an honest server holds are what their ids, hashes and signatures say, what they cite is held, and the
 * forward extremities are exactly those that they must be (`room-consistency.ts`).
 */
import type { Event } from "#spec-impl/core/event.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { eventSignatureChecks, requiredSigners } from "#spec-impl/core/signing.ts"
import type { Room } from "#spec-impl/homeserver/rooms.ts"
import type { Check, CheckedWorld } from "./check.ts"
import { findGraphProblems, findTipProblems } from "./room-consistency.ts"
import { problemsByRoom } from "./whole-rooms.ts"

export const eventGraph: Check = {
  name: "event-graph",
  about:
    "ids are what hashes say, signatures those of who must sign, auth chains are closed, forward extremities exact",
  watch: (world) => {
    const keys = new KnownSigners(world)
    const verified = new Set<string>()
    return {
      onRecord: ({ kind, fields }) => {
        if (kind !== "event") return []
        const [server, roomId, , , verdict] = fields.map(String) as [string, string, string, string, string]
        keys.note(server)
        return verdict === "accepted" ? [] : tipProblems(world, server, roomId)
      },
      atEnd: () => {
        for (const name of world.servers.keys()) keys.note(name)
        return problemsByRoom(world, (room) => [
          ...findGraphProblems(room.dag),
          ...unsignedIn(room, verified, keys),
        ])
      },
    }
  },
}

/** Once an event was rejected or soft-failed: when all is over what comes later has covered the tips that were wrong. */
const tipProblems = (
  { servers, honest }: CheckedWorld,
  server: string,
  roomId: string,
): readonly string[] => {
  const room = honest.includes(server) ? servers.get(server)?.rooms.find(roomId) : undefined
  return room === undefined || room.partial !== undefined
    ? []
    : findTipProblems(room.dag).map((problem) => `${server}, ${roomId}: ${problem}`)
}

/** The keys that servers signed by, as long as anybody could see them. */
class KnownSigners {
  readonly #world: CheckedWorld
  /** By server and key id: one id may have stood for several keys, where a machine was set up anew. */
  readonly #keys = new Map<string, Uint8Array[]>()
  /** What was noted last of each server. */
  readonly #last = new Map<string, Uint8Array>()

  constructor(world: CheckedWorld) {
    this.#world = world
  }

  note(server: string): void {
    const identity = this.#world.servers.get(server)?.identity
    if (identity === undefined || this.#last.get(server) === identity.signingKey.publicKey) return
    this.#last.set(server, identity.signingKey.publicKey)
    for (const { keyId, publicKey } of [identity.signingKey, ...identity.oldKeys]) {
      const name = `${server} ${keyId}`
      this.#keys.set(name, [...(this.#keys.get(name) ?? []), publicKey])
    }
  }

  /** Whether the event has a signature of that server; undefined where nobody knows the key of one. */
  hasSigned(server: string, event: Event, version: Parameters<typeof eventSignatureChecks>[1]) {
    const checks = eventSignatureChecks(event, version, server).map((check) => ({
      ...check,
      keys: this.#keys.get(`${server} ${check.keyId}`),
    }))
    const isSigned = checks.some(({ keys, message, signature }) =>
      keys?.some((key) => this.#world.verify(key, message, signature)),
    )
    return isSigned || checks.every(({ keys }) => keys !== undefined) ? isSigned : undefined
  }
}

/** Copies of one event have the same signatures: one is looked at (§Validating hashes and signatures on received events). */
const unsignedIn = ({ dag, version: { id } }: Room, verified: Set<string>, keys: KnownSigners) => {
  const version = roomVersion(id) ?? dag.rules.version
  return [...dag.records()].flatMap(({ event }) => {
    if (verified.has(`${event.roomId} ${event.eventId}`)) return []
    verified.add(`${event.roomId} ${event.eventId}`)
    return requiredSigners(event, version)
      .filter((server) => keys.hasSigned(server, event, version) === false)
      .map((server) => `${event.eventId} is held, and ${server} has not signed it`)
  })
}
