import { parseServerName } from "./identifiers.ts"
import { isJsonArray, type JsonObject, type JsonValue } from "./json/value.ts"
import type { Readings } from "./readings.ts"

/**
 * Whether a server may take part, by the content of `m.room.server_acl` (client-server API §Server Access
 * Control Lists): its port does not count, letters match in either case (but by the reading `as-written`), and
 * without `allow` nobody may.
 */
export const serverIsAllowed = (
  acl: JsonObject | undefined,
  serverName: string,
  letterCase: Readings["aclCase"] = "either",
): boolean => {
  if (acl === undefined) return true
  const parsed = parseServerName(serverName)
  const hostname = parsed === undefined ? serverName : withoutPort(serverName, parsed.port)
  if (acl.allow_ip_literals === false && parsed !== undefined && parsed.kind !== "dns") return false
  const matches = (list: JsonValue | undefined): boolean =>
    isJsonArray(list) &&
    list.some((glob) => typeof glob === "string" && globMatches(glob, hostname, letterCase))
  return !matches(acl.deny) && matches(acl.allow)
}

const withoutPort = (serverName: string, port: number | null): string =>
  port === null ? serverName : serverName.slice(0, serverName.lastIndexOf(":"))

/** Whole-string match of `*` (any number of characters) and `?` (one), in linear space and without regret. */
export const globMatches = (
  glob: string,
  text: string,
  letterCase: Readings["aclCase"] = "either",
): boolean => {
  const cased = (word: string): string => (letterCase === "either" ? word.toLowerCase() : word)
  const pattern = [...cased(glob)]
  const subject = [...cased(text)]
  let at = 0
  let from = 0
  let star = -1
  let starFrom = 0
  while (from < subject.length) {
    if (at < pattern.length && pattern[at] === "*") {
      star = at++
      starFrom = from
    } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === subject[from])) {
      at++
      from++
    } else if (star >= 0) {
      at = star + 1
      from = ++starFrom
    } else return false
  }
  while (pattern[at] === "*") at++
  return at === pattern.length
}
