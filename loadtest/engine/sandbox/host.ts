/**
 * The one seam between a script's context and Node. Whatever the host gives is a primitive: an object or function of
 * Node's realm would let a script reach Node through its constructor. Objects go the other way only.
 */
export interface Host {
  readonly log: (level: string, text: string) => void
  readonly readText: (path: string) => string
  /** A file to read from, by number; the same for all VUs. */
  readonly openFile: (path: string) => number
  readonly fileSize: (file: number) => number
  /** Reads at a position into bytes of the script's; how many there were. */
  readonly readFile: (file: number, position: number, into: Uint8Array) => number
  /** A metric by number; the same for the same name. */
  readonly defineMetric: (name: string, type: MetricType, isTime: boolean) => number
  readonly addSample: (metric: number, value: number, tags: Tags) => void
  readonly addCheck: (group: string, name: string, ok: boolean, tags: Tags) => void
  readonly addGroup: (path: string, durationMs: number, tags: Tags) => void
  readonly request: (vu: number, request: HttpRequest, done: HttpDone) => void
  /** While `done` runs: copies the body of a binary response. */
  readonly takeBody: (into: Uint8Array) => void
  readonly startTimer: (vu: number, delayMs: number, fire: () => void) => number
  readonly stopTimer: (vu: number, timer: number) => void
  readonly encodeBase64: (input: string | ArrayBuffer, url: boolean, padded: boolean) => string
  readonly base64Size: (input: string) => number
  readonly decodeBase64: (input: string, into: Uint8Array) => number
  readonly decodeBase64Text: (input: string) => string
  readonly abort: (reason: string) => void
  readonly markFailed: (reason: string) => void
  /** What `exec.instance` and `exec.scenario` show that changes by itself. */
  readonly gauge: (vu: number, name: InstanceGauge) => number
  readonly nowMs: () => number
}

export type MetricType = "counter" | "gauge" | "rate" | "trend"

export type InstanceGauge =
  | "iterationsInterrupted"
  | "iterationsCompleted"
  | "vusActive"
  | "vusInitialized"
  | "currentTestRunDuration"
  | "progress"

export type Tags = Readonly<Record<string, string>>

export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | ArrayBuffer | undefined
  readonly keepBody: "text" | "binary" | "none"
  readonly timeoutMs: number
  /** The statuses that are no failure, as pairs of lowest and highest. */
  readonly expected: readonly number[]
  readonly tags: Tags
}

/** What came back, each a primitive; `headers` is a line for a name and one for its value, by turns. */
export type HttpDone = (
  status: number,
  headers: string,
  body: string,
  bodyBytes: number,
  error: string,
  errorCode: number,
  blockedMs: number,
  connectingMs: number,
  tlsMs: number,
  sendingMs: number,
  waitingMs: number,
  receivingMs: number,
) => void

/** What the host sees of a VU: it writes the numbers before an iteration, and calls. */
export interface SandboxVu {
  readonly state: VuState
  /** Evaluates the script; the message of what it threw, or "". */
  readonly initialize: () => string
  /** The options that the script exports, and the names of its functions, as JSON. */
  readonly describe: () => string
  /** Tells the options as they are in force, for `exec.test.options`. */
  readonly setOptions: (json: string) => void
  /** Runs an exported function. `done` has the result as JSON or "", and the error with its stack or "". */
  readonly call: (name: string, dataJson: string, done: (resultJson: string, error: string) => void) => void
  /** Runs handleSummary: `visit` gets each output's name and content. */
  readonly summarize: (dataJson: string, visit: (name: string, content: string) => void) => string
}

export interface VuState {
  iteration: number
  scenario: string
  executor: string
  startTime: number
  iterationInInstance: number
  iterationInTest: number
  iterationInScenario: number
  /** What the scenario adds to every sample. */
  tags: Tags
}

/** A script as esbuild wrote it, wrapped into a function of what a module of k6's sees. */
export type ScriptFactory = (
  module: { exports: Record<string, unknown> },
  exports: Record<string, unknown>,
  require: (name: string) => unknown,
  vu: { number: number; iteration: number },
  environment: Record<string, string>,
  open: (path: string, mode?: string) => unknown,
  console: unknown,
  setTimeout: unknown,
  clearTimeout: unknown,
  setInterval: unknown,
  clearInterval: unknown,
) => void
