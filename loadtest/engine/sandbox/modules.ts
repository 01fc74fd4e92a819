import type { Host, InstanceGauge, MetricType, Tags } from "./host.ts"
import { makeHttp } from "./http.ts"
import type { Vu } from "./vu.ts"

type Module = Record<string, unknown>

/** What every VU of a run shares. */
export interface SharedState {
  readonly arrays: Map<string, readonly unknown[]>
}

/** The modules of k6 that the engine offers, for one VU. Each is its own default export. */
export const makeModules = (host: Host, vu: Vu, shared: SharedState): Readonly<Record<string, Module>> => {
  const modules: Record<string, Module> = {
    k6: makeK6(host, vu),
    "k6/http": makeHttp(host, vu),
    "k6/metrics": makeMetrics(host, vu),
    "k6/execution": makeExecution(host, vu),
    "k6/data": makeData(vu, shared),
    "k6/encoding": makeEncoding(host),
    "k6/timers": makeTimers(host, vu),
    "k6/experimental/fs": makeFs(host, vu),
  }
  for (const module of Object.values(modules)) module.default = module
  return modules
}

const asTags = (tags: unknown): Tags =>
  Object.fromEntries(Object.entries(tags ?? {}).map(([name, value]) => [name, String(value)]))

const makeK6 = (host: Host, vu: Vu): Module => ({
  check: (value: unknown, checks: Record<string, unknown>, tags?: object): boolean => {
    let all = true
    for (const [name, test] of Object.entries(checks)) {
      let ok = false
      try {
        ok = Boolean(typeof test === "function" ? test(value) : test)
      } finally {
        host.addCheck(vu.group, name, ok, { ...vu.tags(), ...asTags(tags), check: name })
      }
      all &&= ok
    }
    return all
  },
  group: (name: string, run: () => unknown): unknown => {
    const outer = vu.group
    const started = host.nowMs()
    vu.group = `${outer}::${name}`
    try {
      const result = run()
      if (result instanceof Promise) throw new Error("group() does not take async functions, in k6 neither")
      return result
    } finally {
      host.addGroup(vu.group, host.nowMs() - started, vu.tags())
      vu.group = outer
    }
  },
  fail: (message?: string): never => {
    throw new Error(message ?? "fail() was called")
  },
  sleep: (): never => {
    throw new Error(
      "sleep() blocks its VU, which one thread cannot: await a promise that setTimeout resolves",
    )
  },
  randomSeed: (seed: number): void => {
    Math.random = mulberry32(seed)
  },
})

/** A small generator for `randomSeed`: the same numbers for the same seed. */
const mulberry32 = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const makeMetrics = (host: Host, vu: Vu): Module => {
  const metricClass = (type: MetricType) =>
    class {
      readonly name: string
      readonly #id: number
      constructor(name: string, isTime = false) {
        if (!vu.isInitializing) throw new Error("metrics must be declared in the init context")
        if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) throw new Error(`not a name for a metric: ${name}`)
        this.name = name
        this.#id = host.defineMetric(name, type, isTime)
      }
      add(value: number | boolean, tags?: object): void {
        if (vu.isInitializing) throw new Error("metrics cannot be added to in the init context")
        const number = Number(value)
        if (Number.isNaN(number)) throw new Error(`${this.name}.add: not a number`)
        host.addSample(this.#id, number, tags === undefined ? vu.tags() : { ...vu.tags(), ...asTags(tags) })
      }
    }
  return {
    Counter: metricClass("counter"),
    Gauge: metricClass("gauge"),
    Rate: metricClass("rate"),
    Trend: metricClass("trend"),
  }
}

/** Thrown to leave an iteration after `exec.test.abort`. */
export class TestAborted extends Error {}

const makeExecution = (host: Host, vu: Vu): Module => {
  const { state } = vu
  const gauge = (name: InstanceGauge) => ({ enumerable: true, get: () => host.gauge(vu.number, name) })
  const inScenario = <K extends keyof typeof state>(key: K) => ({
    enumerable: true,
    get: () => {
      if (state.scenario === "") throw new Error("exec.scenario is there in a scenario only")
      return state[key]
    },
  })
  const scenario = Object.defineProperties(
    {},
    {
      name: inScenario("scenario"),
      executor: inScenario("executor"),
      startTime: inScenario("startTime"),
      progress: gauge("progress"),
      iterationInInstance: inScenario("iterationInInstance"),
      iterationInTest: inScenario("iterationInTest"),
    },
  )
  const instance = Object.defineProperties(
    {},
    {
      iterationsInterrupted: gauge("iterationsInterrupted"),
      iterationsCompleted: gauge("iterationsCompleted"),
      vusActive: gauge("vusActive"),
      vusInitialized: gauge("vusInitialized"),
      currentTestRunDuration: gauge("currentTestRunDuration"),
    },
  )
  const test = {
    abort: (reason = ""): never => {
      host.abort(reason)
      throw new TestAborted(reason === "" ? "test aborted" : `test aborted: ${reason}`)
    },
    fail: (reason = ""): void => host.markFailed(reason),
    get options(): unknown {
      return vu.options
    },
  }
  const ownVu = {
    get iterationInInstance(): number {
      return state.iteration
    },
    get iterationInScenario(): number {
      return state.iterationInScenario
    },
    idInInstance: vu.number,
    idInTest: vu.number,
    tags: vu.ownTags,
    metrics: { tags: vu.ownTags, metadata: {} },
  }
  return { scenario, instance, test, vu: ownVu }
}

const makeData = (vu: Vu, { arrays }: SharedState): Module => {
  // A function declaration: `new` gives what it returns, the one array of all VUs.
  function SharedArray(name: string, make: () => unknown): readonly unknown[] {
    if (!vu.isInitializing) throw new Error("new SharedArray must be called in the init context")
    const kept = arrays.get(name)
    if (kept !== undefined) return kept
    const made = make()
    if (!Array.isArray(made)) throw new Error("only arrays can be made into SharedArray")
    const frozen = Object.freeze((JSON.parse(JSON.stringify(made)) as readonly unknown[]).map(deepFreeze))
    arrays.set(name, frozen)
    return frozen
  }
  return { SharedArray }
}

const deepFreeze = (value: unknown): unknown => {
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}

const makeEncoding = (host: Host): Module => ({
  b64encode: (input: string | ArrayBuffer, variant = "std"): string =>
    host.encodeBase64(input, variant.endsWith("url"), !variant.startsWith("raw")),
  b64decode: (input: string, _variant?: string, format?: string): string | ArrayBuffer => {
    if (format === "s") return host.decodeBase64Text(input)
    const bytes = new Uint8Array(host.base64Size(input))
    return bytes.buffer.slice(0, host.decodeBase64(input, bytes))
  },
})

/** The timers, which are globals as well. */
export const makeTimers = (host: Host, vu: Vu): Module => {
  type Callback = (...args: readonly unknown[]) => void
  const running = new Set<number>()
  const clear = (timer: number): void => {
    if (!running.delete(timer)) return
    host.stopTimer(vu.number, timer)
    vu.end()
  }
  const start = (delayMs: number, fire: () => void): number => {
    const timer = host.startTimer(vu.number, Math.max(0, Number(delayMs) || 0), () => {
      running.delete(timer)
      try {
        fire()
      } finally {
        vu.end()
      }
    })
    vu.begin()
    running.add(timer)
    return timer
  }
  const setTimeout = (callback: Callback, delayMs: number, ...args: readonly unknown[]): number =>
    start(delayMs, () => callback(...args))
  // An interval is a chain of timers under the number of the first.
  const chains = new Map<number, number>()
  const setInterval = (callback: Callback, delayMs: number, ...args: readonly unknown[]): number => {
    const again = (): void => {
      chains.set(first, start(delayMs, again))
      callback(...args)
    }
    const first: number = start(delayMs, again)
    chains.set(first, first)
    return first
  }
  const clearInterval = (timer: number): void => {
    clear(chains.get(timer) ?? timer)
    chains.delete(timer)
  }
  return { setTimeout, clearTimeout: clear, setInterval, clearInterval }
}

const makeFs = (host: Host, vu: Vu): Module => {
  const SeekMode = { Start: 0, Current: 1, End: 2 }
  class File {
    readonly path: string
    readonly #file: number
    readonly #size: number
    #position = 0
    constructor(path: string) {
      this.path = path
      this.#file = host.openFile(path)
      this.#size = host.fileSize(this.#file)
    }
    async stat(): Promise<{ name: string; size: number }> {
      return { name: this.path.slice(this.path.lastIndexOf("/") + 1), size: this.#size }
    }
    async read(into: Uint8Array): Promise<number | null> {
      if (into.byteLength === 0) throw new Error("read: the buffer has no room")
      if (this.#position >= this.#size) return null
      const count = host.readFile(this.#file, this.#position, into)
      this.#position += count
      return count
    }
    async seek(offset: number, whence: number): Promise<number> {
      const from = whence === SeekMode.Start ? 0 : whence === SeekMode.Current ? this.#position : this.#size
      const position = from + offset
      if (position < 0 || position > this.#size) throw new Error("seek: outside the file")
      this.#position = position
      return position
    }
  }
  const open = async (path: string): Promise<File> => {
    if (!vu.isInitializing) throw new Error("open() is for the init context")
    return new File(String(path))
  }
  return { open, SeekMode }
}
