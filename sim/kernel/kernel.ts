/**
 * The deterministic kernel: one run queue, one virtual clock, one source of chance for all virtual servers.
 *
 * Tasks of all servers stand in one queue, in an order drawn from the seed when they are put in. The kernel runs
 * them, synchronously, until none is left; then it moves virtual time to the next timer. While it does, the
 * guard is armed: nothing else is asked for time, chance or order. A real promise is awaited by the kernel
 * itself, which holds virtual time until all outstanding ones are settled, and delivers them in order of issue.
 */
import { Context, Effect, Exit, Latch, Layer } from "effect"
import { provideOften } from "#spec-impl/homeserver/provide-often.ts"
import { AmbientSource, whileGuarded } from "./guard.ts"
import { KernelExhausted, KernelStalled, StoppedAtStep } from "./kernel-failures.ts"
import { hashParts, KeyedChance } from "./keyed-chance.ts"
import { makeRunQueue } from "./run-queue.ts"
import { makeServerDraws } from "./server-draws.ts"
import {
  CurrentServer,
  makeScheduler,
  makeServices,
  makeWireServices,
  offsetMsOf,
  rateOf,
  type ServerRuntime,
  serverHash,
} from "./server-runtime.ts"
import { Timers } from "./timers.ts"
import { Trace } from "./trace.ts"
import { byRate, type ClockError, makeVirtualClock } from "./virtual-clock.ts"

export interface KernelOptions {
  readonly seed: number
  /** Whether the order of tasks is drawn; else it is first in, first out. */
  readonly shuffle?: boolean
  /** How likely a fiber is to be put back at each of its operations. */
  readonly preemption?: number
  /** Virtual time at the start, since the epoch. */
  readonly startMs?: number
  readonly trace?: Trace
  readonly stepsMax?: number
  /** How long the run may last in virtual time. */
  readonly virtualMsMax?: number
  /** Stops after that step. */
  readonly stopAtStep?: number
}

/** What goes on without the server that began it. */
export interface Wire {
  /** Does something in so much virtual time; where that is none, once what is due before has run. */
  readonly after: (ms: number, task: () => void) => void
  /** Does something once `effect` has ended. */
  readonly until: (effect: Effect.Effect<void>, task: () => void) => void
}

interface Outstanding {
  readonly server: ServerRuntime
  /** Begins the work, and gives what tells its result to who waits. */
  readonly settle: () => Promise<() => void>
}

const startMsDefault = 1_700_000_000_000

export class Kernel {
  readonly chance: KeyedChance
  readonly trace: Trace
  /** The step after which the run ends, if it comes to that. */
  stopAtStep: number
  readonly #options: Required<Omit<KernelOptions, "trace" | "stopAtStep">>
  readonly #queue = makeRunQueue()
  readonly #timers: Timers
  readonly #servers = new Map<string, ServerRuntime>()
  /** Open while a server is not paused. */
  readonly #latches = new Map<string, Latch.Latch>()
  readonly #labelHashes = new Map<string, number>()
  #outstanding: Outstanding[] = []
  #turn = 0
  #nowMs: number

  private constructor(options: KernelOptions) {
    this.#options = {
      seed: options.seed,
      shuffle: options.shuffle ?? true,
      preemption: options.preemption ?? 0.1,
      startMs: options.startMs ?? startMsDefault,
      stepsMax: options.stepsMax ?? 50_000_000,
      virtualMsMax: options.virtualMsMax ?? Number.POSITIVE_INFINITY,
    }
    this.stopAtStep = options.stopAtStep ?? Number.POSITIVE_INFINITY
    this.chance = new KeyedChance(options.seed)
    this.trace = options.trace ?? new Trace()
    this.#nowMs = this.#options.startMs
    this.#timers = new Timers(this.#options.startMs)
  }

  /** The server whose step was the last; none, where it was that of who drives the run. */
  get lastServer(): string {
    const hash = this.trace.lastServerHash
    return [...this.#servers.values()].find((server) => server.hash === hash)?.name ?? ""
  }

  static make(options: KernelOptions): Kernel {
    return new Kernel(options)
  }

  /** Virtual time since the epoch. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Virtual time since the start of the run. */
  get elapsedMs(): number {
    return this.#nowMs - this.#options.startMs
  }

  /** What a fiber must have to live in this kernel, as one of that server's. */
  services(server: string): Context.Context<never> {
    return this.#server(server).services
  }

  /** Gives an effect that server's scheduler, clock and chance. */
  within(server: string): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> {
    return this.#server(server).within
  }

  /** Builds a layer as that server's, with a memo map that neither another server shares nor its next boot. */
  buildLayer<A, E, R>(server: string, layer: Layer.Layer<A, E, R>) {
    return Effect.flatMap(Effect.scope, (scope) =>
      Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope),
    ).pipe(this.within(server))
  }

  /** By how much a server's clock is to be ahead of virtual time. */
  setClockOffsetMs(server: string, offsetMs: number): void {
    this.#server(server).clockOffsetMs = offsetMs
  }

  /** Has a server's clock be wrong in that way, too, until the function that is given is called. */
  disturbClock(server: string, error: ClockError): () => void {
    const { clockErrors } = this.#server(server)
    clockErrors.add(error)
    return () => void clockErrors.delete(error)
  }

  /**
   * Stops a server as SIGSTOP would: it runs nothing, though its timers go off and requests reach it, until `resume`.
   * What it has sent already goes its way.
   */
  pause(server: string): void {
    this.#server(server).keptBack ??= []
    this.#awake(server).closeUnsafe()
  }

  /** Lets a server go on with all that it has been kept from. */
  resume(server: string): void {
    const runtime = this.#server(server)
    const kept = runtime.keptBack ?? []
    runtime.keptBack = undefined
    for (const task of kept) this.#queue.push(task)
    this.#awake(server).openUnsafe()
  }

  /** Whether a server is paused. */
  isPaused(server: string): boolean {
    return this.#server(server).keptBack !== undefined
  }

  /** Waits until a server is not paused. */
  untilAwake(server: string): Effect.Effect<void> {
    return this.#awake(server).await
  }

  /** How what that server has sent goes on, though the server be paused. */
  wire(name: string): Wire {
    const server = this.#server(name)
    return {
      after: (ms, task) => {
        if (ms > 0) this.#at(server, this.#nowMs + ms, task, true)
        else this.#enqueue(server, 0, task, true)
      },
      until: (effect, task) =>
        Effect.runForkWith(Context.merge(server.services, server.wire))(effect).addObserver(task),
    }
  }

  /** Has a server do something once it is awake and what is due before has run. */
  enqueue(name: string, task: () => void): void {
    this.#enqueue(this.#server(name), 0, task)
  }

  /** Has a server do something when its own clock has gone on by that much, unless what is given is called before. */
  later(name: string, ms: number, task: () => void): () => void {
    const server = this.#server(name)
    return this.#at(server, this.#nowMs + byRate(ms, rateOf(server)), task, false)
  }

  /** As `seam`, for what is no fiber: does it now, or puts it back. */
  seamBefore(name: string, label: string, task: () => void): void {
    const server = this.#server(name)
    if (this.#isPutBack(server, label)) this.#enqueue(server, 0, task)
    else task()
  }

  /**
   * A point where a fiber of that server may be put back, by the seed, before what `begin` gives: run loops inline
   * steps, so seams must say where they are.
   */
  seam<A, E, R>(name: string, label: string, begin: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const server = this.#server(name)
    return Effect.suspend(() =>
      this.#isPutBack(server, label) ? Effect.andThen(Effect.yieldNow, Effect.suspend(begin)) : begin(),
    )
  }

  /**
   * Awaits a real promise, the only way that there is to. It is issued outside the simulation once nothing else
   * is left to do at this instant; virtual time stands until it is settled. A rejection dies with its reason.
   */
  awaitPromise<A>(issue: () => Promise<A>): Effect.Effect<A> {
    return Effect.withFiber((fiber) =>
      Effect.callback<A>((resume) => {
        const settle = (): Promise<() => void> =>
          issue().then(
            (value) => () => resume(Effect.succeed(value)),
            (reason) => () => resume(Effect.die(reason)),
          )
        this.#outstanding.push({ server: this.#server(Context.get(fiber.context, CurrentServer)), settle })
      }),
    )
  }

  /** Runs `effect` to its end, with all that it forks; what is left then is abandoned. */
  async run<A, E>(
    effect: Effect.Effect<A, E>,
    options: { readonly server?: string } = {},
  ): Promise<Exit.Exit<A, E | KernelStalled | KernelExhausted | StoppedAtStep>> {
    const server = this.#server(options.server ?? "")
    let exit: Exit.Exit<A, E | KernelStalled | KernelExhausted | StoppedAtStep> | undefined
    this.#enqueue(server, 0, () => {
      Effect.runForkWith(server.services)(effect).addObserver((ended) => {
        exit = ended
      })
    })
    while (exit === undefined) {
      const failure = this.#runGuarded(() => exit !== undefined)
      if (failure instanceof AmbientSource) return Exit.die(failure)
      if (exit !== undefined) break
      if (failure !== undefined) return Exit.fail(failure)
      await this.#deliverPromises()
    }
    return exit
  }

  #runGuarded(isDone: () => boolean) {
    try {
      return whileGuarded(
        () => this.#runUntil(isDone),
        () => `, at step ${this.trace.steps}${this.lastServer === "" ? "" : ` of ${this.lastServer}`}`,
      )
    } catch (error) {
      if (error instanceof AmbientSource) return error
      throw error
    }
  }

  /** Runs until done, or until only promises can bring it on; gives why it cannot go on, if so. */
  #runUntil(isDone: () => boolean): KernelStalled | KernelExhausted | StoppedAtStep | undefined {
    const { stepsMax, virtualMsMax } = this.#options
    for (;;) {
      for (let next = this.#queue.pop(); next !== undefined; next = this.#queue.pop()) {
        if (next.keeper?.keptBack !== undefined) {
          next.keeper.keptBack.push(next)
          continue
        }
        this.trace.step(next.serverHash, this.#nowMs)
        next.task()
        if (isDone()) return undefined
        const step = this.trace.steps
        if (step >= this.stopAtStep) return new StoppedAtStep({ step })
        if (step >= stepsMax) return this.#exhausted("stepsMax")
      }
      if (this.#outstanding.length > 0) return undefined
      const atMs = this.#timers.nextMs
      if (atMs === undefined) return new KernelStalled({ step: this.trace.steps, virtualMs: this.#nowMs })
      if (atMs - this.#options.startMs > virtualMsMax) return this.#exhausted("virtualMsMax")
      this.#nowMs = atMs
      this.#timers.takeNext((server, wake, onWire) => this.#enqueue(server, 0, wake, onWire))
    }
  }

  async #deliverPromises(): Promise<void> {
    while (this.#outstanding.length > 0) {
      const issued = this.#outstanding
      this.#outstanding = []
      const deliveries = await Promise.all(issued.map(({ settle }) => settle()))
      for (const [at, delivery] of deliveries.entries()) this.#enqueue(issued[at]!.server, 0, delivery)
    }
  }

  #isPutBack(server: ServerRuntime, label: string): boolean {
    let labelHash = this.#labelHashes.get(label)
    if (labelHash === undefined) {
      labelHash = hashParts([0, 0], [label])[0]
      this.#labelHashes.set(label, labelHash)
    }
    return (server.draw() ^ labelHash) >>> 0 < this.#options.preemption * 2 ** 32
  }

  #exhausted(limit: "stepsMax" | "virtualMsMax"): KernelExhausted {
    return new KernelExhausted({ limit, step: this.trace.steps, virtualMs: this.#nowMs })
  }

  #enqueue(server: ServerRuntime, priority: number, task: () => void, onWire = false): void {
    // With its sign turned a draw keeps its place among others, and is an integer that needs no memory of its own.
    const key = this.#options.shuffle ? server.draw() ^ 0x8000_0000 : 0
    const keeper = onWire ? undefined : server
    this.#queue.push({ priority, key, turn: this.#turn++, serverHash: server.hash, keeper, task })
  }

  #at(server: ServerRuntime, atMs: number, wake: () => void, onWire: boolean): () => void {
    return this.#timers.set(atMs, { server, wake, onWire })
  }

  #server(name: string): ServerRuntime {
    const known = this.#servers.get(name)
    if (known !== undefined) return known
    const [series] = this.chance.words("schedule", name)
    const { draw, preempts } = makeServerDraws(series, () => this.#nowMs, this.#options.preemption)
    const self = (): ServerRuntime => runtime
    const time = (onWire: boolean) => ({
      nowMs: () => this.#nowMs,
      at: (atMs: number, wake: () => void) => this.#at(runtime, atMs, wake, onWire),
    })
    const sink = (onWire: boolean) => ({
      enqueue: (server: ServerRuntime, priority: number, task: () => void) =>
        this.#enqueue(server, priority, task, onWire),
    })
    const services = makeServices({
      name,
      scheduler: makeScheduler(self, sink(false)),
      clock: makeVirtualClock(
        time(false),
        () => offsetMsOf(runtime, this.#nowMs),
        () => rateOf(runtime),
      ),
      chance: this.chance,
      draw,
    })
    const wireClock = makeVirtualClock(time(true), () => runtime.clockOffsetMs)
    const runtime: ServerRuntime = {
      name,
      hash: serverHash(name),
      draw,
      preempts,
      services,
      within: provideOften(services),
      wire: makeWireServices(makeScheduler(self, sink(true)), wireClock),
      clockOffsetMs: 0,
      clockErrors: new Set(),
      keptBack: undefined,
    }
    this.#servers.set(name, runtime)
    return runtime
  }

  #awake(server: string): Latch.Latch {
    const known = this.#latches.get(server)
    if (known !== undefined) return known
    const latch = Latch.makeUnsafe(true)
    this.#latches.set(server, latch)
    return latch
  }
}
