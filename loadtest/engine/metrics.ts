import { InvalidConfig } from "./durations.ts"
import type { MetricType, Tags } from "./sandbox/host.ts"
import { makeSink, type Sink } from "./sinks.ts"

export type Contains = "default" | "time" | "data"

/** A metric, or the part of one whose samples carry certain tags: `http_req_duration{endpoint:send}`. */
export interface Metric {
  readonly name: string
  readonly type: MetricType
  readonly contains: Contains
  readonly sink: Sink
  /** The tags that a sample must carry; none for a whole metric. */
  readonly where: Tags
  readonly parts: Metric[]
  hasSamples: boolean
}

/** The metrics that k6 has by itself. */
const builtIn: readonly (readonly [name: string, type: MetricType, contains: Contains])[] = [
  ["checks", "rate", "default"],
  ["data_received", "counter", "data"],
  ["data_sent", "counter", "data"],
  ["dropped_iterations", "counter", "default"],
  ["group_duration", "trend", "time"],
  ["http_req_blocked", "trend", "time"],
  ["http_req_connecting", "trend", "time"],
  ["http_req_duration", "trend", "time"],
  ["http_req_failed", "rate", "default"],
  ["http_req_receiving", "trend", "time"],
  ["http_req_sending", "trend", "time"],
  ["http_req_tls_handshaking", "trend", "time"],
  ["http_req_waiting", "trend", "time"],
  ["http_reqs", "counter", "default"],
  ["iteration_duration", "trend", "time"],
  ["iterations", "counter", "default"],
  ["vus", "gauge", "default"],
  ["vus_max", "gauge", "default"],
]

/** The tags that some part of a metric asks for are looked at, and no others: nothing is kept by tag but parts. */
export class Metrics {
  readonly #byName = new Map<string, Metric>()

  constructor() {
    for (const [name, type, contains] of builtIn) this.#add(name, type, contains)
    this.part("http_req_duration{expected_response:true}")
  }

  #add(name: string, type: MetricType, contains: Contains): Metric {
    const metric: Metric = {
      name,
      type,
      contains,
      sink: makeSink[type](),
      where: {},
      parts: [],
      hasSamples: false,
    }
    this.#byName.set(name, metric)
    return metric
  }

  /** A metric that a script declares; every VU declares the same. */
  define(name: string, type: MetricType, isTime: boolean): Metric {
    const known = this.#byName.get(name)
    const contains = isTime ? "time" : "default"
    if (known === undefined) return this.#add(name, type, contains)
    if (known.type === type) return known
    throw new InvalidConfig(`metric ${name} is there already, as a ${known.type}`)
  }

  /** A built-in metric. */
  get(name: string): Metric {
    return this.#byName.get(name)!
  }

  /** What a threshold names: a metric or, made on first use, a part of one. */
  part(expression: string): Metric {
    const [, name, tags] = /^([^{]+)(?:\{(.*)\})?$/.exec(expression.trim()) ?? []
    const whole = this.#byName.get(name ?? "")
    if (whole === undefined) throw new InvalidConfig(`a threshold is on ${expression}, which is no metric`)
    if (tags === undefined) return whole
    const known = whole.parts.find((part) => part.name === expression)
    if (known !== undefined) return known
    const part: Metric = {
      ...whole,
      name: expression,
      sink: makeSink[whole.type](),
      where: parseTags(tags),
      parts: [],
      hasSamples: false,
    }
    whole.parts.push(part)
    return part
  }

  /** Adds a sample to a metric, and to each part whose tags it carries. */
  add(metric: Metric, value: number, tags: Tags): void {
    metric.hasSamples = true
    metric.sink.add(value)
    for (const part of metric.parts) {
      if (!matches(part.where, tags)) continue
      part.hasSamples = true
      part.sink.add(value)
    }
  }

  /** All metrics, each with its parts behind it, in the order of their names. */
  *all(): Generator<Metric> {
    const names = [...this.#byName.keys()].sort()
    for (const name of names) {
      const metric = this.#byName.get(name)!
      yield metric
      yield* metric.parts
    }
  }
}

const matches = (where: Tags, tags: Tags): boolean => {
  for (const name in where) if (tags[name] !== where[name]) return false
  return true
}

/** `endpoint:send,status:200`; a value may be in quotes. */
const parseTags = (text: string): Tags =>
  Object.fromEntries(
    text.split(",").map((pair) => {
      const colon = pair.indexOf(":")
      if (colon < 0) throw new InvalidConfig(`not a tag: ${pair} (write name:value)`)
      const value = pair.slice(colon + 1).trim()
      return [pair.slice(0, colon).trim(), value.replace(/^(["'])(.*)\1$/, "$2")]
    }),
  )
