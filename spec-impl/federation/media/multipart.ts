/**
 * Media on its way between servers: `multipart/mixed` of exactly two parts, the JSON that tells of the media and
 * the media itself, or where else it is to be had (server-server API §Content Repository; RFC 2046 §5.1).
 */
import { isJsonObject } from "../../core/json/value.ts"
import { readJson } from "../json-body.ts"
import { dispositionOf, fileOf, type MediaFile, plainType } from "./content-headers.ts"

/** What the second part holds. */
export type MediaPart =
  | { readonly kind: "file"; readonly file: MediaFile }
  | { readonly kind: "elsewhere"; readonly location: string }

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder() }

/** The body; `boundary` stands nowhere in the media. */
export const writeMultipart = (part: MediaPart, boundary: string): Uint8Array => {
  const headers =
    part.kind === "file"
      ? `Content-Type: ${part.file.contentType}\r\nContent-Disposition: ${dispositionOf(part.file)}`
      : `Location: ${part.location}`
  return Buffer.concat([
    utf8.encoder.encode(
      `--${boundary}\r\nContent-Type: application/json\r\n\r\n{}\r\n--${boundary}\r\n${headers}\r\n\r\n`,
    ),
    part.kind === "file" ? part.file.bytes : new Uint8Array(0),
    utf8.encoder.encode(`\r\n--${boundary}--\r\n`),
  ])
}

/** What a body under that content type holds, or what is wrong with it. */
export const readMultipart = (
  contentType: string | undefined,
  body: Uint8Array,
): MediaPart | { readonly problem: string } => {
  const boundary = boundaryOf(contentType ?? "")
  if (boundary === undefined) return { problem: `${contentType} is no multipart/mixed with a boundary` }
  const parts = partsOf(Buffer.from(body.buffer, body.byteOffset, body.byteLength), boundary)
  if (parts === undefined) return { problem: "the multipart body does not come to its end" }
  const [metadata, media, ...more] = parts.map(readPart)
  if (metadata === undefined || media === undefined || more.length > 0) {
    return { problem: "the multipart body does not have exactly two parts" }
  }
  const { headers } = media
  const isJson = plainType(metadata.headers.get("content-type") ?? "") === "application/json"
  if (!isJson || !isJsonObject(readJson(metadata.content)))
    return { problem: "the first part is no JSON object" }
  const location = headers.get("location")
  if (location !== undefined) return { kind: "elsewhere", location }
  const file = fileOf(headers.get("content-type"), headers.get("content-disposition"), media.content)
  return { kind: "file", file }
}

const boundaryForm = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/

const boundaryOf = (contentType: string): string | undefined => {
  if (plainType(contentType) !== "multipart/mixed") return undefined
  const [, quoted, token] = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;"]+))/i.exec(contentType) ?? []
  const boundary = quoted ?? token
  return boundary !== undefined && boundaryForm.test(boundary) ? boundary : undefined
}

const [tab, lineFeed, carriageReturn, space, dash] = [0x09, 0x0a, 0x0d, 0x20, 0x2d]

/** A line that ends one part, and begins the next unless it is the last. */
interface Delimiter {
  readonly start: number
  readonly end: number
  readonly isLast: boolean
  readonly isCrlf: boolean
}

/** The delimiter that begins at `start`, or undefined where the line says something else. */
const delimiterAt = (body: Buffer, start: number, length: number): Delimiter | undefined => {
  if (start > 0 && body[start - 1] !== lineFeed) return undefined
  let end = start + length
  const isLast = body[end] === dash && body[end + 1] === dash
  if (isLast) end += 2
  while (body[end] === space || body[end] === tab) end += 1
  const isCrlf = body[end] === carriageReturn && body[end + 1] === lineFeed
  if (isCrlf) return { start, end: end + 2, isLast, isCrlf }
  if (body[end] === lineFeed) return { start, end: end + 1, isLast, isCrlf }
  return isLast && end === body.length ? { start, end, isLast, isCrlf } : undefined
}

/**
 * The parts between delimiters, without what stands before the first and after the last; undefined where there is no
 * last one: then bytes are missing. The line ending of the first delimiter is that of all others.
 */
const partsOf = (body: Buffer, boundary: string): readonly Buffer[] | undefined => {
  const line = `--${boundary}`
  const parts: Buffer[] = []
  let before: Delimiter | undefined
  let isCrlf = false
  for (let at = body.indexOf(line); at >= 0; at = body.indexOf(line, at + 1)) {
    const delimiter = delimiterAt(body, at, line.length)
    if (delimiter === undefined) continue
    if (before === undefined) isCrlf = delimiter.isCrlf
    else parts.push(body.subarray(before.end, Math.max(before.end, at - (isCrlf ? 2 : 1))))
    if (delimiter.isLast) return parts
    before = delimiter
  }
  return undefined
}

/** A part's headers by lower-case name, and what follows the empty line. A part that is all headers is empty. */
const readPart = (part: Buffer) => {
  const headers = new Map<string, string>()
  let at = 0
  while (at < part.length) {
    const found = part.indexOf(lineFeed, at)
    const end = found < 0 ? part.length : found
    const line = utf8.decoder.decode(part.subarray(at, end)).replace(/\r$/, "")
    at = end + 1
    if (line === "") break
    const colon = line.indexOf(":")
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
  }
  return { headers, content: new Uint8Array(part.subarray(at)) }
}
