/** PNG and APNG: what the chunks say before anything is unpacked, and reading and writing with pngjs. */
import { inflateSync } from "node:zlib"
import { PNG } from "pngjs"
import type { Image } from "./image.ts"

const signature = Buffer.from("89504e470d0a1a0a", "hex")

export interface PngHead {
  readonly width: number
  readonly height: number
  /** Whether it is an APNG: an acTL chunk stands before the first image data. */
  readonly isAnimated: boolean
  readonly isInterlaced: boolean
  /** The image data as it is packed, in pieces. */
  readonly packed: readonly Buffer[]
}

/** Undefined for what is no PNG. */
export const readPngHead = (bytes: Uint8Array): PngHead | undefined => {
  const png = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (png.length < 33 || !png.subarray(0, 8).equals(signature) || png.toString("latin1", 12, 16) !== "IHDR") {
    return undefined
  }
  const packed: Buffer[] = []
  let isAnimated = false
  for (let at = 8; at + 12 <= png.length; ) {
    const length = png.readUInt32BE(at)
    const type = png.toString("latin1", at + 4, at + 8)
    if (type === "acTL" && packed.length === 0) isAnimated = true
    if (type === "IDAT") packed.push(png.subarray(at + 8, at + 8 + length))
    at += length + 12
  }
  return {
    width: png.readUInt32BE(16),
    height: png.readUInt32BE(20),
    isAnimated,
    isInterlaced: png[28] === 1,
    packed,
  }
}

/** The still image; throws where the bytes are no sound PNG. */
export const decodePng = (bytes: Uint8Array, head: PngHead): Image => {
  // pngjs bounds what it unpacks by the size in the header, but not where an image is interlaced.
  if (head.isInterlaced) inflateSync(Buffer.concat(head.packed), { maxOutputLength: unpackedBytesMax(head) })
  const { width, height, data } = PNG.sync.read(Buffer.from(bytes))
  return { width, height, rgba: data }
}

/** Eight bytes a pixel, and in each of the seven passes a byte a row, with a byte to fill up to. */
const unpackedBytesMax = ({ width, height }: PngHead): number =>
  8 * width * height + 14 * (height + 8) + 1_024

/** A PNG of those pixels; without the runs that zlib would look for differently on another kind of machine. */
export const encodePng = ({ width, height, rgba }: Image): Uint8Array => {
  const data = Buffer.from(rgba.buffer, rgba.byteOffset, rgba.byteLength)
  // What `new PNG` would make could be read from as a stream, too, for which it asks the event loop.
  const png = { width, height, data, gamma: 0 } as PNG
  return new Uint8Array(PNG.sync.write(png, { deflateLevel: 9, deflateStrategy: runLengths }))
}

/** `Z_RLE` of zlib: matches at a distance of one alone. */
const runLengths = 3
