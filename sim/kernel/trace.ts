/**
 * What happened in a run, as data, and one hash over all of it: every dispatch, every byte on the wire, every
 * store group. Never the seed, nor any number that is this process's own.
 */
import { createHash } from "node:crypto"

/** A field of a record; bytes are hashed whole, and kept as their length. */
export type TraceField = string | number | Uint8Array

/** One thing that happened. */
export interface TraceRecord {
  /** How many steps had been made. */
  readonly step: number
  readonly virtualMs: number
  readonly kind: string
  readonly fields: readonly (string | number)[]
}

export interface TraceOptions {
  /** Whether records are kept as data, not only hashed. */
  readonly keep?: boolean
  /** The oldest are forgotten beyond this many. */
  readonly recordsMax?: number
}

const bufferBytes = 1 << 16
/** No number and no dispatch is longer than this in the buffer. */
const roomBytes = 64
/** Before a text or bytes: which it is, and the length. */
const tagBytes = 5
/** Of one UTF-16 unit. */
const utf8BytesMax = 3
/** Of a text in UTF-16 units. */
const shortMax = 24

export class Trace {
  readonly #keep: boolean
  readonly #recordsMax: number
  readonly #records: TraceRecord[] = []
  readonly #listeners = new Set<(record: TraceRecord) => void>()
  readonly #buffer = Buffer.alloc(bufferBytes)
  readonly #view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, bufferBytes)
  #used = 0
  #hash = createHash("sha256")
  #steps = 0
  #virtualMs = 0
  #lastServerHash = 0

  constructor(options: TraceOptions = {}) {
    this.#keep = options.keep ?? false
    this.#recordsMax = options.recordsMax ?? 1_000_000
  }

  /** How many tasks were dispatched and promises delivered. */
  get steps(): number {
    return this.#steps
  }

  /** Stands for the server that the last step was of. */
  get lastServerHash(): number {
    return this.#lastServerHash
  }

  /** What was kept, oldest first. */
  get records(): readonly TraceRecord[] {
    return this.#records
  }

  /** A step: a task of that server dispatched, or a promise delivered. */
  step(serverHash: number, virtualMs: number): void {
    this.#steps += 1
    this.#virtualMs = virtualMs
    this.#lastServerHash = serverHash
    this.#reserve(roomBytes)
    const used = this.#used
    this.#view.setUint8(used, 1)
    this.#view.setUint32(used + 1, serverHash, true)
    this.#view.setFloat64(used + 5, virtualMs, true)
    this.#used = used + 13
  }

  /** Something that happened within the step at hand. */
  record(kind: string, ...fields: readonly TraceField[]): void {
    this.#reserve(roomBytes)
    this.#used = this.#buffer.writeUInt8(2, this.#used)
    this.#add(kind)
    for (const field of fields) this.#add(field)
    if (!this.#keep && this.#listeners.size === 0) return
    const record: TraceRecord = {
      step: this.#steps,
      virtualMs: this.#virtualMs,
      kind,
      fields: fields.map((field) => (field instanceof Uint8Array ? field.length : field)),
    }
    if (this.#keep) {
      if (this.#records.length >= this.#recordsMax) this.#records.shift()
      this.#records.push(record)
    }
    for (const listener of this.#listeners) listener(record)
  }

  /** As `record`, of a long text that is hashed whole, and kept as its length. */
  recordText(kind: string, name: string, text: string): void {
    if (this.#keep || this.#listeners.size > 0) this.record(kind, name, Buffer.from(text))
    else {
      this.#reserve(roomBytes)
      this.#used = this.#buffer.writeUInt8(2, this.#used)
      this.#add(kind)
      this.#add(name)
      this.#addText(text, 5)
    }
  }

  /** Calls `listener` for each record from now on; the function that is given ends that. */
  listen(listener: (record: TraceRecord) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The hash so far, hexadecimal; the trace may go on. */
  hash(): string {
    this.#flush()
    return this.#hash.copy().digest("hex")
  }

  #add(field: TraceField): void {
    this.#reserve(roomBytes)
    if (typeof field === "number") {
      this.#used = this.#buffer.writeUInt8(3, this.#used)
      this.#used = this.#buffer.writeDoubleLE(field, this.#used)
      return
    }
    if (typeof field === "string") this.#addText(field, 4)
    else this.#addBytes(field, 5)
  }

  /** Where it surely fits it is encoded in its place, and then its length written before it. */
  #addText(text: string, tag: number): void {
    const spaceBytes = tagBytes + text.length * utf8BytesMax
    if (spaceBytes > bufferBytes) {
      this.#addBytes(Buffer.from(text, "utf8"), tag)
      return
    }
    this.#reserve(spaceBytes)
    const length = this.#addShort(text) ?? this.#buffer.write(text, this.#used + tagBytes, "utf8")
    this.#addTag(tag, length)
    this.#used += length
  }

  /** Most texts are names and numbers: to call into the machine for each costs more than to write it here. */
  #addShort(text: string): number | undefined {
    if (text.length > shortMax) return undefined
    const start = this.#used + tagBytes
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      if (unit > 0x7f) return undefined
      this.#buffer[start + at] = unit
    }
    return text.length
  }

  #addBytes(bytes: Uint8Array, tag: number): void {
    this.#reserve(roomBytes)
    this.#addTag(tag, bytes.length)
    if (bytes.length > bufferBytes - this.#used) {
      this.#flush()
      this.#hash.update(bytes)
      return
    }
    this.#buffer.set(bytes, this.#used)
    this.#used += bytes.length
  }

  #addTag(tag: number, length: number): void {
    this.#view.setUint8(this.#used, tag)
    this.#view.setUint32(this.#used + 1, length, true)
    this.#used += tagBytes
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes > bufferBytes) this.#flush()
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#used))
    this.#used = 0
  }
}
