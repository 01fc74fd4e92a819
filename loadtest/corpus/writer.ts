import { once } from "node:events"
import { createWriteStream, type WriteStream } from "node:fs"
import { mkdir, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import {
  bodyMember,
  type CorpusManifest,
  type CorpusRequest,
  corpusFormat,
  encodeLinePlace,
  indexRecordBytes,
} from "./format.ts"

/** The line of a request, and the lengths that its record in the index holds. */
export interface EncodedRequest {
  readonly line: Buffer
  readonly headLength: number
  readonly bodyLength: number
}

/**
 * A request as the line that the scripts read (format.ts). To be called where requests are made, on any core;
 * `CorpusWriter.write` takes the result.
 */
export const encodeRequest = ({ body, ...head }: CorpusRequest): EncodedRequest => {
  // k6 has no decoder for UTF-8: what a script turns into text is ASCII.
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  const json = JSON.stringify(head).replace(/[\u0080-\uffff]/g, escape)
  if (body === undefined) {
    const line = Buffer.from(`${json}\n`)
    return { line, headLength: line.length - 1, bodyLength: 0 }
  }
  if (/[\n\r]/.test(body)) throw new Error("the body of a corpus request must be JSON on one line")
  const open = json.slice(0, -1)
  return {
    line: Buffer.from(`${open}${bodyMember}${body}}\n`),
    headLength: Buffer.byteLength(open),
    bodyLength: Buffer.byteLength(body),
  }
}

/**
 * Writes a corpus as a stream: memory does not grow with the number of requests. The manifest comes last, so that
 * a corpus that was cut short is none.
 */
export class CorpusWriter {
  #start = 0
  #requests = 0
  readonly directory: string
  readonly flow: string
  readonly #lines: WriteStream
  readonly #index: WriteStream

  private constructor(directory: string, flow: string) {
    this.directory = directory
    this.flow = flow
    this.#lines = createWriteStream(join(directory, `${flow}.ndjson`))
    this.#index = createWriteStream(join(directory, `${flow}.index`))
  }

  /** Makes the directory where it is missing, and begins the corpus of a flow in it. */
  static async create(directory: string, flow: string): Promise<CorpusWriter> {
    await mkdir(directory, { recursive: true })
    return new CorpusWriter(directory, flow)
  }

  /** Appends a request; the promise waits where the disk is behind. */
  async write({ line, headLength, bodyLength }: EncodedRequest): Promise<void> {
    const record = new Uint8Array(indexRecordBytes)
    encodeLinePlace({ start: this.#start, headLength, bodyLength }, record)
    this.#start += line.length
    this.#requests += 1
    await Promise.all([push(this.#lines, line), push(this.#index, record)])
  }

  /** Ends the streams and writes the manifest. The corpus is usable from then on. */
  async close(manifest: Omit<CorpusManifest, "format" | "flow" | "requests">): Promise<void> {
    await Promise.all([finish(this.#lines), finish(this.#index)])
    const whole: CorpusManifest = {
      format: corpusFormat,
      flow: this.flow,
      requests: this.#requests,
      ...manifest,
    }
    const path = join(this.directory, "manifest.json")
    await writeFile(`${path}.new`, `${JSON.stringify(whole, undefined, 2)}\n`)
    await rename(`${path}.new`, path)
  }
}

const push = async (stream: WriteStream, bytes: Uint8Array): Promise<void> => {
  if (!stream.write(bytes)) await once(stream, "drain")
}

const finish = async (stream: WriteStream): Promise<void> => {
  stream.end()
  await once(stream, "finish")
}
