/** The grammar of Matrix identifiers (appendices §Identifier Grammar). */
import { identifierBytesMax, roomVersionCodePointsMax } from "./limits.ts"
import type { RoomVersion } from "./room-version.ts"

/** A server name taken apart; an IPv6 host stands without its brackets. */
export interface ServerName {
  readonly hostname: string
  readonly port: number | null
  readonly kind: "dns" | "ipv4" | "ipv6"
}

/** The length of `text` in UTF-8, in bytes. */
export const utf8Length = (text: string): number => {
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(at + 1))) {
      bytes += 2
      at += 1
    } else bytes += 2
  }
  return bytes
}

/** A UTF-16 unit takes three bytes at most: two of them, a pair of surrogates, take four. */
const unitBytesMax = 3

/** Whether `text` takes more than so many bytes in UTF-8; short texts need not be counted to know that. */
export const isLongerThan = (text: string, bytesMax: number): boolean =>
  text.length * unitBytesMax > bytesMax && utf8Length(text) > bytesMax

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000

/** What follows the first colon: the server of a user, of a room of versions 1–11, of an event of 1–2. */
export const domainOf = (identifier: string): string | undefined => {
  const colon = identifier.indexOf(":")
  return colon < 0 ? undefined : identifier.slice(colon + 1)
}

/** What stands between the sigil and the first colon, or undefined where there is no colon. */
export const localpartOf = (identifier: string): string | undefined => {
  const colon = identifier.indexOf(":")
  return colon < 1 ? undefined : identifier.slice(1, colon)
}

const hostWithPort = /^(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,255})(?::([0-9]{1,5}))?$/
const dottedQuad = /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/

/** §Server Name, or undefined where `text` is none. */
export const parseServerName = (text: string): ServerName | undefined => {
  const [, host, port] = hostWithPort.exec(text) ?? []
  if (host === undefined) return undefined
  const portNumber = port === undefined ? null : Number(port)
  if (host.startsWith("[")) {
    const hostname = host.slice(1, -1)
    return isIpv6(hostname) ? { hostname, port: portNumber, kind: "ipv6" } : undefined
  }
  if (!dottedQuad.test(host)) return { hostname: host, port: portNumber, kind: "dns" }
  return host.split(".").every((part) => Number(part) <= 255)
    ? { hostname: host, port: portNumber, kind: "ipv4" }
    : undefined
}

/** RFC 3513 §2.2: eight groups of up to four hexadecimal digits, one run of zeros left out, IPv4 at the end. */
const isIpv6 = (text: string): boolean => {
  const halves = text.split("::")
  if (halves.length > 2) return false
  const groupsOf = (half: string): string[] => (half === "" ? [] : half.split(":"))
  const groups = halves.flatMap(groupsOf)
  const last = groups.at(-1)
  const endsInIpv4 = last !== undefined && !text.endsWith("::") && dottedQuad.test(last)
  if (endsInIpv4 && !last.split(".").every((part) => Number(part) <= 255)) return false
  const hexadecimal = endsInIpv4 ? groups.slice(0, -1) : groups
  const width = hexadecimal.length + (endsInIpv4 ? 2 : 0)
  return (
    hexadecimal.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group)) &&
    (halves.length === 2 ? width < 8 : width === 8)
  )
}

const plainName = /^[a-z-][a-z0-9.-]{0,254}$/

/** Whether `text` is a server name. Most are plain host names, which need no taking apart. */
export const isServerName = (text: string): boolean =>
  plainName.test(text) || parseServerName(text) !== undefined

/**
 * A user id as events may carry it, historical localparts included: any code points but `:` and NUL, even none
 * (§Historical User IDs). At most 255 bytes.
 */
export const isUserId = (text: string): boolean => {
  if (text.charCodeAt(0) !== 0x40) return false
  const colon = text.indexOf(":")
  return (
    colon > 0 &&
    !text.includes("\0") &&
    text.isWellFormed() &&
    isServerName(text.slice(colon + 1)) &&
    !isLongerThan(text, identifierBytesMax)
  )
}

/** A user id as servers may make it today (§User Identifiers). */
export const isStrictUserId = (text: string): boolean => isUserId(text) && /^@[a-z0-9._=\-/+]+:/.test(text)

/** §Room IDs, with the domain that rooms 1–11 have, or the hash of room 12. */
export const isRoomId = (text: string, version: RoomVersion): boolean => {
  if (!text.startsWith("!") || isLongerThan(text, identifierBytesMax)) return false
  if (version.roomIdIsCreateHash) return urlSafeHash.test(text)
  const domain = domainOf(text)
  return domain !== undefined && !text.includes("\0") && text.isWellFormed() && isServerName(domain)
}

const standardHash = /^.[A-Za-z0-9+/]{43}$/
const urlSafeHash = /^.[A-Za-z0-9_-]{43}$/

/** §Event IDs, in the form of that room version. */
export const isEventId = (text: string, version: RoomVersion): boolean => {
  if (!text.startsWith("$") || isLongerThan(text, identifierBytesMax)) return false
  switch (version.eventId) {
    case "opaque": {
      const domain = domainOf(text)
      return domain !== undefined && isServerName(domain)
    }
    case "hash-standard":
      return standardHash.test(text)
    case "hash-url-safe":
      return urlSafeHash.test(text)
  }
}

/** §Room Aliases. */
export const isRoomAlias = (text: string): boolean => {
  const domain = domainOf(text)
  return (
    text.startsWith("#") &&
    domain !== undefined &&
    !text.includes("\0") &&
    text.isWellFormed() &&
    isServerName(domain) &&
    !isLongerThan(text, identifierBytesMax)
  )
}

/** rooms §Room version grammar. */
export const isRoomVersionId = (text: string): boolean =>
  text.length <= roomVersionCodePointsMax && /^[a-z0-9.-]+$/.test(text)

/** rooms §Room version grammar: digits and dots alone are the specification's own. */
export const isReservedRoomVersionId = (text: string): boolean =>
  isRoomVersionId(text) && /^[0-9.]+$/.test(text)

/**
 * A localpart for a name of any characters (appendices §Mapping from other character sets). With
 * `keepCase`, as bridges to case-sensitive networks want it, `A` becomes `_a` and `_` becomes `__`.
 */
export const mapLocalpart = (name: string, options: { readonly keepCase: boolean }): string => {
  let mapped = ""
  for (const byte of new TextEncoder().encode(options.keepCase ? name : name.toLowerCase())) {
    const character = String.fromCharCode(byte)
    if (/[A-Z]/.test(character)) mapped += `_${character.toLowerCase()}`
    else if (options.keepCase && character === "_") mapped += "__"
    else if (/[a-z0-9._\-/+]/.test(character)) mapped += character
    else mapped += `=${byte.toString(16).padStart(2, "0")}`
  }
  return mapped
}
