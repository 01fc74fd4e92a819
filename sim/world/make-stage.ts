import { Deferred, Effect, Exit, Scope } from "effect"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import { applyFault } from "../faults/catalogue.ts"
import type { FaultWorld } from "../faults/fault.ts"
import type { Kernel } from "../kernel/kernel.ts"
import type { Names } from "../network/names.ts"
import type { Network } from "../network/network.ts"
import type { VirtualIdentityServer } from "./identity-server.ts"
import { makeActor } from "./make-actor.ts"
import type { Actor, Stage } from "./stage.ts"
import { unfinishedOn } from "./unfinished.ts"
import type { Boot, VirtualServer } from "./world.ts"

/** Between two looks at whether a world is quiet, and how long one waits for it at most. */
const lookEveryMs = 500
const quietWaitMsMax = 3_600_000
/** Long enough for what is on its way to arrive. */
const quietLooks = 4

/** A stage, as told by whoever sets it. */
export interface StageParts {
  readonly kernel: Kernel
  readonly roomVersion: string
  /** The boot of each server that is up, or was up last. */
  readonly servers: Map<string, VirtualServer>
  readonly identityServers?: ReadonlyMap<string, VirtualIdentityServer>
  readonly network: Network["Service"]
  readonly names?: Names | undefined
  /** Ids of rules that this run leaves out. */
  readonly omit: ReadonlySet<string>
  readonly tell: (line: string) => void
  /** What the story writes down, by name. */
  readonly notes: Map<string, JsonValue>
  /** The ids of rooms that faults name otherwise, as plans do. */
  readonly roomIdOf?: (name: string) => string | undefined
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
const isQuiet = (server: VirtualServer, isAway: (other: string) => boolean): boolean =>
  server.isDown() ||
  (server.incoming.busy() === 0 &&
    unfinishedOn(server).every(({ towards }) => towards.every(isAway)) &&
    server.destinations.unsent().every(({ destination, failures }) => failures > 0 && isAway(destination)))

/** The verbs over those servers and that network. */
export const makeStage = (parts: StageParts): Stage => {
  const { servers, network } = parts
  const serverNamed = (name: string): VirtualServer => {
    const server = servers.get(name)
    if (server === undefined) throw new Error(`there is no server ${name} on this stage`)
    return server
  }
  const identityServerOf = (name: string): VirtualIdentityServer => {
    const server = parts.identityServers?.get(name)
    if (server === undefined) throw new Error(`${name} is no identity server of this stage`)
    return server
  }
  /** By boot of a server, and user: what one can do there is said once. */
  const actors = new WeakMap<VirtualServer, Map<string, Actor>>()
  const actorOf = (userId: string): Actor => {
    const server = serverNamed(domainOf(userId) ?? "")
    const known = actors.get(server) ?? new Map<string, Actor>()
    actors.set(server, known)
    const actor =
      known.get(userId) ?? makeActor({ server, userId, roomVersion: parts.roomVersion, identityServerOf })
    known.set(userId, actor)
    return actor
  }
  /** Acts through whichever boot of the user's server is up at the time. */
  const act = (userId: string, verb: keyof Actor, given: readonly never[]): unknown => {
    const { name, isDown } = serverNamed(domainOf(userId) ?? "")
    if (isDown()) return Effect.die(new Error(`${name} is down`))
    // A process that stands still answers its users when it goes on.
    if (parts.kernel.isPaused(name)) {
      return Effect.andThen(
        parts.kernel.untilAwake(name),
        Effect.suspend(() => act(userId, verb, given) as Effect.Effect<unknown>),
      )
    }
    return (actorOf(userId)[verb] as (...given: readonly never[]) => unknown)(...given)
  }
  const boots = new Map<string, Deferred.Deferred<void>>()
  const restart = (server: string) =>
    Effect.gen(function* () {
      const underWay = boots.get(server)
      // A boot that takes its time, for its disk is slow, is the one that is asked for.
      if (underWay !== undefined) return yield* Deferred.await(underWay)
      const done = Deferred.makeUnsafe<void>()
      boots.set(server, done)
      const before = serverNamed(server)
      if (!before.isDown()) yield* before.crash
      const boot: Boot = { fence: undefined, server: undefined }
      const booting = Effect.ensuring(
        before.reboot(boot),
        Effect.sync(() => {
          // Whoever waits for it finds the server that is up now. Of a boot that has come to nothing nothing goes on.
          if (boot.server === undefined) boot.fence?.fall()
          else servers.set(server, boot.server)
          boots.delete(server)
          Deferred.doneUnsafe(done, Effect.void)
        }),
      )
      yield* booting
    })
  const { kernel, names } = parts
  const world: FaultWorld = {
    kernel,
    network,
    servers,
    names,
    ...(parts.roomIdOf === undefined ? {} : { roomIdOf: parts.roomIdOf }),
    // A server that cannot read or write its disk stays down, and so does one that is kept down.
    restart: (server) =>
      Effect.suspend(() =>
        serverNamed(server).host.keptDownBy.size > 0 ? Effect.void : restart(server),
      ).pipe(
        Effect.catch(({ reason }) => Effect.sync(() => kernel.trace.record("boot-failed", server, reason))),
      ),
  }
  return {
    roomVersion: parts.roomVersion,
    servers: [...servers.keys()],
    user: (userId) =>
      new Proxy(actorOf(userId), {
        get: (actor, verb: keyof Actor) =>
          typeof actor[verb] === "function"
            ? (...given: readonly never[]) => act(userId, verb, given)
            : actor[verb],
      }),
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
    get names() {
      if (parts.names === undefined) throw new Error("servers of this stage are found without names")
      return parts.names
    },
    heal: network.heal,
    crash: (server) => Effect.suspend(() => serverNamed(server).crash),
    restart,
    rotateKey: (server) =>
      Effect.map(
        Effect.suspend(() => serverNamed(server).identity.rotateKey),
        ({ keyId }) => keyId,
      ),
    rule: (id, match, action) =>
      parts.omit.has(id)
        ? Effect.void
        : network.rule(match, action).pipe(Scope.provide(parts.scope), Effect.asVoid),
    fault: Effect.fnUntraced(function* (fault) {
      if (fault.id !== undefined && parts.omit.has(fault.id)) return Effect.void
      const scope = fault.lasting ? yield* Scope.make() : yield* Scope.fork(parts.scope)
      yield* applyFault(world, fault).pipe(Scope.provide(scope))
      return Scope.close(scope, Exit.void)
    }),
  }
}
