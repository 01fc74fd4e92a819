import { dirname, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild"
import { InvalidConfig } from "./durations.ts"

/** The modules of k6 that the node engine offers. */
export const offeredModules: readonly string[] = [
  "k6",
  "k6/http",
  "k6/metrics",
  "k6/execution",
  "k6/data",
  "k6/encoding",
  "k6/timers",
  "k6/experimental/fs",
]

export interface Bundle {
  readonly code: string
  /** Which files and modules went into it, for a test that none is Node's. */
  readonly metafile: Metafile
}

const common = {
  bundle: true,
  write: false,
  metafile: true,
  format: "cjs",
  platform: "neutral",
  target: "es2024",
  charset: "utf8",
  logLevel: "silent",
} satisfies BuildOptions

/** A script may import its own files and k6's modules: anything else ends the build with the importing line. */
const onlyK6: Plugin = {
  name: "only-k6",
  setup: ({ onResolve }) => {
    onResolve({ filter: /.*/ }, ({ path, kind }) => {
      if (kind === "entry-point" || path.startsWith("./") || path.startsWith("../")) return undefined
      if (offeredModules.includes(path)) return { path, external: true }
      const reason =
        path === "k6" || path.startsWith("k6/") ? "the node engine does not offer it" : "k6 cannot run it"
      return { errors: [{ text: `${path} cannot be imported: ${reason}` }] }
    })
  },
}

/**
 * One file of a script and all that it imports, to be evaluated once for each VU. It sees k6's modules and globals
 * only: `require` is the sandbox's, `__VU` and `__ITER` are its VU's.
 */
export const bundleScript = (path: string): Promise<Bundle> =>
  bundle(path, {
    plugins: [onlyK6],
    define: { __VU: "__netsplit_vu.number", __ITER: "__netsplit_vu.iteration" },
    // A dynamic import becomes a require, and so cannot ask Node for anything.
    supported: { "dynamic-import": false },
  })

let sandboxApi: Promise<Bundle> | undefined

/** The k6 API of the sandbox, which imports nothing. */
export const bundleSandboxApi = (): Promise<Bundle> =>
  (sandboxApi ??= bundle(fileURLToPath(new URL("sandbox/main.ts", import.meta.url)), {}))

const bundle = async (path: string, options: BuildOptions): Promise<Bundle> => {
  try {
    const { outputFiles, metafile } = await build({
      ...common,
      ...options,
      entryPoints: [path],
      outfile: "script.js",
    })
    return { code: outputFiles![0]!.text, metafile: metafile! }
  } catch (error) {
    const { errors } = error as {
      errors?: readonly { text: string; location: { file: string; line: number } | null }[]
    }
    if (errors === undefined) throw error
    const lines = errors.map(({ text, location }) =>
      location === null ? text : `${relative(dirname(path), location.file)}:${location.line}: ${text}`,
    )
    throw new InvalidConfig(lines.join("\n"))
  }
}
