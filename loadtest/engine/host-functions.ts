import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { HttpOutcome } from "./http-client.ts"
import type { Metric } from "./metrics.ts"
import type { NodeVu } from "./node-vu.ts"
import type { RunState } from "./run-state.ts"
import type { Host, HttpRequest, InstanceGauge, Tags } from "./sandbox/host.ts"

/** What the functions work on. */
export interface HostParts {
  readonly state: RunState
  readonly scriptPath: string
  readonly vuOf: (number: number) => NodeVu
}

/** The host's half of the seam (sandbox/host.ts), and what closes its files. */
export const makeHost = ({
  state,
  scriptPath,
  vuOf,
}: HostParts): { readonly host: Host; close: () => void } => {
  const { metrics } = state
  const declared: Metric[] = []
  const files = makeFiles(scriptPath)
  let body: Buffer = Buffer.alloc(0)

  const request: Host["request"] = (number, asked, done) =>
    vuOf(number).http.send(asked, (outcome) => {
      if (state.isDone) return
      addHttpSamples(state, asked, outcome)
      body = outcome.body
      done(
        outcome.status,
        outcome.headers,
        asked.keepBody === "text" ? body.toString("utf8") : "",
        body.length,
        outcome.error,
        outcome.errorCode,
        outcome.blockedMs,
        outcome.connectingMs,
        outcome.tlsMs,
        outcome.sendingMs,
        outcome.waitingMs,
        outcome.receivingMs,
      )
    })

  const host: Host = {
    log: (level, text) => state.log(level, text),
    ...files.functions,
    defineMetric: (name, type, isTime) => {
      const metric = metrics.define(name, type, isTime)
      const known = declared.indexOf(metric)
      return known < 0 ? declared.push(metric) - 1 : known
    },
    addSample: (metric, value, tags) => metrics.add(declared[metric]!, value, tags),
    addCheck: (group, name, ok, tags) => state.addCheck(group, name, ok, tags),
    addGroup: (path, durationMs, tags) => {
      state.group(path)
      metrics.add(metrics.get("group_duration"), durationMs, tags)
    },
    request,
    takeBody: (into) => {
      body.copy(into)
    },
    startTimer: (vu, delayMs, fire) => vuOf(vu).startTimer(delayMs, fire),
    stopTimer: (vu, timer) => vuOf(vu).stopTimer(timer),
    ...base64,
    abort: (reason) => state.stop(108, reason),
    markFailed: (reason) => {
      state.isMarkedFailed = true
      state.log("error", reason)
    },
    gauge: (vu, name) => readGauge(state, vuOf(vu), name),
    nowMs: () => performance.now(),
  }
  return { host, close: files.close }
}

const addHttpSamples = ({ metrics }: RunState, request: HttpRequest, outcome: HttpOutcome): void => {
  const { status, error, errorCode } = outcome
  const { expected } = request
  let isExpected = false
  for (let i = 0; i < expected.length; i += 2) {
    if (status >= expected[i]! && status <= expected[i + 1]!) isExpected = true
  }
  const tags: Tags = {
    ...request.tags,
    status: String(status),
    expected_response: String(isExpected),
    ...(error === "" ? {} : { error, error_code: String(errorCode) }),
  }
  const add = (name: string, value: number): void => metrics.add(metrics.get(name), value, tags)
  add("http_reqs", 1)
  add("http_req_failed", isExpected ? 0 : 1)
  add("http_req_duration", outcome.sendingMs + outcome.waitingMs + outcome.receivingMs)
  add("http_req_blocked", outcome.blockedMs)
  add("http_req_connecting", outcome.connectingMs)
  add("http_req_tls_handshaking", outcome.tlsMs)
  add("http_req_sending", outcome.sendingMs)
  add("http_req_waiting", outcome.waitingMs)
  add("http_req_receiving", outcome.receivingMs)
  add("data_sent", outcome.bytesSent)
  add("data_received", outcome.bytesReceived)
}

const readGauge = (state: RunState, { scenario }: NodeVu, name: InstanceGauge): number => {
  switch (name) {
    case "currentTestRunDuration":
      return state.elapsedMs
    case "progress": {
      if (scenario === undefined || scenario.durationMs === 0) return 0
      return Math.min(1, (performance.now() - scenario.startedMs) / scenario.durationMs)
    }
    default:
      return state[name]
  }
}

type FileFunctions = Pick<Host, "readText" | "openFile" | "fileSize" | "readFile">

/** Files by number, each opened once for all VUs and read where it lies: memory does not grow with their size. */
const makeFiles = (scriptPath: string): { readonly functions: FileFunctions; readonly close: () => void } => {
  const numbers = new Map<string, number>()
  const resolvePath = (path: string): string =>
    path.startsWith("file:") ? fileURLToPath(path) : resolve(dirname(scriptPath), path)
  const openFile = (path: string): number => {
    const resolved = resolvePath(path)
    const known = numbers.get(resolved)
    if (known !== undefined) return known
    const file = openSync(resolved, "r")
    numbers.set(resolved, file)
    return file
  }
  return {
    functions: {
      readText: (path) => readFileSync(resolvePath(path), "utf8"),
      openFile,
      fileSize: (file) => fstatSync(file).size,
      readFile: (file, position, into) => readSync(file, into, 0, into.byteLength, position),
    },
    close: () => {
      for (const file of numbers.values()) closeSync(file)
    },
  }
}

const base64: Pick<Host, "encodeBase64" | "base64Size" | "decodeBase64" | "decodeBase64Text"> = {
  encodeBase64: (input, url, padded) => {
    const text = Buffer.from(input as string).toString(url ? "base64url" : "base64")
    if (!url) return padded ? text : text.replace(/=+$/, "")
    return padded ? text.padEnd(Math.ceil(text.length / 4) * 4, "=") : text
  },
  base64Size: (input) => Buffer.from(input, "base64").length,
  decodeBase64: (input, into) => Buffer.from(input, "base64").copy(into),
  decodeBase64Text: (input) => Buffer.from(input, "base64").toString("utf8"),
}
