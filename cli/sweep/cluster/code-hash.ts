import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const repository = fileURLToPath(new URL("../../../", import.meta.url))
const folders = ["spec-impl", "sim", "scenarios", "cli/sweep"]

/**
 * What a seed comes to depends on all this code, and on that of the libraries. Taken from the files, not from git: a
 * machine may have changes, or no git.
 */
export const hashCode = (): string => {
  const files = folders.flatMap((folder) =>
    readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
      .map((name) => `${folder}/${name}`),
  )
  const hash = createHash("sha256")
  for (const file of [...files, "package-lock.json"].sort()) {
    hash.update(file).update(readFileSync(join(repository, file)))
  }
  return hash.digest("hex").slice(0, 12)
}
