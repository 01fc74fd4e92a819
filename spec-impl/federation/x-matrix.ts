/**
 * The `Authorization: X-Matrix …` header and what its signature covers
 * (server-server API §Request Authentication; RFC 9110 §11.4, §5.6.2, §5.6.4).
 */
import { canonicalJson } from "../core/json/encode.ts"

/** The parameters of the header. */
export interface XMatrix {
  readonly origin: string
  /** MUST be sent since v1.3; older servers do not. */
  readonly destination?: string
  /** The id of the key that signed, algorithm included: `ed25519:1`. */
  readonly key: string
  /** Unpadded base64. The text of the specification calls it `signature`, everybody sends `sig`. */
  readonly sig: string
}

/** The header as older servers can read it too: one space, lower-case names, no space at commas. */
export const formatXMatrix = ({ origin, destination, key, sig }: XMatrix): string => {
  const parameters = { origin, ...(destination === undefined ? {} : { destination }), key, sig }
  return `X-Matrix ${Object.entries(parameters)
    .map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`)
    .join(",")}`
}

const scheme = /^x-matrix +/i
const parameter =
  /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z:/[\]=-]*))[ \t]*(?:,[ \t]*|$)/gy

/**
 * Reads the header. Names in any case, parameters in any order, unknown ones ignored; unquoted values may hold
 * what server names, key ids and base64 need. Undefined where it is not of this scheme, breaks the grammar,
 * repeats a parameter or lacks one.
 */
export const parseXMatrix = (header: string): XMatrix | undefined => {
  const start = scheme.exec(header)
  if (start === null) return undefined
  const found = new Map<string, string>()
  const text = header.slice(start[0].length).trimEnd()
  parameter.lastIndex = 0
  for (let position = 0; position < text.length; position = parameter.lastIndex) {
    const match = parameter.exec(text)
    if (match === null) return undefined
    const name = (match[1] ?? "").toLowerCase()
    if (found.has(name)) return undefined
    found.set(name, match[2]?.replace(/\\(.)/g, "$1") ?? match[3] ?? "")
  }
  const origin = found.get("origin")
  const key = found.get("key")
  const sig = found.get("sig")
  const destination = found.get("destination")
  if (!origin || !key || !sig) return undefined
  return { origin, key, sig, ...(destination === undefined ? {} : { destination }) }
}

/** As `formatXMatrix` and most others write it, without anything escaped. */
const usual = /^X-Matrix origin="([^"\\]+)",destination="([^"\\]+)",key="([^"\\]+)",sig="([^"\\]+)"$/

const another = /,[ \t]*x-matrix +/i
const nextOne = /[ \t]*(?=x-matrix +)/iy

/**
 * Reads all headers of one request, joined by commas as RFC 9110 §5.3 has it: the specification has one for each
 * key that signed. Undefined where one of them cannot be read.
 */
export const parseXMatrices = (headers: string): readonly XMatrix[] | undefined => {
  const match = usual.exec(headers)
  if (match !== null) {
    const [, origin = "", destination = "", key = "", sig = ""] = match
    return [{ origin, destination, key, sig }]
  }
  if (!another.test(headers)) {
    const only = parseXMatrix(headers)
    return only === undefined ? undefined : [only]
  }
  const parsed: XMatrix[] = []
  let start = 0
  let isQuoted = false
  for (let position = 0; position <= headers.length; position++) {
    const character = headers[position]
    if (isQuoted && character === "\\") position += 1
    else if (character === '"') isQuoted = !isQuoted
    nextOne.lastIndex = position + 1
    const isEnd = character === undefined || (character === "," && !isQuoted && nextOne.test(headers))
    if (!isEnd) continue
    const one = parseXMatrix(headers.slice(start, position))
    if (one === undefined) return undefined
    parsed.push(one)
    start = character === undefined ? position : nextOne.lastIndex
  }
  return parsed
}

/** A request as its signature sees it. */
export interface SignedRequest {
  readonly method: string
  /** Path and query exactly as sent, from `/_matrix/` on. */
  readonly uri: string
  readonly origin: string
  /** The server name before delegation. */
  readonly destination: string
  /** The body as canonical JSON, or its bytes; absent where the request has none. */
  readonly content?: string | Uint8Array
}

/** The bytes that are signed: `{content, destination, method, origin, uri}` as canonical JSON. */
export const requestSigningBytes = ({ content, ...request }: SignedRequest): Uint8Array => {
  const { method, uri, origin, destination } = request
  const rest = canonicalJson({ destination, method, origin, uri })
  // `content` sorts first, and is in canonical form already.
  if (content === undefined) return utf8.encode(rest)
  if (typeof content === "string") return utf8.encode(`{"content":${content},${rest.slice(1)}`)
  const end = Buffer.from(`,${rest.slice(1)}`)
  const bytes = new Uint8Array(beginning.length + content.length + end.length)
  bytes.set(beginning)
  bytes.set(content, beginning.length)
  bytes.set(end, beginning.length + content.length)
  return bytes
}

const utf8 = new TextEncoder()
const beginning = utf8.encode('{"content":')
