/** The file that holds the key a server was set up with, one line as other homeservers keep it. */
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs"
import { dirname } from "node:path"
import { decodeBase64, encodeBase64 } from "../../core/base64.ts"

/** A key as it is kept. */
export interface KeptKey {
  /** `ed25519:…` */
  readonly keyId: string
  readonly seed: Uint8Array
}

/** The file cannot be used; one line for people. */
export class BadKeyFile extends Error {}

/** Appendices §Signing Details: what stands behind the colon of a key id. */
const line = /^ed25519 ([a-zA-Z0-9_]+) ([A-Za-z0-9+/]{43}=?)\s*$/

/**
 * Reads `<algorithm> <version> <seed in base64>`, or makes such a file, for its owner alone, from `randomBytes`. Throws
 * `BadKeyFile` where there is something else, or others may read it; and what the file system throws.
 */
export const readOrMakeSigningKey = (path: string, randomBytes: (length: number) => Uint8Array): KeptKey =>
  read(path) ?? make(path, randomBytes)

const read = (path: string): KeptKey | undefined => {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
  const mode = statSync(path).mode & 0o777
  if ((mode & 0o077) !== 0) {
    throw new BadKeyFile(`"${path}" can be read by others (mode ${mode.toString(8)}): chmod 600 it`)
  }
  const match = line.exec(text)
  const seed = match === null ? undefined : decodeBase64(match[2]!.replace("=", ""))
  if (match === null || seed?.length !== 32) {
    throw new BadKeyFile(`"${path}" is no signing key: a line "ed25519 <version> <base64>" is wanted`)
  }
  return { keyId: `ed25519:${match[1]}`, seed }
}

/** Written whole under another name first: whatever happens, a key that was once used is found again. */
const make = (path: string, randomBytes: (length: number) => Uint8Array): KeptKey => {
  const version = `a_${Buffer.from(randomBytes(3)).toString("hex")}`
  const seed = randomBytes(32)
  const draft = `${path}.new-${process.pid}`
  const file = openSync(draft, "wx", 0o600)
  try {
    writeSync(file, `ed25519 ${version} ${encodeBase64(seed)}\n`)
    fsyncSync(file)
    linkSync(draft, path)
  } finally {
    closeSync(file)
    unlinkSync(draft)
  }
  const directory = openSync(dirname(path), "r")
  fsyncSync(directory)
  closeSync(directory)
  return { keyId: `ed25519:${version}`, seed }
}
