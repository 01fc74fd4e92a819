/**
 * The k6 API, as code that runs inside the script's own context. esbuild makes one file of it, which imports nothing;
 * sandbox.ts evaluates that in the context and hands `create` the host's functions.
 */
import type { Host, SandboxVu, ScriptFactory } from "./host.ts"
import { makeModules, makeTimers, type SharedState } from "./modules.ts"
import { Vu } from "./vu.ts"

/** Makes a VU: its own evaluation of the script, with its own modules. */
export type MakeVu = (factory: ScriptFactory, number: number, environmentJson: string) => SandboxVu

export const create = (hostFunctions: Host): MakeVu => {
  const host = guard(hostFunctions)
  const shared: SharedState = { arrays: new Map() }
  return (factory, number, environmentJson) => makeVu(host, shared, factory, number, environmentJson)
}

/** An error of the host's is an object of Node's realm: only its message goes on. */
const guard = (host: Host): Host => {
  const guarded =
    (call: (...args: readonly unknown[]) => unknown) =>
    (...args: readonly unknown[]) => {
      let message: string
      try {
        return call(...args)
      } catch (error) {
        message = String((error as { message?: unknown }).message)
      }
      throw new Error(message)
    }
  const entries = Object.entries(host).map(([name, call]) => [name, guarded(call)])
  return Object.freeze(Object.fromEntries(entries)) as Host
}

const describeError = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error)

const makeVu = (
  host: Host,
  shared: SharedState,
  factory: ScriptFactory,
  number: number,
  environmentJson: string,
): SandboxVu => {
  const vu = new Vu(host, number)
  const modules = makeModules(host, vu, shared)
  const timers = makeTimers(host, vu)
  const module: { exports: Record<string, unknown> } = { exports: {} }
  const globals = {
    number,
    get iteration(): number {
      return vu.state.iteration
    },
  }
  const require = (name: string): unknown => {
    const found = modules[name]
    if (found === undefined) throw new Error(`unknown module: ${name}`)
    return found
  }
  const open = (path: string, mode?: string): unknown => {
    if (!vu.isInitializing) throw new Error("open() is for the init context")
    if (mode !== "b") return host.readText(String(path))
    const file = host.openFile(String(path))
    const bytes = new Uint8Array(host.fileSize(file))
    if (bytes.length > 0) host.readFile(file, 0, bytes)
    return bytes.buffer
  }

  const initialize = (): string => {
    try {
      factory(
        module,
        module.exports,
        require,
        globals,
        JSON.parse(environmentJson),
        open,
        makeConsole(host),
        timers.setTimeout,
        timers.clearTimeout,
        timers.setInterval,
        timers.clearInterval,
      )
      return ""
    } catch (error) {
      return describeError(error)
    }
  }

  const describe = (): string => {
    const names = Object.keys(module.exports).filter((name) => typeof module.exports[name] === "function")
    return JSON.stringify({ options: module.exports.options ?? {}, functions: names })
  }

  const setOptions = (json: string): void => {
    vu.isInitializing = false
    vu.options = JSON.parse(json)
    vu.discardBodies = (vu.options as { discardResponseBodies?: boolean }).discardResponseBodies === true
  }

  const call = (name: string, dataJson: string, done: (resultJson: string, error: string) => void): void => {
    // As in k6, what setup and teardown send is in a group of their own.
    vu.group = name === "setup" || name === "teardown" ? `::${name}` : ""
    const run = async (): Promise<unknown> => {
      const exported = module.exports[name] as (data: unknown) => unknown
      return exported(dataJson === "" ? undefined : JSON.parse(dataJson))
    }
    const finish = (resultJson: string, error: string): void => vu.whenIdle(() => done(resultJson, error))
    run().then(
      (result) => finish(result === undefined ? "" : (JSON.stringify(result) ?? ""), ""),
      (error: unknown) => finish("", describeError(error)),
    )
  }

  const summarize = (dataJson: string, visit: (name: string, content: string) => void): string => {
    try {
      const handle = module.exports.handleSummary as (data: unknown) => Record<string, unknown>
      for (const [name, content] of Object.entries(handle(JSON.parse(dataJson)))) visit(name, String(content))
      return ""
    } catch (error) {
      return describeError(error)
    }
  }

  return { state: vu.state, initialize, describe, setOptions, call, summarize }
}

const makeConsole = (host: Host): Record<string, unknown> => {
  const show = (value: unknown): string => {
    if (typeof value === "string") return value
    if (value instanceof Error) return describeError(value)
    return JSON.stringify(value) ?? String(value)
  }
  const level =
    (name: string) =>
    (...values: readonly unknown[]): void =>
      host.log(name, values.map(show).join(" "))
  return {
    debug: level("debug"),
    log: level("info"),
    info: level("info"),
    warn: level("warn"),
    error: level("error"),
  }
}
