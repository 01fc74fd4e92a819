/** What a homeserver tells of itself: `GET /metrics` in the text format of Prometheus, and `GET /health`. */
import { Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"
import type { WireHandler, WireResponse } from "../../federation/wire.ts"
import { type StopwatchService, stopwatchMetrics } from "../../homeserver/stopwatch.ts"

const text = (status: number, contentType: string, body: string): WireResponse => ({
  status,
  headers: { "content-type": contentType },
  body: Buffer.from(body),
})

const healthy = text(200, "application/json", '{"status":"ok"}')
const nothingHere = text(404, "text/plain", "there are /metrics and /health here\n")

/** The names are those that Prometheus's own clients use. */
const processMetrics = (): string => {
  const { user, system } = process.cpuUsage()
  return [
    "# HELP process_cpu_seconds_total User and system CPU time.",
    "# TYPE process_cpu_seconds_total counter",
    `process_cpu_seconds_total ${(user + system) / 1e6}`,
    "# HELP process_resident_memory_bytes Resident memory.",
    "# TYPE process_resident_memory_bytes gauge",
    `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    "",
  ].join("\n")
}

/** Answers for whoever watches the server. */
export const metricsHandler =
  (stopwatch: StopwatchService): WireHandler =>
  ({ target }) => {
    if (target === "/health") return Effect.succeed(healthy)
    if (target !== "/metrics") return Effect.succeed(nothingHere)
    return Effect.map(PrometheusMetrics.format(), (own) =>
      text(200, "text/plain; version=0.0.4", `${stopwatchMetrics(stopwatch)}${processMetrics()}${own}`),
    )
  }

/** `handler`, with `GET /health` beside it. */
export const withHealth =
  (handler: WireHandler): WireHandler =>
  (request) =>
    request.target === "/health" && request.method === "GET" ? Effect.succeed(healthy) : handler(request)
