/** Runs a scenario in virtual time: the story, the healing, one settling message from each server, the verdicts. */
import { performance } from "node:perf_hooks"
import { Cause, Effect, Exit, Scope } from "effect"
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import type { Readings } from "#spec-impl/core/readings.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { Kernel } from "../kernel/kernel.ts"
import { StoppedAtStep } from "../kernel/kernel-failures.ts"
import type { Trace, TraceRecord } from "../kernel/trace.ts"
import { Names } from "../network/names.ts"
import { Network } from "../network/network.ts"
import { bootIdentityServer, type VirtualIdentityServer } from "./identity-server.ts"
import { judge } from "./judge.ts"
import { makeStage, untilQuiet } from "./make-stage.ts"
import type { RunReport, ScenarioReport } from "./report.ts"
import type { Scenario } from "./scenario.ts"
import { settle } from "./settle.ts"
import { type MemoHits, sharedResults } from "./shared-results.ts"
import { eventIdsIn } from "./transaction-event-ids.ts"
import { bootServer, type Transport, type VirtualServer } from "./world.ts"

export interface RunOptions {
  readonly seed: number
  readonly roomVersions: readonly string[]
  readonly servers?: number
  readonly transport: Transport
  /** First in, first out, and no fiber put back: as transports are compared. */
  readonly inOrder?: boolean
  /** Stops after that step: the run is reported as far as it came. */
  readonly until?: number
  /** Ids of entries of the story that are left out. */
  readonly omit?: readonly string[]
  readonly readings?: Partial<Readings>
  /** Whether virtual servers share the results of pure functions: the trace is the same either way. */
  readonly memo?: boolean
  /** Told of all that goes into the trace, as it happens. */
  readonly onRecord?: (record: TraceRecord) => void
  /** More may be asked of the servers when a run is over, once for each run. */
  readonly onEnd?: (servers: ReadonlyMap<string, VirtualServer>) => void
  /** What the trace goes into, where it is to be looked at step by step. */
  readonly trace?: Trace
  /** Told how often the memos had an answer, once for each run. */
  readonly onMemoHits?: (hits: MemoHits) => void
}

/** A story that broke off: an action in it was refused, or the simulation went wrong. */
export class BrokenRun extends Error {}

/** Runs `scenario` once for each room version. Throws `BrokenRun` with what went wrong. */
export const runScenario = async (scenario: Scenario, options: RunOptions): Promise<ScenarioReport> => {
  const runs: RunReport[] = []
  for (const id of options.roomVersions) runs.push(await runOnce(scenario, id, options))
  const { seed, transport } = options
  return { scenario: scenario.name, seed, transport, runs, replay: replayOf(scenario, options) }
}

const replayOf = (
  scenario: Scenario,
  { seed, roomVersions, servers, transport, until }: RunOptions,
): string =>
  [
    `./netsplit run ${scenario.name} --seed ${seed} --room-version ${roomVersions.join(",")}`,
    ...(servers === undefined || servers === scenario.serversDefault ? [] : [`--servers ${servers}`]),
    ...(transport === "http" ? [] : [`--transport ${transport}`]),
    ...(until === undefined ? [] : [`--until ${until}`]),
  ].join(" ")

const runOnce = async (scenario: Scenario, versionId: string, options: RunOptions): Promise<RunReport> => {
  const startMs = performance.now()
  const kernel = Kernel.make({
    seed: options.seed,
    ...(options.inOrder ? { shuffle: false, preemption: 0 } : {}),
    ...(options.until === undefined ? {} : { stopAtStep: options.until }),
    ...(options.trace === undefined ? {} : { trace: options.trace }),
  })
  if (options.onRecord !== undefined) kernel.trace.listen(options.onRecord)
  const version = roomVersion(versionId)
  const network = Network.make(kernel, version === undefined ? {} : { eventIdsOf: eventIdsIn(version) })
  const shared = sharedResults(options)
  const servers = new Map<string, VirtualServer>()
  const story: string[] = []
  const notes = new Map<string, JsonValue>()
  const exit = await kernel.run(
    Effect.scoped(
      Effect.gen(function* () {
        const names = scenario.serverNames === undefined ? undefined : yield* Names.make(kernel, network)
        for (let number = 1; number <= (options.servers ?? scenario.serversDefault); number++) {
          const name = scenario.serverNames?.[number - 1] ?? `s${number}`
          yield* names?.house(name, `10.0.0.${number}`) ?? Effect.void
          const settings = { ...shared.settings, ...scenario.settingsOf?.(name) }
          const { signatures } = shared
          const { transport } = options
          const parts = { kernel, network, names, signatures, settings, transport }
          servers.set(name, yield* bootServer(name, parts))
        }
        const identityServers = new Map<string, VirtualIdentityServer>()
        for (const name of scenario.identityServers ?? []) {
          const parts = { kernel, network, ...shared, transport: options.transport }
          identityServers.set(name, yield* bootIdentityServer(name, parts))
        }
        return yield* tell(scenario, {
          kernel,
          roomVersion: versionId,
          servers,
          identityServers,
          network,
          names,
          story,
          notes,
          omit: new Set(options.omit),
        })
      }),
    ),
  )
  options.onMemoHits?.(shared.hits())
  options.onEnd?.(servers)
  const stopped = stoppedAt(exit)
  if (Exit.isFailure(exit) && stopped === undefined) {
    throw new BrokenRun(`${scenario.name}: ${Cause.pretty(exit.cause)}`)
  }
  const told = Exit.isSuccess(exit) ? exit.value : { roomIds: anyRoomOf(servers), unsettled: [] }
  const { parting, ...judged } = judge({
    ...told,
    servers: [...servers.values()],
    notes,
    wanted: scenario.wanted,
  })
  const verdicts =
    stopped === undefined ? judged : { ...judged, ...unknown, why: `Stopped at step ${stopped}.` }
  const expected = scenario.expected(versionId)
  return {
    roomVersion: versionId,
    ...verdicts,
    ...(verdicts.agree === "no" && parting !== undefined ? { cause: parting.cause } : {}),
    expected,
    asExpected: (["agree", "wanted", "live"] as const).every((name) => verdicts[name] === expected[name]),
    traceHash: kernel.trace.hash(),
    steps: kernel.trace.steps,
    virtualMs: kernel.elapsedMs,
    wallMs: Math.round(performance.now() - startMs),
    servers: servers.size,
    events: countEvents(told.roomIds, servers),
    requests: network.requests(),
    story,
  }
}

const unknown = { agree: "unknown", wanted: "unknown", live: "unknown" } as const

const stoppedAt = (exit: Exit.Exit<unknown, unknown>): number | undefined => {
  const failure = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return failure instanceof StoppedAtStep ? failure.step : undefined
}

const countEvents = (roomIds: readonly string[], servers: ReadonlyMap<string, VirtualServer>): number => {
  const eventIds = new Set<string>()
  for (const { rooms } of servers.values()) {
    for (const roomId of roomIds) {
      for (const { event } of rooms.find(roomId)?.dag.records() ?? [])
        eventIds.add(`${roomId} ${event.eventId}`)
    }
  }
  return eventIds.size
}

/** The room of a story that has not been told to its end. */
const anyRoomOf = (servers: ReadonlyMap<string, VirtualServer>): readonly string[] =>
  [...servers.values()]
    .flatMap(({ rooms }) => rooms.all())
    .slice(0, 1)
    .map(({ roomId }) => roomId)

interface Telling {
  readonly kernel: Kernel
  readonly roomVersion: string
  readonly servers: Map<string, VirtualServer>
  readonly identityServers: ReadonlyMap<string, VirtualIdentityServer>
  readonly network: Network["Service"]
  readonly names: Names | undefined
  readonly story: string[]
  readonly omit: ReadonlySet<string>
  readonly notes: Map<string, JsonValue>
}

/** The story with its faults; then everything is healed, and each server sends a message that settles it. */
const tell = Effect.fnUntraced(function* (scenario: Scenario, telling: Telling) {
  const { servers, network, story } = telling
  const scope = yield* Scope.make()
  const stage = makeStage({ ...telling, scope, tell: (line) => void story.push(line) })
  const told = yield* scenario.story(stage)
  const roomIds = typeof told === "string" ? [told] : told
  yield* Scope.close(scope, Exit.void)
  yield* network.heal
  for (const [name, server] of servers) if (server.isDown()) yield* stage.restart(name)
  yield* untilQuiet(servers, network)
  const unsettled: string[] = []
  for (const server of servers.values()) {
    for (const roomId of roomIds) {
      if (!(yield* settle(server, roomId))) unsettled.push(server.name)
    }
    yield* untilQuiet(servers, network)
  }
  return { roomIds, unsettled }
})
