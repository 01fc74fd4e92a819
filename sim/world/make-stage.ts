import { Effect, Scope } from "effect"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import type { LocalUsers } from "#spec-impl/homeserver/local-users.ts"
import type { Network } from "../network/network.ts"
import type { Stage, StageFailure } from "./stage.ts"
import type { VirtualServer } from "./world.ts"

/** Between two looks at whether a world is quiet, and how long one waits for it at most. */
const lookEveryMs = 500
const quietWaitMsMax = 3_600_000
/** Long enough for what is on its way to arrive. */
const quietLooks = 4

/** A stage, as told by whoever sets it. */
export interface StageParts {
  readonly roomVersion: string
  /** The boot of each server that is up, or was up last. */
  readonly servers: Map<string, VirtualServer>
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
    const isQuietNow = [...servers.values()].every((server) =>
      isQuiet(server, (name) => network.isCut(server.name, name) || servers.get(name)?.isDown() === true),
    )
    quietFor = isQuietNow ? quietFor + 1 : 0
  }
})

/** What waits for a link that is cut, or for a server that is down, is not waited for. */
const isQuiet = (server: VirtualServer, isAway: (destination: string) => boolean): boolean =>
  server.isDown() ||
  (server.incoming.busy() === 0 &&
    server.destinations.unsent().every(({ destination, failures }) => failures > 0 && isAway(destination)))

/** The verbs over those servers and that network. */
export const makeStage = (parts: StageParts): Stage => {
  const { servers, network } = parts
  const serverNamed = (name: string): VirtualServer => {
    const server = servers.get(name)
    if (server === undefined) throw new Error(`there is no server ${name} on this stage`)
    return server
  }
  /** The users of that user's server, of whichever boot is up when one of them acts. */
  const usersOf = (userId: string): LocalUsers["Service"] => {
    const name = domainOf(userId) ?? ""
    return new Proxy(serverNamed(name).users, {
      get:
        (_, verb: keyof LocalUsers["Service"]) =>
        (...given: readonly never[]) =>
          Effect.suspend(() => {
            const { users, isDown } = serverNamed(name)
            const act = users[verb] as (...given: readonly never[]) => Effect.Effect<unknown, StageFailure>
            return isDown() ? Effect.die(new Error(`${name} is down`)) : act(...given)
          }),
    })
  }
  return {
    roomVersion: parts.roomVersion,
    servers: [...servers.keys()],
    user: (userId) => {
      const users = usersOf(userId)
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
    crash: (server) => Effect.suspend(() => serverNamed(server).crash),
    restart: (server) =>
      Effect.gen(function* () {
        const before = serverNamed(server)
        if (!before.isDown()) yield* before.crash
        servers.set(server, yield* before.reboot)
      }),
    rotateKey: (server) =>
      Effect.map(
        Effect.suspend(() => serverNamed(server).identity.rotateKey),
        ({ keyId }) => keyId,
      ),
    rule: (id, match, action) =>
      parts.omit.has(id)
        ? Effect.void
        : network.rule(match, action).pipe(Scope.provide(parts.scope), Effect.asVoid),
  }
}
