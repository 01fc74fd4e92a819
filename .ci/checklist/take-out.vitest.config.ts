/** Runs tests on sources from which one behaviour was taken out, as the environment says: for `take-out.ts`. */
import { join } from "node:path"
import { defineConfig } from "vitest/config"
import { root } from "../source-files.ts"
import type { Removal } from "./row.ts"

const removal: Removal | undefined =
  process.env.NETSPLIT_TAKEN_OUT === undefined ? undefined : JSON.parse(process.env.NETSPLIT_TAKEN_OUT)

const takeOut = {
  name: "take-out",
  enforce: "pre" as const,
  transform: (code: string, id: string): string | undefined => {
    if (removal === undefined || id !== join(root, removal.file)) return undefined
    if (!code.includes(removal.from)) throw new Error(`${removal.file} has no ${removal.from}`)
    return code.replace(removal.from, () => removal.to)
  },
}

export default defineConfig({
  root,
  plugins: [takeOut],
  test: {
    include: ["**/*.test.ts"],
    isolate: false,
    testTimeout: 60_000,
    watch: false,
    // It keeps what was transformed, whatever was taken out then.
    fsModuleCache: false,
  },
})
