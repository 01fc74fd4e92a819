import { Context, Effect, Scope } from "effect"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import { Spaces } from "#spec-impl/federation/spaces/spaces.ts"
import { ThirdPartyInvites } from "#spec-impl/federation/third-party-invites/third-party-invites.ts"
import type { Network } from "../network/network.ts"
import { deviceActs } from "./device-acts.ts"
import { ephemeralActs } from "./ephemeral-acts.ts"
import type { VirtualIdentityServer } from "./identity-server.ts"
import type { Stage } from "./stage.ts"
import { unfinishedOn } from "./unfinished.ts"
import type { VirtualServer } from "./world.ts"

/** Between two looks at whether a world is quiet, and how long one waits for it at most. */
const lookEveryMs = 500
const quietWaitMsMax = 3_600_000
/** Long enough for what is on its way to arrive. */
const quietLooks = 4

/** A stage, as told by whoever sets it. */
export interface StageParts {
  readonly roomVersion: string
  readonly servers: ReadonlyMap<string, VirtualServer>
  readonly identityServers?: ReadonlyMap<string, VirtualIdentityServer>
  readonly network: Network["Service"]
  /** Ids of rules that this run leaves out. */
  readonly omit: ReadonlySet<string>
  readonly tell: (line: string) => void
  /** What the story writes down, by name. */
  readonly notes: Map<string, JsonValue>
  /** Rules of the story live as long as this. */
  readonly scope: Scope.Scope
}

/** Waits until no server has anything to send or to fetch, but for what it cannot deliver. */
export const untilQuiet = Effect.fnUntraced(function* (
  servers: ReadonlyMap<string, VirtualServer>,
  network: Network["Service"],
) {
  let quietFor = 0
  for (let waitedMs = 0; waitedMs < quietWaitMsMax && quietFor < quietLooks; waitedMs += lookEveryMs) {
    yield* Effect.sleep(lookEveryMs)
    quietFor = [...servers.values()].every((server) => isQuiet(server, network)) ? quietFor + 1 : 0
  }
})

/** What waits for a link that is cut is not waited for. */
const isQuiet = (server: VirtualServer, network: Network["Service"]): boolean =>
  server.incoming.busy() === 0 &&
  unfinishedOn(server).every(({ towards }) => towards.every((other) => network.isCut(server.name, other))) &&
  server.destinations
    .unsent()
    .every(({ destination, failures }) => failures > 0 && network.isCut(server.name, destination))

/** The verbs over those servers and that network. */
export const makeStage = (parts: StageParts): Stage => {
  const { servers, network } = parts
  const serverOf = (userId: string): VirtualServer => {
    const server = servers.get(domainOf(userId) ?? "")
    if (server === undefined) throw new Error(`${userId} is of no server of this stage`)
    return server
  }
  const identityServerOf = (name: string): VirtualIdentityServer => {
    const server = parts.identityServers?.get(name)
    if (server === undefined) throw new Error(`${name} is no identity server of this stage`)
    return server
  }
  return {
    roomVersion: parts.roomVersion,
    servers: [...servers.keys()],
    user: (userId) => {
      const server = serverOf(userId)
      const { users, services } = server
      return {
        ...ephemeralActs(services, userId),
        ...deviceActs(server, userId),
        userId,
        createRoom: (wishes = {}) => users.createRoom(userId, { roomVersion: parts.roomVersion, ...wishes }),
        join: (roomId, via = []) => users.join(userId, roomId, typeof via === "string" ? [via] : via),
        say: (roomId, body) => users.send(userId, roomId, "m.room.message", { msgtype: "m.text", body }),
        setState: (roomId, type, content, stateKey = "") =>
          users.setState(userId, roomId, type, stateKey, content),
        invite: (roomId, target) => users.invite(userId, roomId, target),
        inviteByEmail: (roomId, address, name) => {
          const accessToken = identityServerOf(name).accessTokenOf(userId)
          const who = { medium: "email", address }
          return Context.get(services, ThirdPartyInvites).invite(userId, roomId, who, { name, accessToken })
        },
        bindEmail: (address, name) => identityServerOf(name).bind({ medium: "email", address }, userId),
        knock: (roomId, via) => users.knock(userId, roomId, via === undefined ? [] : [via]),
        kick: (roomId, target) => users.kick(userId, roomId, target),
        ban: (roomId, target) => users.ban(userId, roomId, target),
        walkSpace: (space, via) =>
          Context.get(services, Spaces).walk(userId, space, via === undefined ? {} : { via: [via] }),
        leave: (roomId) => users.leave(userId, roomId),
        redact: (roomId, eventId, reason) => users.redact(userId, roomId, eventId, reason),
        upgradeRoom: (roomId, newVersion) => users.upgradeRoom(userId, roomId, newVersion),
      }
    },
    tell: (line) => Effect.sync(() => parts.tell(line)),
    note: (name, seen) => Effect.sync(() => void parts.notes.set(name, seen)),
    quiet: untilQuiet(servers, network),
    wait: (virtualMs) => Effect.sleep(virtualMs),
    stateOf: (server, roomId, type, stateKey = "") => {
      const dag = servers.get(server)?.rooms.find(roomId)?.dag
      return dag?.eventIn(dag.currentState(), type, stateKey)
    },
    policyServerKeyOf: (server) => {
      const key = servers.get(server)?.identity.policyServerKey
      if (key === undefined) throw new Error(`${server} is no policy server`)
      return encodeBase64(key.publicKey)
    },
    partition: (...groups) => network.partition(groups),
    heal: network.heal,
    rule: (id, match, action) =>
      parts.omit.has(id)
        ? Effect.void
        : network.rule(match, action).pipe(Scope.provide(parts.scope), Effect.asVoid),
  }
}
