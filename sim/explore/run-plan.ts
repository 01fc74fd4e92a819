/**
 * Runs a plan in virtual time. Three phases: what goes wrong; then a core of servers is healed and must converge while
 * the others stay cut off; then all are healed, each says something that settles it, and the verdicts are read.
 */
import { Cause, Effect, Exit, Scope } from "effect"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import type { HomeserverSettings } from "#spec-impl/homeserver/settings.ts"
import type { StoreGroup } from "#spec-impl/store/event-store.ts"
import type { Acknowledged, CheckedWorld, MessageToDevice, Watch } from "../checks/check.ts"
import { checks } from "../checks/checks.ts"
import { findMissing } from "../checks/liveness.ts"
import { AmbientSource } from "../kernel/guard.ts"
import { Kernel } from "../kernel/kernel.ts"
import { KernelExhausted, StoppedAtStep } from "../kernel/kernel-failures.ts"
import type { Trace, TraceRecord } from "../kernel/trace.ts"
import { mutantNamed } from "../mutants/catalogue.ts"
import { Network } from "../network/network.ts"
import { judge } from "../world/judge.ts"
import { makeStage, untilQuiet } from "../world/make-stage.ts"
import type { Cause as PartingCause } from "../world/report.ts"
import { settle } from "../world/settle.ts"
import { sharedResults } from "../world/shared-results.ts"
import { bootServer, type Transport, type VirtualServer } from "../world/world.ts"
import { watchGoals } from "./goals.ts"
import { Overheard } from "./overheard.ts"
import { participantsOf, roomIdsOf } from "./participants.ts"
import { performAll } from "./perform.ts"
import { isFault, type Plan } from "./plan.ts"
import { findReset, shapeOfDisagreement } from "./shapes.ts"
import { shapeOfStanding } from "./standing.ts"

export interface PlanRunOptions {
  readonly transport: Transport
  /** Stops after that step. */
  readonly until?: number
  /** Whether virtual servers share the results of pure functions: the trace is the same either way. */
  readonly memo?: boolean
  /** Told of all that goes into the trace, as it happens. */
  readonly onRecord?: (record: TraceRecord) => void
  /** What the trace goes into, where it is to be looked at step by step. */
  readonly trace?: Trace
  /** More may be asked of the servers while they are there. */
  readonly onEnd?: (world: CheckedWorld, lastServer: string) => void
  /** No run that comes to an end takes more steps. */
  readonly stepsMax?: number
  /** All that is asked of the run: nothing else is checked or counted, and it ends where that is seen. */
  readonly lookFor?: Sought
}

/** A failure of one check that a run is looked through for. */
export interface Sought {
  readonly check: string
  readonly isIt: (failure: Failure) => boolean
}

/** Something that must hold in every run, and did not. */
export interface Failure {
  /** The checker, or the verdict, by name. */
  readonly check: string
  readonly why: string
  /** The kind of failure that it is recognised as, by what servers did; null where it is none that is known. */
  readonly shape: string | null
  /** Of `agree`: why servers disagree. */
  readonly cause?: PartingCause
}

/** What a run of a plan comes to. */
export interface PlanRun {
  readonly failures: readonly Failure[]
  /** Verdicts that nobody could give, and why. */
  readonly unknown: readonly string[]
  readonly traceHash: string
  readonly steps: number
  readonly virtualMs: number
  readonly events: number
  /** Those that there were before anything was healed. */
  readonly storyEvents: number
  readonly requests: number
  /** By entry: what became of it. */
  readonly outcomes: ReadonlyMap<string, string>
  /** How often each goal of a search was reached. */
  readonly goals: Readonly<Record<string, number>>
  /** Whether it was stopped, as it was told to. */
  readonly stopped: boolean
  /** The server that the last step was of. */
  readonly lastServer: string
}

const stepsMaxDefault = 20_000_000
const problemsMax = 5

/** A setting that a plan does not say is the default; keys are asked of any other server that has them. */
const settingsOf = (plan: Plan, name: string): Partial<HomeserverSettings> => {
  const { settings = {}, roomVersions } = plan.servers.find((server) => server.name === name)!
  const { unfillableGap, ...others } = settings
  return {
    ...others,
    ...(unfillableGap === undefined ? {} : { readings: { ...readingsDefault, unfillableGap } }),
    ...(roomVersions === undefined
      ? {}
      : { roomVersions: roomVersions.flatMap((id) => roomVersion(id) ?? []) }),
    notaries: plan.servers.map((server) => server.name).filter((other) => other !== name),
  }
}

/** Runs it. Never throws for what happens in the run: a defect is a failure like any other. */
export const runPlan = async (plan: Plan, options: PlanRunOptions): Promise<PlanRun> => {
  const kernel = Kernel.make({
    seed: plan.seed,
    stepsMax: options.stepsMax ?? stepsMaxDefault,
    ...(options.until === undefined ? {} : { stopAtStep: options.until }),
    ...(options.trace === undefined ? {} : { trace: options.trace }),
  })
  if (options.onRecord !== undefined) kernel.trace.listen(options.onRecord)
  const network = Network.make(kernel)
  const servers = new Map<string, VirtualServer>()
  const acknowledged: Acknowledged[] = []
  const claimed: string[] = []
  const sentToDevices: MessageToDevice[] = []
  const loggedOut = new Set<string>()
  const hostile = new Set(
    plan.entries.flatMap((entry) =>
      isFault(entry) && entry.fault.fault === "hostile-event" ? [entry.fault.server] : [],
    ),
  )
  const rolledBack = new Set<string>()
  const honest = plan.servers.map(({ name }) => name).filter((name) => !hostile.has(name))
  const isAltered = plan.entries.some((entry) => isFault(entry) && entry.fault.fault === "reply-altered")
  const shared = sharedResults(options)
  const world: CheckedWorld = {
    resolve: shared.settings.resolve,
    verify: shared.signatures.verify,
    isAltered,
    kernel,
    servers,
    honest,
    users: plan.users,
    rolledBack,
    acknowledged,
    claimed,
    sentToDevices,
    loggedOut,
  }
  const { lookFor } = options
  const isAsked = (check: string): boolean => lookFor === undefined || lookFor.check === check
  const failures: Failure[] = []
  const fail = (...told: readonly Failure[]): void => {
    failures.push(...told)
    if (lookFor !== undefined && told.some(lookFor.isIt)) kernel.stopAtStep = kernel.trace.steps
  }
  const unknown: string[] = []
  const outcomes = new Map<string, string>()
  let storyEvents = 0
  const watches = checks
    .filter(({ name }) => isAsked(name))
    .map(({ name, watch }) => ({ name, ...watch(world) }))
  const watchers = watches.filter(({ onRecord }) => onRecord !== undefined)
  const goals = watchGoals()
  if (lookFor === undefined) kernel.trace.listen(goals.onRecord)
  const overheard = new Overheard(world)
  kernel.trace.listen((record) => {
    overheard.onRecord(record)
    if (record.kind === "rollback") rolledBack.add(String(record.fields[0]))
    for (const { name, onRecord } of watchers) {
      for (const why of onRecord!(record)) fail({ check: name, why, shape: null })
    }
  })
  const onCommit = (server: string, group: StoreGroup): void => {
    overheard.onCommit(server, group)
    for (const { name, onCommit } of watches) {
      for (const why of onCommit?.(server, group) ?? []) fail({ check: name, why, shape: null })
    }
  }
  const exit = await kernel.run(
    Effect.scoped(
      Effect.gen(function* () {
        for (const { name, mutant } of plan.servers) {
          const mutation = mutant === undefined ? undefined : mutantNamed(mutant)?.mutation
          const settings = {
            ...shared.settings,
            // What a mutant makes of it is nobody else's.
            ...(mutation === undefined ? {} : { resolve }),
            ...settingsOf(plan, name),
          }
          const { signatures } = shared
          const { transport } = options
          const parts = { kernel, network, signatures, settings, transport, onCommit, mutation }
          servers.set(name, yield* bootServer(name, parts))
        }
        const scope = yield* Scope.make()
        const roomIds = new Map<string, string>()
        const stage = makeStage({
          kernel,
          roomVersion: "12",
          servers,
          network,
          omit: new Set(),
          tell: () => undefined,
          notes: new Map(),
          roomIdOf: (name) => roomIds.get(name),
          scope,
        })
        const haveBegun = yield* performAll(plan, {
          kernel,
          stage,
          servers,
          roomIds,
          outcomes,
          acknowledge: (said) => void acknowledged.push(said),
          claimed: (key) => void claimed.push(key),
          sentToDevices: (message) => void sentToDevices.push(message),
          loggedOut: (device) => void loggedOut.add(device),
          onDefect: (why) => fail({ check: "no-defect", why, shape: null }),
        })
        storyEvents = countEvents(servers)
        yield* Scope.close(scope, Exit.void)
        for (let looks = 0; looks < beginningLooksMax && !haveBegun(); looks++)
          yield* Effect.sleep(beginningMs)
        fail(...(yield* healCore(plan, world, overheard, network, stage.restart)))
        yield* network.heal
        yield* restartAll(servers, stage.restart)
        yield* untilQuiet(servers, network)
        const unsettled = yield* settleAll([...servers.values()], servers, network)
        const verdicts = judgeAll(world, overheard, unsettled, isAsked)
        fail(...verdicts.failures)
        unknown.push(...verdicts.unknown)
        fail(...endProblems(watches))
      }),
    ),
  )
  const stop = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  const stopped = stop instanceof StoppedAtStep
  if (stop instanceof KernelExhausted)
    failures.push({ check: "comes-to-an-end", why: stop.message, shape: null })
  else if (stop !== undefined && !stopped) {
    failures.push({
      check: stop instanceof AmbientSource ? "determinism" : "no-defect",
      why: stop instanceof Error ? stop.message : String(stop),
      shape: null,
    })
  }
  if (lookFor === undefined) goals.atEnd([...servers.values()])
  options.onEnd?.(world, kernel.lastServer)
  return {
    failures,
    unknown,
    traceHash: kernel.trace.hash(),
    steps: kernel.trace.steps,
    virtualMs: kernel.elapsedMs,
    events: countEvents(servers),
    storyEvents,
    requests: network.requests(),
    outcomes,
    goals: goals.counts(),
    stopped,
    lastServer: kernel.lastServer,
  }
}

/** Between two looks whether all faults have begun, and so ended; one that waits for a server that has crashed never does. */
const beginningMs = 1_000
const beginningLooksMax = 600

type Restart = (server: string) => Effect.Effect<void, unknown>

/** A server that cannot boot, for its disk is not well, stays down. */
const restartAll = Effect.fnUntraced(function* (
  servers: ReadonlyMap<string, VirtualServer>,
  restart: Restart,
) {
  for (const [name, server] of servers) if (server.isDown()) yield* Effect.ignore(restart(name))
})

/** The core is whole and by itself: the others are cut off, also from each other, or down. */
const healCore = Effect.fnUntraced(function* (
  plan: Plan,
  world: CheckedWorld,
  overheard: Overheard,
  network: Network["Service"],
  restart: Restart,
) {
  const { servers, honest, rolledBack } = world
  if (plan.core.length === 0) return []
  const others = plan.servers.map(({ name }) => name).filter((name) => !plan.core.includes(name))
  yield* network.heal
  yield* network.partition([plan.core, ...others.map((name) => [name])])
  const coreOf = (): Map<string, VirtualServer> =>
    new Map(plan.core.map((name) => [name, servers.get(name)!]))
  yield* restartAll(coreOf(), restart)
  yield* untilQuiet(coreOf(), network)
  yield* settleAll([...coreOf().values()], coreOf(), network)
  const core = [...coreOf().values()].filter(({ name }) => honest.includes(name))
  return roomIdsOf(core).flatMap((roomId): readonly Failure[] => {
    const participants = participantsOf(roomId, core, rolledBack)
    const held = participants.map(({ name, rooms }) => ({ server: name, dag: rooms.find(roomId)!.dag }))
    const judged = { participants, within: core, everybody: servers, rolledBack, overheard }
    return findMissing(held).map((why) => ({
      check: "core-live",
      why: `${roomId}: ${why}`,
      shape: shapeOfStanding(judged, roomId),
    }))
  })
})

/** Each server says something in each of its rooms. Gives who could not, as room and server. */
const settleAll = Effect.fnUntraced(function* (
  settlers: readonly VirtualServer[],
  servers: ReadonlyMap<string, VirtualServer>,
  network: Network["Service"],
) {
  const unsettled = new Map<string, string[]>()
  for (const server of settlers) {
    if (server.isDown()) continue
    for (const { roomId } of server.rooms.all()) {
      if (yield* settle(server, roomId)) continue
      unsettled.set(roomId, [...(unsettled.get(roomId) ?? []), server.name])
    }
    yield* untilQuiet(servers, network)
  }
  return unsettled
})

const judgeAll = (
  { honest, servers, rolledBack }: CheckedWorld,
  overheard: Overheard,
  unsettled: ReadonlyMap<string, readonly string[]>,
  isAsked: (check: string) => boolean,
): { readonly failures: readonly Failure[]; readonly unknown: readonly string[] } => {
  const failures: Failure[] = []
  const unknown: string[] = []
  const up = honest.flatMap((name) => servers.get(name) ?? [])
  for (const roomId of roomIdsOf(up)) {
    const participants = participantsOf(roomId, up, rolledBack)
    if (isAsked("agree") || isAsked("live")) {
      const judged = { participants, within: up, everybody: servers, rolledBack, overheard }
      const silent = (unsettled.get(roomId) ?? []).filter((name) =>
        participants.some((server) => server.name === name),
      )
      const { agree, live, why, parting } = judge({
        servers: participants,
        roomIds: [roomId],
        unsettled: silent,
        notes: new Map(),
        wanted: () => true,
      })
      if (live === "no")
        failures.push({ check: "live", why: `${roomId}: ${why}`, shape: shapeOfStanding(judged, roomId) })
      if (agree === "no" && parting !== undefined) {
        const shape = shapeOfDisagreement(judged, roomId, parting)
        failures.push({ check: "agree", why: `${roomId}: ${why}`, cause: parting.cause, shape })
      }
      if (agree === "unknown") unknown.push(`${roomId}: ${why}`)
    }
    const reset = isAsked("no-reset") ? findReset(participants, roomId) : undefined
    if (reset !== undefined) {
      const why = `${roomId}: a resolution on ${reset.server} lost what every state had`
      failures.push({ check: "no-reset", why, shape: reset.shape })
    }
  }
  return { failures, unknown }
}

const endProblems = (watches: readonly (Watch & { readonly name: string })[]): readonly Failure[] =>
  watches.flatMap(({ name, atEnd }) => {
    const problems = atEnd?.() ?? []
    const [first] = problems
    if (first === undefined) return []
    const more = problems.length > 1 ? `, and ${problems.length - 1} more` : ""
    return [{ check: name, why: `${problems.slice(0, problemsMax).join("; ")}${more}`, shape: null }]
  })

const countEvents = (servers: ReadonlyMap<string, VirtualServer>): number => {
  const eventIds = new Set<string>()
  for (const { rooms } of servers.values()) {
    for (const { roomId, dag } of rooms.all()) {
      for (const { event } of dag.records()) eventIds.add(`${roomId} ${event.eventId}`)
    }
  }
  return eventIds.size
}
