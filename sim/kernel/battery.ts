/** Effect's own parts at work inside the kernel: what must come out the same whenever and wherever it is run. */
import {
  Cache,
  Clock,
  Context,
  Effect,
  Exit,
  Fiber,
  FiberMap,
  Layer,
  Metric,
  PubSub,
  Queue,
  Random,
  RcMap,
  Ref,
  Schedule,
  Schema,
  Scope,
  Semaphore,
  Stream,
} from "effect"
import type { HttpRouter } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiClient, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { wireHandler, wireHttpClient } from "#spec-impl/federation/wire.ts"
import { Kernel } from "./kernel.ts"

/** What an entry does, and a text of what it came to. */
export type BatteryEntry = Effect.Effect<unknown>

const together = <A, E, R>(count: number, one: (number: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(
    Array.from({ length: count }, (_, at) => at),
    one,
    { concurrency: "unbounded" },
  )

class Counter extends Context.Service<Counter, { readonly next: Effect.Effect<number> }>()(
  "battery/Counter",
) {
  static readonly layer = Layer.effect(
    Counter,
    Effect.map(Ref.make(0), (ref) => ({ next: Ref.updateAndGet(ref, (count) => count + 1) })),
  )
}

class EchoGroup extends HttpApiGroup.make("echo").add(
  HttpApiEndpoint.get("echo", "/echo/:word", {
    params: { word: Schema.String },
    success: Schema.Struct({ word: Schema.String, atMs: Schema.Number }),
  }),
) {}
class EchoApi extends HttpApi.make("battery").add(EchoGroup) {}

const httpApiCall: BatteryEntry = Effect.scoped(
  Effect.gen(function* () {
    const handlers = HttpApiBuilder.group(EchoApi, "echo", (group) =>
      group.handle("echo", ({ params }) =>
        Effect.gen(function* () {
          yield* Effect.sleep(5)
          return { word: params.word, atMs: yield* Clock.currentTimeMillis }
        }),
      ),
    )
    const routes = HttpApiBuilder.layer(EchoApi).pipe(Layer.provide(handlers))
    const handler = yield* wireHandler(routes as Layer.Layer<never, never, HttpRouter.HttpRouter>)
    const client = yield* HttpApiClient.makeWith(EchoApi, {
      httpClient: wireHttpClient("caller", handler),
      baseUrl: "matrix://callee",
    })
    return yield* together(5, (number) => client.echo.echo({ params: { word: `word${number}` } }))
  }),
).pipe(Effect.orDie)

/** By name; each is a program of its own. */
export const battery: Readonly<Record<string, BatteryEntry>> = {
  layer: together(4, () => Effect.flatMap(Counter, ({ next }) => next)).pipe(Effect.provide(Counter.layer)),
  timeout: together(8, (number) =>
    Effect.sleep(number * 10).pipe(Effect.as(number), Effect.timeoutOption(35)),
  ),
  cache: Effect.gen(function* () {
    const lookups = yield* Ref.make(0)
    const cache = yield* Cache.make({
      capacity: 4,
      timeToLive: 50,
      lookup: (key: number) => Ref.updateAndGet(lookups, (count) => count + 1).pipe(Effect.delay(key)),
    })
    yield* together(12, (number) =>
      Effect.sleep(number * 9).pipe(Effect.andThen(Cache.get(cache, number % 5))),
    )
    return yield* Ref.get(lookups)
  }),
  semaphore: Effect.gen(function* () {
    const order: number[] = []
    const semaphore = yield* Semaphore.make(2)
    yield* together(8, (number) =>
      Semaphore.withPermits(
        semaphore,
        1,
      )(Effect.sleep(number % 3).pipe(Effect.andThen(Effect.sync(() => order.push(number))))),
    )
    return order
  }),
  queue: Effect.gen(function* () {
    const queue = yield* Queue.bounded<number>(2)
    yield* Effect.forkChild(together(10, (number) => Queue.offer(queue, number)))
    return yield* together(10, () => Queue.take(queue))
  }),
  pubSub: Effect.scoped(
    Effect.gen(function* () {
      const pubSub = yield* PubSub.bounded<number>(16)
      const subscriptions = yield* together(3, () => PubSub.subscribe(pubSub))
      yield* together(5, (number) => PubSub.publish(pubSub, number))
      return yield* Effect.forEach(subscriptions, (subscription) => PubSub.takeAll(subscription))
    }),
  ),
  stream: Stream.range(1, 30).pipe(
    Stream.mapEffect((number) => Effect.sleep(number % 4).pipe(Effect.as(number)), {
      concurrency: 4,
      unordered: true,
    }),
    Stream.grouped(7),
    Stream.runCollect,
  ),
  schedule: Effect.gen(function* () {
    const attempts: number[] = []
    const attempt = Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
      attempts.push(nowMs)
      return Effect.fail("again")
    })
    yield* attempt.pipe(
      Effect.retry({ schedule: Schedule.exponential(10).pipe(Schedule.jittered), times: 6 }),
      Effect.ignore,
    )
    return attempts
  }),
  fiberMap: Effect.scoped(
    Effect.gen(function* () {
      const order: string[] = []
      const fibers = yield* FiberMap.make<string>()
      yield* together(9, (number) =>
        FiberMap.run(
          fibers,
          `fiber${number % 4}`,
          Effect.sleep(5).pipe(Effect.andThen(Effect.sync(() => order.push(`${number}`)))),
        ),
      )
      yield* Effect.sleep(20)
      return order
    }),
  ),
  rcMap: Effect.scoped(
    Effect.gen(function* () {
      const events: string[] = []
      const map = yield* RcMap.make({
        lookup: (key: string) =>
          Effect.acquireRelease(
            Effect.sync(() => void events.push(`open ${key}`)),
            () => Effect.sync(() => void events.push(`close ${key}`)),
          ),
        idleTimeToLive: 10,
      })
      yield* together(6, (number) =>
        Effect.scoped(RcMap.get(map, `key${number % 2}`).pipe(Effect.andThen(Effect.sleep(number * 7)))),
      )
      yield* Effect.sleep(30)
      return events
    }),
  ),
  scopeClose: Effect.gen(function* () {
    const events: string[] = []
    const scope = yield* Scope.make("parallel")
    yield* together(6, (number) =>
      Scope.addFinalizer(
        scope,
        Effect.sleep(number % 2).pipe(
          Effect.andThen(Effect.sync(() => void events.push(`finalizer ${number}`))),
        ),
      ),
    )
    yield* Scope.close(scope, Exit.void)
    return events
  }),
  log: together(4, (number) => Effect.log("said", number).pipe(Effect.annotateLogs({ number }))),
  span: together(4, (number) =>
    Effect.currentSpan.pipe(
      Effect.map((span) => [span.traceId, span.spanId]),
      Effect.withSpan(`inner ${number}`),
      Effect.withSpan("outer"),
      Effect.orDie,
    ),
  ),
  metric: Effect.gen(function* () {
    const counter = Metric.counter("battery")
    yield* together(7, (number) => Metric.update(counter, number))
    return (yield* Metric.value(counter)).count
  }),
  random: together(5, () => Random.next),
  interruption: Effect.gen(function* () {
    const events: string[] = []
    const fibers = yield* Effect.forEach([0, 1, 2, 3, 4], (number) =>
      Effect.sleep(number * 10).pipe(
        Effect.onInterrupt(() => Effect.sync(() => void events.push(`interrupted ${number}`))),
        Effect.forkChild,
      ),
    )
    yield* Effect.sleep(25)
    yield* Effect.forEach(fibers, Fiber.interrupt, { concurrency: "unbounded" })
    return events
  }),
  httpApiCall,
}

/** Runs one entry; gives the trace hash and the result as one text. */
export const runEntry = async (name: string, seed: number, preemption: number): Promise<string> => {
  const kernel = Kernel.make({ seed, preemption })
  const exit = await kernel.run(battery[name]!, { server: "s1" })
  return `${name} ${seed} ${preemption} ${kernel.trace.hash()} ${kernel.trace.steps} ${kernel.elapsedMs} ${JSON.stringify(exit)}`
}

/** Runs all of it, a line an entry. */
export const runBattery = async (seed: number, preemption: number): Promise<readonly string[]> => {
  const lines: string[] = []
  for (const name of Object.keys(battery)) lines.push(await runEntry(name, seed, preemption))
  return lines
}
