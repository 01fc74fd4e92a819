import { type File, open as openFile, SeekMode } from "k6/experimental/fs"
import {
  bodyMember,
  type CorpusManifest,
  type CorpusRequest,
  corpusFormat,
  decodeLinePlace,
  indexRecordBytes,
} from "../../corpus/format.ts"
import { corpusDirectory } from "./settings.ts"

/** A request as it goes out: the body is the very bytes that were signed. */
export interface PreparedRequest extends Omit<CorpusRequest, "body"> {
  readonly body: ArrayBuffer | null
}

/**
 * The corpus, from the init context on. k6 keeps a file of `k6/experimental/fs` once for all VUs, and each VU reads
 * its line alone, so that the memory of a run is the corpus once, however many VUs there are.
 */
export class Corpus {
  readonly manifest: CorpusManifest
  #lines: File | undefined
  #index: File | undefined

  constructor(directory: string) {
    this.manifest = JSON.parse(open(`${directory}/manifest.json`)) as CorpusManifest
    const { format, flow } = this.manifest
    if (format !== corpusFormat)
      throw new Error(`the corpus has format ${format}, not ${corpusFormat}: make it anew`)
    // The init context of k6 does not await, but it waits for what was begun in it.
    const openBoth = async (): Promise<void> => {
      this.#lines = await openFile(`${directory}/${flow}.ndjson`)
      this.#index = await openFile(`${directory}/${flow}.index`)
    }
    openBoth()
  }

  /** The request of a line, or undefined where the corpus is used up. */
  async read(line: number): Promise<PreparedRequest | undefined> {
    if (line >= this.manifest.requests) return undefined
    const record = await readAt(this.#index!, line * indexRecordBytes, indexRecordBytes)
    const { start, headLength, bodyLength } = decodeLinePlace(record)
    if (bodyLength === 0) {
      const head = await readAt(this.#lines!, start, headLength)
      return { ...parseHead(asciiText(head)), body: null }
    }
    const bodyStart = headLength + bodyMember.length
    const bytes = await readAt(this.#lines!, start, bodyStart + bodyLength)
    const head = parseHead(`${asciiText(bytes.subarray(0, headLength))}}`)
    return { ...head, body: bytes.buffer.slice(bodyStart) }
  }
}

/** The corpus that CORPUS names. */
export const openCorpus = (): Corpus => {
  if (corpusDirectory === undefined) {
    throw new Error("CORPUS must name a corpus: netsplit load FLOW --prepare makes one")
  }
  if (!/^(\/|[A-Za-z]:[\\/])/.test(corpusDirectory)) throw new Error("CORPUS must be an absolute path")
  return new Corpus(corpusDirectory)
}

const readAt = async (file: File, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
  const bytes = new Uint8Array(length)
  await file.seek(position, SeekMode.Start)
  for (let filled = 0; filled < length; ) {
    const count = await file.read(filled === 0 ? bytes : bytes.subarray(filled))
    if (count === null || count === 0) throw new Error("the corpus is cut short: make it anew")
    filled += count
  }
  return bytes
}

/** The head of a line is ASCII (corpus/writer.ts), and k6 has no TextDecoder. */
const asciiText = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

const parseHead = (json: string): Omit<CorpusRequest, "body"> =>
  JSON.parse(json) as Omit<CorpusRequest, "body">
