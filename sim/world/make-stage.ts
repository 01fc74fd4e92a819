import { Context, Effect, Scope } from "effect"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { LocalMedia } from "#spec-impl/federation/media/local-media.ts"
import { Media } from "#spec-impl/federation/media/media.ts"
import { Presence } from "#spec-impl/federation/presence/presence.ts"
import { Receipts } from "#spec-impl/federation/receipts/receipts.ts"
import { Spaces } from "#spec-impl/federation/spaces/spaces.ts"
import { Typing } from "#spec-impl/federation/typing/typing.ts"
import type { Network } from "../network/network.ts"
import type { Stage } from "./stage.ts"
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
  readonly network: Network["Service"]
  /** Ids of rules that this run leaves out. */
  readonly omit: ReadonlySet<string>
  readonly tell: (line: string) => void
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
  return {
    roomVersion: parts.roomVersion,
    servers: [...servers.keys()],
    user: (userId) => {
      const { users, services } = serverOf(userId)
      const media = Context.get(services, Media)
      const uploads = Context.get(services, LocalMedia)
      const typing = Context.get(services, Typing)
      const presence = Context.get(services, Presence)
      const receipts = Context.get(services, Receipts)
      const spaces = Context.get(services, Spaces)
      return {
        userId,
        createRoom: (wishes = {}) => users.createRoom(userId, { roomVersion: parts.roomVersion, ...wishes }),
        join: (roomId, via) => users.join(userId, roomId, via === undefined ? [] : [via]),
        say: (roomId, body) => users.send(userId, roomId, "m.room.message", { msgtype: "m.text", body }),
        setState: (roomId, type, content, stateKey = "") =>
          users.setState(userId, roomId, type, stateKey, content),
        invite: (roomId, target) => users.invite(userId, roomId, target),
        knock: (roomId, via) => users.knock(userId, roomId, via === undefined ? [] : [via]),
        kick: (roomId, target) => users.kick(userId, roomId, target),
        ban: (roomId, target) => users.ban(userId, roomId, target),
        leave: (roomId) => users.leave(userId, roomId),
        upload: (file, uri) => uploads.upload(userId, file, uri),
        announceUpload: Effect.map(uploads.create(userId), ({ uri }) => uri),
        download: media.download,
        thumbnail: media.thumbnail,
        walkSpace: (roomId, via) => spaces.walk(userId, roomId, { via: via === undefined ? [] : [via] }),
        startTyping: (roomId) => typing.start(userId, roomId),
        setPresence: (kind, statusMsg) => presence.set(userId, kind, statusMsg),
        read: (roomId, eventId, options) => receipts.read(userId, roomId, eventId, options),
        whoTypes: typing.typingIn,
        presenceOf: presence.presenceOf,
      }
    },
    tell: (line) => Effect.sync(() => parts.tell(line)),
    quiet: untilQuiet(servers, network),
    wait: (virtualMs) => Effect.sleep(virtualMs),
    stateOf: (server, roomId, type, stateKey = "") => {
      const dag = servers.get(server)?.rooms.find(roomId)?.dag
      return dag?.eventIn(dag.currentState(), type, stateKey)
    },
    partition: (...groups) => network.partition(groups),
    heal: network.heal,
    rule: (id, match, action) =>
      parts.omit.has(id)
        ? Effect.void
        : network.rule(match, action).pipe(Scope.provide(parts.scope), Effect.asVoid),
  }
}
