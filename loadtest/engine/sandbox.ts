import { constants, createContext, Script } from "node:vm"
import { bundleSandboxApi } from "./bundle.ts"
import type { Host, SandboxVu, ScriptFactory } from "./sandbox/host.ts"
import type { MakeVu } from "./sandbox/main.ts"

/** A context of its own, in which VUs are made. */
export interface Sandbox {
  readonly makeVu: (number: number, environment: Readonly<Record<string, string>>) => SandboxVu
}

const parameters = [
  "module",
  "exports",
  "require",
  "__netsplit_vu",
  "__ENV",
  "open",
  "console",
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
].join(", ")

/**
 * Evaluates a bundled script in a context that has the language and k6's API, and nothing of Node's: every object in
 * it was made in it, and it makes no code from strings. All VUs share the context, and each evaluates the script for
 * itself. (A context for each VU, as k6 has, would cost about a megabyte a VU; what scripts share by this is what they
 * write into the language's own objects.)
 */
export const makeSandbox = async (scriptCode: string, filename: string, host: Host): Promise<Sandbox> => {
  const { code } = await bundleSandboxApi()
  const context = createContext(constants.DONT_CONTEXTIFY, {
    codeGeneration: { strings: false, wasm: false },
  })
  const run = (source: string, name: string): unknown =>
    new Script(source, { filename: name }).runInContext(context)
  run("delete globalThis.console; delete globalThis.WebAssembly", "globals")
  const create = run(
    `(function () { "use strict"; const module = { exports: {} }; const exports = module.exports;\n${code}\nreturn module.exports.create })()`,
    "k6-api",
  ) as (host: Host) => MakeVu
  const makeVu = create(host)
  const factory = run(
    `(function (${parameters}) { "use strict";\n${scriptCode}\n})`,
    filename,
  ) as ScriptFactory
  return { makeVu: (number, environment) => makeVu(factory, number, JSON.stringify(environment)) }
}
