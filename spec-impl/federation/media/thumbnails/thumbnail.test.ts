/** Thumbnails: their sizes, their pixels, and what has none. */
import { deflateSync } from "node:zlib"
import { encode as encodeJpeg } from "jpeg-js"
import { PNG } from "pngjs"
import { describe, expect, it } from "vitest"
import { type Image, shrink, upright } from "./image.ts"
import { encodePng, readPngHead } from "./png.ts"
import { fitOf, makeThumbnail, type ThumbnailWish } from "./thumbnail.ts"

/** Red grows to the right, green downwards. */
const gradient = (width: number, height: number): Image => ({
  width,
  height,
  rgba: Uint8Array.from({ length: width * height * 4 }, (_, at) => {
    const pixel = at >> 2
    return [(pixel % width) * 2, Math.floor(pixel / width) * 2, 7, 255][at & 3]!
  }),
})
const wish = (width: number, height: number, more: Partial<ThumbnailWish> = {}): ThumbnailWish => ({
  width,
  height,
  method: "scale",
  animated: false,
  ...more,
})
const thumbnail = (bytes: Uint8Array, asked: ThumbnailWish, pixelsMax = 1_000_000) => {
  const result = makeThumbnail(bytes, asked, pixelsMax)
  return result.kind === "made" ? result.file : result.kind
}
const pixels = (bytes: Uint8Array) => PNG.sync.read(Buffer.from(bytes))
const made = (bytes: Uint8Array, asked: ThumbnailWish) => {
  const file = thumbnail(bytes, asked)
  if (typeof file === "string") throw new Error(file)
  return file
}

const chunk = (type: string, data: Uint8Array): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(data.length)
  head.write(type, 4, "latin1")
  return Buffer.concat([head, data, crcOf(Buffer.concat([head.subarray(4), data]))])
}
const crcOf = (data: Uint8Array): Buffer => {
  let crc = ~0
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(~crc >>> 0)
  return bytes
}
/** Puts a chunk behind the header. */
const withChunk = (png: Uint8Array, extra: Buffer): Buffer =>
  Buffer.concat([png.subarray(0, 33), extra, png.subarray(33)])
const animated = withChunk(encodePng(gradient(40, 40)), chunk("acTL", Buffer.from("0000000200000000", "hex")))

describe("the size", () => {
  it("is never less than asked, with the aspect kept or that of the wish, and never more than the original", () => {
    const sizeOf = (width: number, height: number, asked: ThumbnailWish) => {
      const fit = fitOf(width, height, asked)
      return fit === undefined ? "original" : `${fit.width}x${fit.height}`
    }
    expect(sizeOf(800, 600, wish(320, 240))).toBe("320x240")
    expect(sizeOf(800, 400, wish(320, 240))).toBe("480x240")
    expect(sizeOf(400, 800, wish(320, 240))).toBe("320x640")
    expect(sizeOf(800, 400, wish(96, 96, { method: "crop" }))).toBe("96x96")
    expect(sizeOf(100, 50, wish(64, 64))).toBe("original")
    expect(sizeOf(100, 50, wish(64, 64, { method: "crop" }))).toBe("original")
    expect(sizeOf(64, 64, wish(64, 64))).toBe("original")
    expect(sizeOf(30, 30, wish(64, 64, { method: "crop" }))).toBe("original")
  })
})

describe("the pixels", () => {
  it("are means of those that they stand for", () => {
    const { data, width, height } = pixels(made(encodePng(gradient(80, 40)), wish(20, 10)).bytes)
    expect([width, height]).toEqual([20, 10])
    // Columns 0 to 3 hold 0, 2, 4, 6; so do rows.
    expect([...data.subarray(0, 8)]).toEqual([3, 3, 7, 255, 11, 3, 7, 255])
  })

  it("are the middle of the image where it is cropped", () => {
    const { data } = pixels(made(encodePng(gradient(80, 20)), wish(20, 20, { method: "crop" })).bytes)
    // From column 30 on.
    expect([...data.subarray(0, 4)]).toEqual([60, 0, 7, 255])
  })

  it("weigh colours by how opaque they are, and take shares of pixels", () => {
    const rgba = Uint8Array.from([200, 0, 0, 255, 0, 0, 0, 0, 0, 0, 90, 255])
    const area = { x: 0, y: 0, width: 3, height: 1 }
    expect([...shrink({ width: 3, height: 1, rgba }, area, 1, 1).rgba]).toEqual([100, 0, 45, 170])
    expect([...shrink({ width: 3, height: 1, rgba }, area, 2, 1).rgba]).toEqual([
      200, 0, 0, 170, 0, 0, 90, 170,
    ])
    expect([
      ...shrink({ width: 1, height: 1, rgba: new Uint8Array(4) }, { ...area, width: 1 }, 1, 1).rgba,
    ]).toEqual([0, 0, 0, 0])
  })

  it("are the same bytes each time", () => {
    const once = () => made(encodePng(gradient(80, 40)), wish(33, 17)).bytes
    expect(once()).toEqual(once())
  })
})

describe("JPEG", () => {
  const { width, height, rgba } = gradient(64, 32)
  const jpeg = new Uint8Array(encodeJpeg({ width, height, data: rgba }, 95).data)
  /** An Exif segment with that orientation, in either byte order, behind the first marker. */
  const turned = (orientation: number, isLittleEndian: boolean): Uint8Array => {
    const tiff = isLittleEndian
      ? `49492a0008000000010012010300010000000${orientation}00000000000000`
      : `4d4d002a0000000800010112000300000001000${orientation}000000000000`
    const body = Buffer.concat([Buffer.from("Exif\0\0", "latin1"), Buffer.from(tiff, "hex")])
    const head = Buffer.from([0xff, 0xe1, 0, body.length + 2])
    return Buffer.concat([jpeg.subarray(0, 2), head, body, jpeg.subarray(2)])
  }

  it("becomes a PNG, or stays what it is where it is small", () => {
    const { data, width, height } = pixels(made(jpeg, wish(16, 8)).bytes)
    expect([width, height]).toEqual([16, 8])
    expect(Math.abs(data[0]! - 3)).toBeLessThan(8)
    expect(Math.abs(data[15 * 4]! - 123)).toBeLessThan(8)
    expect(made(jpeg, wish(100, 100))).toMatchObject({ contentType: "image/jpeg", filename: "thumbnail.jpg" })
  })

  it("is turned as its camera was held", () => {
    for (const isLittleEndian of [true, false]) {
      const { width, height, data } = pixels(made(turned(6, isLittleEndian), wish(8, 16)).bytes)
      expect([width, height]).toEqual([8, 16])
      // Turned clockwise: what grew to the right grows downwards.
      expect(data[0]!).toBeLessThan(10)
      expect(data[15 * 8 * 4]!).toBeGreaterThan(110)
    }
  })

  it("in each of the eight ways", () => {
    const image = { width: 2, height: 1, rgba: Uint8Array.from([1, 1, 1, 1, 2, 2, 2, 2]) }
    const seen = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((orientation) => {
      const { width, rgba } = upright(image, orientation)
      return `${width}: ${rgba[0]}${rgba[4]}`
    })
    expect(seen).toEqual(["2: 12", "2: 21", "2: 21", "2: 12", "1: 12", "1: 12", "1: 21", "1: 21", "2: 12"])
  })
})

describe("an animated PNG", () => {
  it("stands still, unless it is small and may move", () => {
    expect(readPngHead(animated)?.isAnimated).toBe(true)
    for (const size of [20, 100]) {
      const { bytes } = made(animated, wish(size, size))
      expect(readPngHead(bytes)?.isAnimated).toBe(false)
      expect(pixels(bytes).width).toBe(Math.min(size, 40))
    }
    expect(made(animated, wish(100, 100, { animated: true })).bytes).toEqual(animated)
    expect(readPngHead(made(animated, wish(20, 20, { animated: true })).bytes)?.isAnimated).toBe(false)
  })
})

describe("no thumbnail", () => {
  const png = encodePng(gradient(40, 40))

  it("of what is no image, or a broken one", () => {
    const gif = Buffer.from("GIF89a")
    for (const bytes of [
      gif,
      new Uint8Array(0),
      png.subarray(0, 20),
      Buffer.from([0xff, 0xd8, 0xff, 0xd9]),
    ]) {
      expect(thumbnail(bytes, wish(1, 1))).toBe("not-an-image")
    }
    const broken = Uint8Array.from(png)
    broken[60] = broken[60]! ^ 0xff
    expect(thumbnail(broken, wish(8, 8))).toBe("not-an-image")
    expect(thumbnail(png.subarray(0, png.length - 30), wish(8, 8))).toBe("not-an-image")
  })

  it("of too many pixels, which are not unpacked", () => {
    expect(thumbnail(png, wish(8, 8), 1_599)).toBe("too-large")
    const huge = Uint8Array.from(png)
    huge.set([0x7f, 0xff, 0xff, 0xff], 16)
    expect(thumbnail(huge, wish(8, 8))).toBe("too-large")
  })

  it("of more bytes than the header promises, interlaced or not", () => {
    for (const interlace of [0, 1]) {
      const header = Buffer.from(png.subarray(16, 29))
      header.writeUInt32BE(2, 0)
      header.writeUInt32BE(2, 4)
      header[12] = interlace
      const bomb = Buffer.concat([
        png.subarray(0, 8),
        chunk("IHDR", header),
        chunk("IDAT", deflateSync(new Uint8Array(64 * 1_048_576))),
        chunk("IEND", new Uint8Array(0)),
      ])
      const before = process.memoryUsage().arrayBuffers
      const result = thumbnail(bomb, wish(1, 1))
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1_048_576)
      if (interlace === 1) expect(result).toBe("not-an-image")
    }
  })
})
