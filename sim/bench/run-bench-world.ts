/** Runs a world of the bench, and says what it came to and whether all its servers agree. */
import { performance } from "node:perf_hooks"
import { Cause, Effect, Exit, Scope } from "effect"
import { Kernel } from "../kernel/kernel.ts"
import { Network } from "../network/network.ts"
import { makeStage } from "../world/make-stage.ts"
import { sharedResults } from "../world/shared-results.ts"
import { bootServer, type Transport, type VirtualServer } from "../world/world.ts"
import { type BenchWorld, benchRoomVersion } from "./bench-world.ts"
import { findDisagreement } from "./disagreement.ts"

export interface BenchOptions {
  readonly transport: Transport
  readonly onProgress?: (chapter: string, done: number, total: number) => void
}

/** What one world came to. */
export interface SimFigure {
  readonly name: string
  readonly transport: Transport
  readonly wallMs: number
  readonly virtualMs: number
  readonly servers: number
  /** Of the room. */
  readonly events: number
  readonly requests: number
  readonly steps: number
  /** The most memory that the process has held up to the end of it. */
  readonly rssMiB: number
  /** What it held more than before the first server was there, by servers. */
  readonly bytesPerServer: number
  /** Whether all hold the same extremities and state of the room, and nobody has anything left to send. */
  readonly agree: boolean
  /** Why not; null where they do. */
  readonly why: string | null
  readonly traceHash: string
}

/** Throws where the simulation itself goes wrong, or an act of the story is refused. */
export const runBenchWorld = async (world: BenchWorld, options: BenchOptions): Promise<SimFigure> => {
  const startMs = performance.now()
  const startBytes = process.memoryUsage.rss()
  const kernel = Kernel.make({ seed: 1, stepsMax: Number.POSITIVE_INFINITY })
  const network = Network.make(kernel)
  const shared = sharedResults({})
  const servers = new Map<string, VirtualServer>()
  const progress = (chapter: string, done: number, total: number) =>
    Effect.sync(() => options.onProgress?.(chapter, done, total))
  const exit = await kernel.run(
    Effect.scoped(
      Effect.gen(function* () {
        for (let number = 1; number <= world.servers; number++) {
          const name = `s${number}`
          const settings = { ...shared.settings, ...world.settings }
          const parts = {
            kernel,
            network,
            signatures: shared.signatures,
            settings,
            transport: options.transport,
          }
          servers.set(name, yield* bootServer(name, parts))
          yield* progress("booting", number, world.servers)
        }
        const stage = makeStage({
          kernel,
          roomVersion: benchRoomVersion,
          servers,
          network,
          omit: new Set(),
          tell: () => undefined,
          notes: new Map(),
          scope: yield* Scope.make(),
        })
        return yield* world.story({ kernel, stage, servers, progress })
      }),
    ),
  )
  if (Exit.isFailure(exit)) throw new Error(`${world.name}: ${Cause.pretty(exit.cause)}`)
  const roomId = exit.value
  const why = findDisagreement(roomId, [...servers.values()])
  const rssBytes = process.resourceUsage().maxRSS * 1_024
  return {
    name: world.name,
    transport: options.transport,
    wallMs: Math.round(performance.now() - startMs),
    virtualMs: kernel.elapsedMs,
    servers: servers.size,
    events: countEvents(roomId, servers),
    requests: network.requests(),
    steps: kernel.trace.steps,
    rssMiB: Math.round(rssBytes / 1_048_576),
    bytesPerServer: Math.round(Math.max(0, rssBytes - startBytes) / servers.size),
    agree: why === null,
    why,
    traceHash: kernel.trace.hash(),
  }
}

const countEvents = (roomId: string, servers: ReadonlyMap<string, VirtualServer>): number => {
  const eventIds = new Set<string>()
  for (const { rooms } of servers.values()) {
    for (const { event } of rooms.find(roomId)?.dag.records() ?? []) eventIds.add(event.eventId)
  }
  return eventIds.size
}
