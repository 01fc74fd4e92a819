/** What an answer to `GET /.well-known/matrix/server` means, and how long it means it. */
import { isJsonObject } from "../core/json/value.ts"
import { readJson } from "../federation/json-body.ts"
import type { WireResponse } from "../federation/wire.ts"
import { directionOf } from "./direction.ts"

export const wellKnownPath = "/.well-known/matrix/server"

/** What is longer is no well-known file (Synapse reads as much). */
export const wellKnownBytesMax = 50 * 1024

const hourMs = 60 * 60 * 1_000
/** §Resolving server names recommends all three. */
const lifeMsDefault = 24 * hourMs
export const lifeMsMax = 48 * hourMs
export const errorLifeMsMax = hourMs
/** The life of a first error, doubled at each further one. */
const errorLifeMsMin = 60_000

/** The name that the answer delegates to; undefined where it is not valid, whatever is wrong with it. */
export const delegatedName = ({ status, body }: WireResponse): string | undefined => {
  if (status !== 200 || body.length > wellKnownBytesMax) return undefined
  const json = readJson(body)
  const name = isJsonObject(json) ? json["m.server"] : undefined
  return typeof name === "string" && directionOf(name, true) !== undefined ? name : undefined
}

/** Where the answer redirects to: undefined where it does not, null where that is no HTTPS address. */
export const redirection = ({ status, headers }: WireResponse, from: URL): URL | null | undefined => {
  if (![301, 302, 303, 307, 308].includes(status)) return undefined
  const to = headers.location === undefined ? null : URL.parse(headers.location, from.href)
  return to?.protocol === "https:" ? to : null
}

/** How long a valid answer holds: what it says, a day where it says nothing, at most two. */
export const lifeMs = (headers: WireResponse["headers"], nowMs: number): number =>
  Math.min(statedLifeMs(headers, nowMs) ?? lifeMsDefault, lifeMsMax)

/** How long a server is not asked again after so many errors in a row, of which the last said `headers`. */
export const errorLifeMs = (
  failures: number,
  headers: WireResponse["headers"] | undefined,
  nowMs: number,
): number => {
  const backOffMs = errorLifeMsMin * 2 ** (failures - 1)
  const statedMs = headers === undefined ? 0 : (statedLifeMs(headers, nowMs) ?? 0)
  return Math.min(Math.max(backOffMs, statedMs), errorLifeMsMax)
}

/** RFC 9111 §4.2.1, for a cache of one reader: what is left of the answer's life; undefined where it says none. */
const statedLifeMs = (headers: WireResponse["headers"], nowMs: number): number | undefined => {
  const directives = new Map(
    (headers["cache-control"] ?? "").split(",").map((directive) => {
      const [name = "", value = ""] = directive.split("=")
      return [name.trim().toLowerCase(), value.trim().replaceAll('"', "")]
    }),
  )
  if (directives.has("no-store") || directives.has("no-cache")) return 0
  const maxAge = directives.get("max-age")
  if (maxAge !== undefined) {
    const seconds = secondsOf(maxAge)
    return seconds === undefined ? 0 : Math.max(0, seconds - (secondsOf(headers.age ?? "") ?? 0)) * 1_000
  }
  if (headers.expires === undefined) return undefined
  // §5.3: a date that cannot be read, `0` above all, is past.
  const expiresTs = dateOf(headers.expires)
  return expiresTs === undefined ? 0 : Math.max(0, expiresTs - (dateOf(headers.date ?? "") ?? nowMs))
}

const secondsOf = (text: string): number | undefined => (/^\d+$/.test(text) ? Number(text) : undefined)

/** An HTTP date: always in GMT, or it would be read in the zone of whoever reads it. */
const dateOf = (text: string): number | undefined => {
  const ts = / GMT$/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(ts) ? undefined : ts
}
