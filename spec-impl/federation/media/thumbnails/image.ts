/** Pixels, and making fewer of them. */

/** Eight bits each of red, green, blue and alpha, row by row. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly rgba: Uint8Array
}

/** A part of an image; its edges need not be those of pixels. */
export interface Area {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/**
 * `area` of the image in `width` × `height` pixels, each the mean of what it covers, colours weighed by how opaque
 * they are. Never more pixels than the area has: this is no magnifier.
 */
export const shrink = (image: Image, area: Area, width: number, height: number): Image => {
  const rgba = new Uint8Array(width * height * 4)
  const columns = coverage(area.x, area.width / width, width, image.width)
  const rows = coverage(area.y, area.height / height, height, image.height)
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      rgba.set(meanOf(image, row, column), (y * width + x) * 4)
    }
  }
  return { width, height, rgba }
}

/** The pixels that one cell covers along one axis, and how much of the first and last of them. */
interface Cover {
  readonly from: number
  readonly to: number
  readonly weightOf: (at: number) => number
}

const coverage = (start: number, step: number, count: number, limit: number): readonly Cover[] =>
  Array.from({ length: count }, (_, cell) => {
    const begin = start + cell * step
    const end = Math.min(begin + step, limit)
    return {
      from: Math.floor(begin),
      to: Math.min(Math.ceil(end), limit),
      weightOf: (at) => Math.min(at + 1, end) - Math.max(at, begin),
    }
  })

const meanOf = ({ width, rgba }: Image, rows: Cover, columns: Cover): readonly number[] => {
  let [red, green, blue, alpha, total] = [0, 0, 0, 0, 0]
  for (let y = rows.from; y < rows.to; y++) {
    const rowWeight = rows.weightOf(y)
    for (let x = columns.from; x < columns.to; x++) {
      const weight = rowWeight * columns.weightOf(x)
      const at = (y * width + x) * 4
      const opacity = weight * rgba[at + 3]!
      red += opacity * rgba[at]!
      green += opacity * rgba[at + 1]!
      blue += opacity * rgba[at + 2]!
      alpha += opacity
      total += weight
    }
  }
  if (alpha === 0) return [0, 0, 0, 0]
  return [red / alpha, green / alpha, blue / alpha, alpha / total].map(Math.round)
}

/**
 * The image as it is to be seen that a camera stored otherwise (Exif 2.3, tag 0x0112: 1 to 8). From 5 on width and
 * height change places.
 */
export const upright = (image: Image, orientation: number): Image => {
  if (orientation < 2 || orientation > 8) return image
  const { width, height } = image
  const turned = orientation >= 5 ? { width: height, height: width } : { width, height }
  const source = new Uint32Array(Uint8Array.from(image.rgba).buffer)
  const pixels = new Uint32Array(width * height)
  for (let y = 0; y < turned.height; y++) {
    for (let x = 0; x < turned.width; x++) {
      const [fromX, fromY] = storedAt(orientation, x, y, width - 1, height - 1)
      pixels[y * turned.width + x] = source[fromY * width + fromX]!
    }
  }
  return { ...turned, rgba: new Uint8Array(pixels.buffer) }
}

/** Where the pixel at (x, y) of the upright image is stored. */
const storedAt = (
  orientation: number,
  x: number,
  y: number,
  right: number,
  bottom: number,
): readonly [number, number] => {
  switch (orientation) {
    case 2:
      return [right - x, y]
    case 3:
      return [right - x, bottom - y]
    case 4:
      return [x, bottom - y]
    case 5:
      return [y, x]
    case 6:
      return [y, bottom - x]
    case 7:
      return [right - y, bottom - x]
    default:
      return [right - y, x]
  }
}
