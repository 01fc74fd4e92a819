import { readdirSync, readFileSync } from "node:fs"
import { join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"

/** The repository's root, with a separator at its end. */
export const root = fileURLToPath(new URL("..", import.meta.url))

const foldersOfOthers: ReadonlySet<string> = new Set(["node_modules", ".git", "results/runs"])

/** Every file of the house, by its path from the root with forward slashes; not what was installed or recorded. */
export const listFiles = (folder = root): readonly string[] =>
  readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      const name = relative(root, path).split(sep).join("/")
      if (foldersOfOthers.has(name)) return []
      if (entry.isDirectory()) return listFiles(path)
      return entry.isFile() ? [name] : []
    })
    .sort()

/** The text of a file, or undefined where it is not text (compressed corpora, pictures). */
export const readText = (path: string): string | undefined => {
  const bytes = readFileSync(join(root, path))
  return bytes.includes(0) ? undefined : bytes.toString("utf8")
}
