/** What a user does, by way of the services of its server. */
import { Context } from "effect"
import { Spaces } from "#spec-impl/federation/spaces/spaces.ts"
import { ThirdPartyInvites } from "#spec-impl/federation/third-party-invites/third-party-invites.ts"
import { deviceActs } from "./device-acts.ts"
import { ephemeralActs } from "./ephemeral-acts.ts"
import type { VirtualIdentityServer } from "./identity-server.ts"
import { mediaActs } from "./media-acts.ts"
import type { Actor } from "./stage.ts"
import type { VirtualServer } from "./world.ts"

export interface ActorParts {
  /** The user's own, as it is up now. */
  readonly server: VirtualServer
  readonly userId: string
  /** Of the rooms that it makes, unless it says otherwise. */
  readonly roomVersion: string
  readonly identityServerOf: (name: string) => VirtualIdentityServer
}

export const makeActor = ({ server, userId, roomVersion, identityServerOf }: ActorParts): Actor => {
  const { users, services } = server
  return {
    ...ephemeralActs(services, userId),
    ...deviceActs(server, userId),
    ...mediaActs(services, userId),
    userId,
    createRoom: (wishes = {}) => users.createRoom(userId, { roomVersion, ...wishes }),
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
    leave: (roomId) => users.leave(userId, roomId),
    redact: (roomId, eventId, reason) =>
      users.redact(userId, roomId, eventId, reason === undefined ? {} : { reason }),
    upgradeRoom: (roomId, newVersion) => users.upgradeRoom(userId, roomId, newVersion),
    walkSpace: (space, via) =>
      Context.get(services, Spaces).walk(userId, space, via === undefined ? {} : { via: [via] }),
  }
}
