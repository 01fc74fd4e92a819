/** Unpadded base64, in both alphabets (appendices §Unpadded Base64). */

/** Encodes without padding, in the standard alphabet. */
export const encodeBase64 = (bytes: Uint8Array): string => {
  const padded = asBuffer(bytes).toString("base64")
  const end = padded.indexOf("=")
  return end < 0 ? padded : padded.slice(0, end)
}

/** Encodes without padding, in the URL-safe alphabet. */
export const encodeBase64Url = (bytes: Uint8Array): string => asBuffer(bytes).toString("base64url")

const wellFormed = /^[A-Za-z0-9+/_-]*={0,2}$/

/**
 * Decodes either alphabet, padded or not, whatever the last bits that encode nothing are (the specification's
 * own test seed has some set); undefined for anything else.
 */
export const decodeBase64 = (text: string): Uint8Array | undefined => {
  if (!wellFormed.test(text)) return undefined
  const end = text.indexOf("=")
  const digits = end < 0 ? text.length : end
  if (digits % 4 === 1 || (end >= 0 && text.length % 4 !== 0)) return undefined
  return new Uint8Array(Buffer.from(text, "base64"))
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
