/** What random plans draw of the fields that many faults have. */
import type { Draws } from "./fault.ts"

/** Some servers, in their order: one at least, all but one at most. */
export const drawSome = (draws: Draws, servers: readonly string[], about = "servers"): string[] => {
  const certain = draws.integer(servers.length, about, "one")
  const spared = (certain + 1 + draws.integer(servers.length - 1, about, "spared")) % servers.length
  return servers.filter((server, at) => at === certain || (at !== spared && draws.chance(0.3, about, server)))
}

export const drawServer = (draws: Draws, servers: readonly string[], about = "server"): string =>
  draws.pick(servers, about)

/** Two servers that are not the same. */
export const drawPair = (draws: Draws, servers: readonly string[], about = "pair"): [string, string] => {
  const first = draws.integer(servers.length, about, "first")
  const second = (first + 1 + draws.integer(servers.length - 1, about, "second")) % servers.length
  return [servers[first]!, servers[second]!]
}

/** All links, one, or one in one direction. */
export const drawLinks = (draws: Draws, servers: readonly string[]) => {
  if (draws.chance(0.3, "links")) return {}
  const between: [[string, string]] = [drawPair(draws, servers)]
  return draws.chance(0.3, "direction") ? { between, direction: "one-way" as const } : { between }
}

/** Two decimals: a person may have to read it. */
export const drawShare = (draws: Draws, min: number, max: number, about = "share"): number =>
  Math.round((min + draws.unit(about) * (max - min)) * 100) / 100

/** From `min` to `max`, more often near `min`: faults come in all orders of magnitude. */
export const drawMs = (draws: Draws, min: number, max: number, about = "ms"): number =>
  Math.round(min * (max / min) ** draws.unit(about))
