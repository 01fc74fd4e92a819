/** For tests: homeservers in a world, and a piece of a story played on them. */
import { Cause, Effect, Exit } from "effect"
import { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import type { WireRequest } from "#spec-impl/federation/wire.ts"
import type { HomeserverSettings } from "#spec-impl/homeserver/settings.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { Kernel } from "../../kernel/kernel.ts"
import { Trace } from "../../kernel/trace.ts"
import { Names } from "../../network/names.ts"
import { Network } from "../../network/network.ts"
import { bootIdentityServer, type VirtualIdentityServer } from "../identity-server.ts"
import { makeStage } from "../make-stage.ts"
import type { Stage } from "../stage.ts"
import { bootServer, type Transport, type VirtualServer } from "../world.ts"

/** What a test may look at. */
export interface Played {
  readonly stage: Stage
  readonly servers: ReadonlyMap<string, VirtualServer>
  readonly identityServers: ReadonlyMap<string, VirtualIdentityServer>
  readonly network: Network["Service"]
  readonly kernel: Kernel
  /** All requests that the servers sent, in order, those into a cut too. */
  readonly requests: readonly SentRequest[]
}

export interface SentRequest extends WireRequest {
  readonly virtualMs: number
}

export interface PlayOptions {
  readonly servers?: number
  readonly roomVersion?: string
  readonly seed?: number
  /** Names of identity servers. */
  readonly identityServers?: readonly string[]
  /** As a scenario has them. */
  readonly serverNames?: readonly string[]
  readonly transport?: Transport
  readonly settings?: Partial<HomeserverSettings>
  /** What is otherwise on one server. */
  readonly settingsOf?: (server: string) => Partial<HomeserverSettings>
}

/** Boots the servers, runs `story`, and gives what it gives; fails with what went wrong. */
export const play = async <A, E>(
  options: PlayOptions,
  story: (played: Played) => Effect.Effect<A, E>,
): Promise<A> => {
  const kernel = Kernel.make({ seed: options.seed ?? 1, trace: new Trace({ keep: true }) })
  const whole = Network.make(kernel)
  const requests: SentRequest[] = []
  const network: Network["Service"] = {
    ...whole,
    send: (request) => {
      requests.push({ ...request, virtualMs: kernel.elapsedMs })
      return whole.send(request)
    },
  }
  const signatures = synchronously(nativeSignatures("libsodium"))
  const exit = await kernel.run(
    Effect.scoped(
      Effect.gen(function* () {
        const servers = new Map<string, VirtualServer>()
        const { serverNames, transport = "http" } = options
        const names = serverNames === undefined ? undefined : yield* Names.make(kernel, network)
        for (let number = 1; number <= (options.servers ?? serverNames?.length ?? 2); number++) {
          const name = serverNames?.[number - 1] ?? `s${number}`
          yield* names?.house(name, `10.0.0.${number}`) ?? Effect.void
          const settings = { ...options.settings, ...options.settingsOf?.(name) }
          const parts = { kernel, network, names, signatures, settings, transport }
          servers.set(name, yield* bootServer(name, parts))
        }
        const identityServers = new Map<string, VirtualIdentityServer>()
        for (const name of options.identityServers ?? []) {
          identityServers.set(
            name,
            yield* bootIdentityServer(name, { kernel, network, signatures, settings: {} }),
          )
        }
        const scope = yield* Effect.scope
        const roomVersion = options.roomVersion ?? "12"
        const stage = makeStage({
          kernel,
          roomVersion,
          servers,
          identityServers,
          network,
          names,
          omit: new Set(),
          tell: () => undefined,
          notes: new Map(),
          scope,
        })
        return yield* story({ stage, servers, identityServers, network, kernel, requests })
      }),
    ),
  )
  if (Exit.isFailure(exit)) throw new Error(Cause.pretty(exit.cause))
  return exit.value
}

/** The error that an action ends in: of a Matrix error status, code and text. */
export const refusal = <A, E, R>(action: Effect.Effect<A, E, R>): Effect.Effect<string, A, R> =>
  Effect.map(Effect.flip(action), (error) => (error instanceof MatrixError ? error.message : String(error)))
