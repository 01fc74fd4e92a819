/**
 * Thumbnails of PNG and JPEG images, as PNG (client-server API §Thumbnails). Other formats have none.
 *
 * The text says of `scale` both that width or height may be smaller than what is asked and that a thumbnail must
 * never be smaller; the second is a MUST, and holds here.
 */
import type { MediaFile } from "../content-headers.ts"
import { type Area, type Image, shrink } from "./image.ts"
import { decodeJpeg, readJpegHead } from "./jpeg.ts"
import { decodePng, encodePng, readPngHead } from "./png.ts"

/** What is asked. */
export interface ThumbnailWish {
  readonly width: number
  readonly height: number
  readonly method: "crop" | "scale"
  /** Whether the thumbnail may move. Those that are made here never do: only a small original can. */
  readonly animated: boolean
}

/** A thumbnail, or why there is none: the content is no image of a kind that is known, or more than is allowed. */
export type Thumbnail =
  | { readonly kind: "made"; readonly file: MediaFile }
  | { readonly kind: "not-an-image" }
  | { readonly kind: "too-large" }

/** The thumbnail of `bytes` that `wish` asks for, from at most `pixelsMax` pixels. */
export const makeThumbnail = (bytes: Uint8Array, wish: ThumbnailWish, pixelsMax: number): Thumbnail => {
  const source = sourceOf(bytes)
  if (source === undefined) return { kind: "not-an-image" }
  const { width, height } = source
  if (width * height > pixelsMax) return { kind: "too-large" }
  if (width === 0 || height === 0) return { kind: "not-an-image" }
  const fit = fitOf(width, height, wish)
  if (fit === undefined && (wish.animated || !source.isAnimated)) return made(source.contentType, bytes)
  const image = decoded(source)
  if (image === undefined) return { kind: "not-an-image" }
  const still = fit === undefined ? image : shrink(image, fit.area, fit.width, fit.height)
  return made("image/png", encodePng(still))
}

const made = (contentType: string, bytes: Uint8Array): Thumbnail => ({
  kind: "made",
  file: { contentType, filename: `thumbnail.${extensions[contentType]}`, bytes },
})

const extensions: Readonly<Record<string, string>> = { "image/png": "png", "image/jpeg": "jpg" }

/** An image that has not been unpacked yet, with its size as it is to be seen. */
interface Source {
  readonly contentType: string
  readonly width: number
  readonly height: number
  readonly isAnimated: boolean
  readonly decode: () => Image
}

/** By what the bytes are, whatever their uploader calls them. */
const sourceOf = (bytes: Uint8Array): Source | undefined => {
  const png = readPngHead(bytes)
  if (png !== undefined) return { contentType: "image/png", ...png, decode: () => decodePng(bytes, png) }
  const jpeg = readJpegHead(bytes)
  if (jpeg === undefined) return undefined
  const { width, height, orientation } = jpeg
  const seen = orientation >= 5 && orientation <= 8 ? { width: height, height: width } : { width, height }
  return { contentType: "image/jpeg", ...seen, isAnimated: false, decode: () => decodeJpeg(bytes, jpeg) }
}

const decoded = (source: Source): Image | undefined => {
  try {
    return source.decode()
  } catch {
    return undefined
  }
}

/** What becomes of an image: that area of it, in so many pixels. */
export interface Fit {
  readonly area: Area
  readonly width: number
  readonly height: number
}

/**
 * `scale` keeps the aspect and is as small as it can be without being smaller than asked, in either direction;
 * `crop` is exactly what is asked, from the middle. Undefined where the image is too small for that in one of its
 * directions: it is given as it is, for thumbnails are never larger than the original.
 */
export const fitOf = (
  width: number,
  height: number,
  wish: Pick<ThumbnailWish, "width" | "height" | "method">,
): Fit | undefined => {
  if (wish.width > width || wish.height > height) return undefined
  if (wish.width === width && wish.height === height) return undefined
  const isWidthTight = wish.width * height >= wish.height * width
  if (wish.method === "crop") {
    const area = isWidthTight
      ? { width, height: (wish.height * width) / wish.width }
      : { width: (wish.width * height) / wish.height, height }
    const middle = { x: (width - area.width) / 2, y: (height - area.height) / 2 }
    return { area: { ...area, ...middle }, width: wish.width, height: wish.height }
  }
  const scaled = isWidthTight
    ? { width: wish.width, height: Math.round((height * wish.width) / width) }
    : { width: Math.round((width * wish.height) / height), height: wish.height }
  return { area: { x: 0, y: 0, width, height }, ...scaled }
}
