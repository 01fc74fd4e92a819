/** Reads a corpus where it is not k6 that does. */
import { createReadStream } from "node:fs"
import { type FileHandle, open, readFile } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"
import {
  bodyMember,
  type CorpusManifest,
  type CorpusRequest,
  decodeLinePlace,
  indexRecordBytes,
} from "./format.ts"
import type { LineHistory } from "./room-lines.ts"

/** A corpus on disk, line by line. */
export class CorpusReader {
  readonly directory: string
  readonly manifest: CorpusManifest
  readonly #lines: FileHandle
  readonly #index: FileHandle

  private constructor(directory: string, manifest: CorpusManifest, lines: FileHandle, index: FileHandle) {
    this.directory = directory
    this.manifest = manifest
    this.#lines = lines
    this.#index = index
  }

  /** Opens the corpus of a directory; it must be closed. */
  static async open(directory: string): Promise<CorpusReader> {
    const manifest = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8")) as CorpusManifest
    const lines = await open(join(directory, `${manifest.flow}.ndjson`))
    const index = await open(join(directory, `${manifest.flow}.index`))
    return new CorpusReader(directory, manifest, lines, index)
  }

  /** The request of a line, its body as it was signed. */
  async read(line: number): Promise<CorpusRequest> {
    const record = await readAt(this.#index, line * indexRecordBytes, indexRecordBytes)
    const { start, headLength, bodyLength } = decodeLinePlace(record)
    const bodyStart = headLength + bodyMember.length
    const bytes = await readAt(this.#lines, start, bodyLength === 0 ? headLength : bodyStart + bodyLength)
    const head = bytes.toString("utf8", 0, headLength)
    return bodyLength === 0
      ? (JSON.parse(head) as CorpusRequest)
      : { ...(JSON.parse(`${head}}`) as CorpusRequest), body: bytes.toString("utf8", bodyStart) }
  }

  /** What the lines bring, in their order. */
  async *history(): AsyncGenerator<LineHistory> {
    const input = createReadStream(join(this.directory, "history.ndjson"))
    for await (const line of createInterface({ input })) yield JSON.parse(line) as LineHistory
  }

  async close(): Promise<void> {
    await this.#lines.close()
    await this.#index.close()
  }
}

const readAt = async (file: FileHandle, position: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(length)
  const { bytesRead } = await file.read(bytes, 0, length, position)
  if (bytesRead < length) throw new Error("the corpus is cut short: make it anew")
  return bytes
}
