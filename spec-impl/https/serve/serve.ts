/** A whole server on the real network: its homeserver behind its listeners, until it is told to stop. */
import { type Context, Effect, ErrorReporter, Layer, Metric, type Scope } from "effect"
import { HttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { clientRoutes } from "../../client-api/server.ts"
import { federationRoutes } from "../../federation/server.ts"
import { type WireHandler, wireHandler } from "../../federation/wire.ts"
import { layerChapters } from "../../homeserver/homeserver.ts"
import type { StoreFailure } from "../../store/event-store.ts"
import { layerRealHomeserver, type RealHomeserverOptions } from "../real-homeserver.ts"
import { clientLimits, federationLimits, type ListenerLimits } from "./limits.ts"
import { type Listener, type ListenFailure, type ListenOptions, listen } from "./listener.ts"

/** An address to listen on. */
export type Place = Pick<ListenOptions, "host" | "port">

export interface ServeOptions extends RealHomeserverOptions {
  readonly federation: Place & Pick<ListenOptions, "tls">
  readonly client: Place | undefined
  readonly metrics: Place | undefined
  /** How long requests in work may take when the server stops. */
  readonly drainMsMax: number
}

/** A server that answers. */
export interface Serving {
  /** Where it listens, as it turned out. */
  readonly federation: string
  readonly client: string | undefined
  readonly metrics: string | undefined
  /** Takes no more requests, and is done when those in work are answered, or have had their time. */
  readonly drain: Effect.Effect<void>
}

const health = HttpRouter.add(
  "GET",
  "/health",
  HttpServerResponse.text("OK\n", { headers: { "cache-control": "no-store" } }),
)

const metrics = HttpRouter.add(
  "GET",
  "/metrics",
  Effect.map(PrometheusMetrics.format(), (text) =>
    HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" }),
  ),
)

/** What all fibers of the server stand on. */
const surroundings = (registry: Context.Service.Shape<typeof Metric.MetricRegistry>) =>
  Layer.mergeAll(
    Layer.succeed(Metric.MetricRegistry, registry),
    // Spans would go to nobody, and each request would tell other servers of them.
    Layer.succeed(HttpClient.TracerDisabledWhen, () => true),
    // A handler that died was answered 500: this is how the operator hears of it.
    ErrorReporter.layer([
      ErrorReporter.make(({ cause }) => console.error("netsplit: a request failed:", cause)),
    ]),
  )

/** Serves for as long as the scope lives. */
export const serve = Effect.fnUntraced(function* (
  options: ServeOptions,
): Effect.fn.Return<Serving, StoreFailure | ListenFailure, Scope.Scope> {
  const around = yield* Layer.build(surroundings(new Map()))
  return yield* serveIn(options).pipe(Effect.provide(around))
})

const serveIn = Effect.fnUntraced(function* (options: ServeOptions) {
  const { drainMsMax } = options
  const services = yield* Layer.build(layerRealHomeserver(options))
  const listeners: Listener[] = []
  const open = Effect.fnUntraced(function* (
    place: Omit<ListenOptions, "limits"> | undefined,
    limits: ListenerLimits,
    handler: Effect.Effect<WireHandler, never, Scope.Scope>,
  ) {
    if (place === undefined) return undefined
    const listener = yield* listen({ ...place, limits: { ...limits, drainMsMax } }, yield* handler)
    listeners.push(listener)
    return listener.address
  })
  const federation = Effect.provide(wireHandler(federationRoutes(layerChapters)), services)
  const clients = Effect.provide(wireHandler(Layer.mergeAll(clientRoutes, health)), services)
  return {
    federation: (yield* open(options.federation, federationLimits, federation))!,
    client: yield* open(options.client, clientLimits, clients),
    metrics: yield* open(options.metrics, clientLimits, wireHandler(Layer.mergeAll(health, metrics))),
    drain: Effect.forEach(listeners, ({ drain }) => drain, { concurrency: "unbounded", discard: true }),
  }
})
