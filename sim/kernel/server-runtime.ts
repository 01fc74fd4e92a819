/** What each virtual server has for itself: its scheduler with its own draws, its clock, chance, spans, metrics. */
import {
  type Clock,
  Clock as ClockModule,
  Console,
  Context,
  type Effect,
  type Fiber,
  Logger,
  Metric,
  Random,
  Scheduler,
  Tracer,
} from "effect"
import { HttpClient } from "effect/http"
import { hashParts, type KeyedChance } from "./keyed-chance.ts"
import type { TaskKeeper } from "./run-queue.ts"
import type { ServerDraws } from "./server-draws.ts"
import type { ClockError } from "./virtual-clock.ts"

/** Where a server's tasks go. */
export interface TaskSink {
  readonly enqueue: (server: ServerRuntime, priority: number, task: () => void) => void
}

/** Everything about one server that the kernel holds. */
export interface ServerRuntime extends TaskKeeper, ServerDraws {
  readonly name: string
  /** Of the name: it stands for the server in the trace. */
  readonly hash: number
  readonly services: Context.Context<never>
  /** Gives an effect these. */
  readonly within: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The scheduler and clock of what it has sent, which is on its way though the server be paused. */
  readonly wire: Context.Context<never>
  /** What is wrong with its clock, beside the offset. */
  readonly clockErrors: Set<ClockError>
  /** By how much the server's own clock is ahead of virtual time. */
  clockOffsetMs: number
}

/** By how much the server's clock is ahead at that instant of virtual time, all that is wrong with it included. */
export const offsetMsOf = ({ clockOffsetMs, clockErrors }: ServerRuntime, virtualMs: number): number => {
  let offsetMs = clockOffsetMs
  for (const error of clockErrors) offsetMs += Math.round(error.offsetMs(virtualMs))
  return offsetMs
}

/** How fast its clock is. */
export const rateOf = ({ clockErrors }: ServerRuntime): number => {
  let rate = 1
  for (const error of clockErrors) rate *= error.rate
  return rate
}

/** What stands for a server in the trace. */
export const serverHash = (name: string): number => {
  const [hash, other] = hashParts([0, 0], [name])
  return hash ^ other
}

/** The server whose fiber it is. */
export const CurrentServer = Context.Reference<string>("netsplit/CurrentServer", { defaultValue: () => "" })

/** A scheduler whose tasks go to the one run queue, and which preempts by its server's own draws. */
export const makeScheduler = (server: () => ServerRuntime, sink: TaskSink): Scheduler.Scheduler => {
  const dispatcher: Scheduler.SchedulerDispatcher = {
    scheduleTask: (task, priority) => sink.enqueue(server(), priority, task),
    flush: () => undefined,
  }
  return {
    executionMode: "async",
    makeDispatcher: () => dispatcher,
    // Never at the first operation after a resume: a fiber that is preempted there makes no headway.
    shouldYield: (fiber: Fiber.Fiber<unknown, unknown>) => fiber.currentOpCount > 1 && server().preempts(),
  }
}

/** The services that keep a server's fibers off everything ambient. */
export const makeServices = (parts: {
  readonly name: string
  readonly scheduler: Scheduler.Scheduler
  readonly clock: Clock.Clock
  readonly chance: KeyedChance
  readonly draw: () => number
}): Context.Context<never> =>
  Context.empty().pipe(
    Context.add(CurrentServer, parts.name),
    Context.add(Scheduler.Scheduler, parts.scheduler),
    Context.add(ClockModule.Clock, parts.clock),
    Context.add(Random.Random, makeRandom(parts.draw)),
    Context.add(Tracer.Tracer, makeTracer(parts.name, parts.chance)),
    Context.add(Metric.MetricRegistry, new Map()),
    Context.add(Logger.CurrentLoggers, new Set()),
    Context.add(Console.Console, silentConsole),
    Context.add(HttpClient.TracerDisabledWhen, () => true),
  )

/** The services of what a server has sent: it goes on by that scheduler and clock. */
export const makeWireServices = (
  scheduler: Scheduler.Scheduler,
  clock: Clock.Clock,
): Context.Context<never> =>
  Context.empty().pipe(Context.add(Scheduler.Scheduler, scheduler), Context.add(ClockModule.Clock, clock))

const makeRandom = (draw: () => number): Context.Service.Shape<typeof Random.Random> => {
  const unit = (): number => ((draw() >>> 5) * 0x400_0000 + (draw() >>> 6)) / 2 ** 53
  return {
    nextDoubleUnsafe: unit,
    nextIntUnsafe: () =>
      Math.floor(unit() * (Number.MAX_SAFE_INTEGER - Number.MIN_SAFE_INTEGER + 1)) + Number.MIN_SAFE_INTEGER,
  }
}

/** Spans with ids by server and count. */
const makeTracer = (name: string, chance: KeyedChance): Tracer.Tracer => {
  let count = 0
  const hex = (length: number, ...key: readonly string[]): string =>
    Buffer.from(chance.bytes(length / 2, "span", name, ...key)).toString("hex")
  return Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      count += 1
      span._spanId = hex(16, "id", String(count))
      if (options.parent._tag === "None") span._traceId = hex(32, "trace", String(count))
      return span
    },
  })
}

const nothing = (): void => undefined
const silentConsole: Console.Console = new Proxy({} as Console.Console, { get: () => nothing })
