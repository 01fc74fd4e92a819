/** JPEG: what the markers say before anything is unpacked, and reading with jpeg-js. */
import { decode } from "jpeg-js"
import { type Image, upright } from "./image.ts"

export interface JpegHead {
  /** As stored. */
  readonly width: number
  readonly height: number
  /** Exif's tag of that name; 1 where it is not said: as stored. */
  readonly orientation: number
}

/** Undefined for what is no JPEG, or never says its size. */
export const readJpegHead = (bytes: Uint8Array): JpegHead | undefined => {
  const jpeg = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (jpeg.length < 4 || jpeg.readUInt16BE(0) !== 0xffd8) return undefined
  let orientation = 1
  for (let at = 2; at + 9 < jpeg.length; ) {
    if (jpeg[at] !== 0xff) return undefined
    const marker = jpeg[at + 1]!
    // A fill byte, or a marker that stands alone.
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2
      continue
    }
    if (isStartOfFrame(marker)) {
      return { width: jpeg.readUInt16BE(at + 7), height: jpeg.readUInt16BE(at + 5), orientation }
    }
    const length = jpeg.readUInt16BE(at + 2)
    if (marker === 0xe1) orientation = orientationIn(jpeg.subarray(at + 4, at + 2 + length)) ?? orientation
    at += length + 2
  }
  return undefined
}

/** SOF0 to SOF15, without the three markers among them that are something else (DHT, JPG, DAC). */
const isStartOfFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc

/** Tag 0x0112 of the first directory (Exif 2.3 §4.5.2). */
const orientationIn = (segment: Buffer): number | undefined => {
  if (segment.length < 14 || segment.toString("latin1", 0, 6) !== "Exif\0\0") return undefined
  const tiff = segment.subarray(6)
  const isLittleEndian = tiff.toString("latin1", 0, 2) === "II"
  const short = (at: number): number => (isLittleEndian ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at))
  const directory = isLittleEndian ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4)
  if (directory + 2 > tiff.length) return undefined
  const count = short(directory)
  for (let at = directory + 2; at + 12 <= Math.min(tiff.length, directory + 2 + count * 12); at += 12) {
    if (short(at) === 0x0112) return short(at + 8)
  }
  return undefined
}

const megapixel = 1_000_000

/** The image as it is to be seen; throws where the bytes are no sound JPEG. */
export const decodeJpeg = (bytes: Uint8Array, head: JpegHead): Image => {
  const maxResolutionInMP = Math.ceil((head.width * head.height) / megapixel) + 1
  const { width, height, data } = decode(bytes, { useTArray: true, maxResolutionInMP })
  return upright({ width, height, rgba: data }, head.orientation)
}
