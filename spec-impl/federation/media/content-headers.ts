/** How a file is named, and how it is to be shown (client-server API §Content repository, §Serving inline content). */

/** A file, as it was uploaded or as another server gave it. */
export interface MediaFile {
  readonly contentType: string
  /** As its uploader called it. */
  readonly filename: string | undefined
  readonly bytes: Uint8Array
}

export const contentTypeDefault = "application/octet-stream"

/** §Serving inline content: what a browser may show; all else it is to save. */
const inlineTypes: ReadonlySet<string> = new Set([
  "text/css",
  "text/plain",
  "text/csv",
  "application/json",
  "application/ld+json",
  "image/jpeg",
  "image/gif",
  "image/png",
  "image/apng",
  "image/webp",
  "image/avif",
  "video/mp4",
  "video/webm",
  "video/ogg",
  "video/quicktime",
  "audio/mp4",
  "audio/webm",
  "audio/aac",
  "audio/mpeg",
  "audio/ogg",
  "audio/wave",
  "audio/wav",
  "audio/x-wav",
  "audio/x-pn-wav",
  "audio/flac",
  "audio/x-flac",
])

/** The types that a thumbnail may have (§Content Repository). */
export const thumbnailTypes: ReadonlySet<string> = new Set([
  "image/png",
  "image/apng",
  "image/jpeg",
  "image/gif",
  "image/webp",
])

/** A content type without its parameters. */
export const plainType = (contentType: string): string => {
  const [type = ""] = contentType.split(";")
  return type.trim().toLowerCase()
}

/** Whether `text` can stand in a header; anything else could end the header and begin another. */
export const isHeaderValue = (text: string): boolean => /^[\x20-\x7e]+$/.test(text)

/** `Content-Disposition` of a file (RFC 6266): how it is shown follows from its type, its name is the uploader's. */
export const dispositionOf = ({ contentType, filename }: Omit<MediaFile, "bytes">): string => {
  const kind = inlineTypes.has(plainType(contentType)) ? "inline" : "attachment"
  if (filename === undefined || filename === "") return kind
  return isHeaderValue(filename)
    ? `${kind}; filename="${filename.replaceAll(/["\\]/g, "\\$&")}"`
    : `${kind}; filename*=utf-8''${percentEncoded(filename)}`
}

/** RFC 5987 §3.2.1. */
const percentEncoded = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** The file name in a `Content-Disposition`; the extended form, which can say more, counts before the plain one. */
export const filenameIn = (disposition: string | undefined): string | undefined => {
  if (disposition === undefined) return undefined
  const extended = /;\s*filename\*\s*=\s*utf-8'[^']*'([^\s;]*)/i.exec(disposition)?.[1]
  const decoded = extended === undefined ? undefined : percentDecoded(extended)
  if (decoded !== undefined) return decoded
  const [, quoted, token] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(disposition) ?? []
  return quoted === undefined ? token : quoted.replaceAll(/\\(.)/g, "$1")
}

const percentDecoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** The headers of a file that is given as it is. */
export const contentHeaders = (file: MediaFile): Readonly<Record<string, string>> => ({
  "content-type": file.contentType,
  "content-disposition": dispositionOf(file),
  // Client-server API §Content repository: what is shown can run nothing, and pages of other origins may show it.
  "content-security-policy":
    "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; object-src 'self';",
  "cross-origin-resource-policy": "cross-origin",
})

/** A file as its headers and bytes say. */
export const fileOf = (
  contentType: string | undefined,
  disposition: string | undefined,
  bytes: Uint8Array,
): MediaFile => ({
  contentType: contentType !== undefined && isHeaderValue(contentType) ? contentType : contentTypeDefault,
  filename: filenameIn(disposition),
  bytes,
})
