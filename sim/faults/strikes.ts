/** Which requests a fault strikes, and the disturbance that it is of them. */
import type { Disturbance, Treatment } from "../network/disturbances.ts"
import type { LinkMatch } from "../network/links.ts"
import type { LinkTest } from "../network/partition.ts"
import type { RequestFacts } from "../network/request-facts.ts"
import { type FaultWorld, faultKey } from "./fault.ts"

/** As `linkFields` say it. */
export interface OnLinks {
  readonly between?: readonly (readonly [string, string])[]
  readonly direction: "both" | "one-way"
}

/** As `requestFields` say it. */
export interface OnRequests extends OnLinks {
  readonly endpoints?: readonly string[]
  readonly rooms?: readonly string[]
}

/** Each link by itself; a match of all links where no pairs are named. */
export const linkMatches = ({ between, direction }: OnLinks): readonly LinkMatch[] =>
  between === undefined
    ? [{}]
    : between.flatMap(([source, destination]) => [
        { source, destination },
        ...(direction === "both" ? [{ source: destination, destination: source }] : []),
      ])

const linkName = (source: string, destination: string): string => `${source}\n${destination}`

/** Whether a link is one of those. */
export const onLinks = (said: OnLinks): LinkTest => {
  if (said.between === undefined) return () => true
  const named = new Set(
    linkMatches(said).map(({ source, destination }) => linkName(String(source), String(destination))),
  )
  return (source, destination) => named.has(linkName(source, destination))
}

/** What stands behind `/_matrix/…/v1/` in a path; undefined where it is no such path. */
const endpointOf = (path: string): string | undefined => /^\/_matrix\/(?:\w+\/)+?v\d+\/(.*)$/.exec(path)?.[1]

const isAt = (path: string, endpoints: readonly string[]): boolean => {
  const endpoint = endpointOf(path)
  return (
    endpoint !== undefined && endpoints.some((name) => endpoint === name || endpoint.startsWith(`${name}/`))
  )
}

/** Whether a request is one of those. */
export const onRequests = (
  { roomIdOf }: FaultWorld,
  said: OnRequests,
): ((facts: RequestFacts) => boolean) => {
  const isOnLink = onLinks(said)
  const { endpoints, rooms } = said
  return (facts) =>
    isOnLink(facts.request.source, facts.request.destination) &&
    (endpoints === undefined || isAt(facts.path, endpoints)) &&
    (rooms === undefined ||
      rooms.some((room) => facts.roomIds.has(roomIdOf === undefined ? room : (roomIdOf(room) ?? ""))))
}

/** What a fault draws at one request. */
export interface Strike {
  /** A whole number, bounds included. */
  readonly between: (min: number, max: number, ...about: readonly string[]) => number
}

/** A fault that strikes a share of those requests, and does that to each. */
export const striking = (
  world: FaultWorld,
  fault: OnRequests & { readonly fault: string; readonly id?: string; readonly share?: number },
  treat: (strike: Strike) => Treatment | undefined,
): Disturbance => {
  const isMeant = onRequests(world, fault)
  const chance = world.kernel.chance.under(...faultKey(fault))
  return {
    name: fault.id ?? fault.fault,
    treat: ({ facts, key }) => {
      if (!isMeant(facts)) return undefined
      if (fault.share !== undefined && !chance.chance(fault.share, ...key)) return undefined
      const between: Strike["between"] = (min, max, ...about) =>
        min + chance.integer(max - min + 1, ...key, ...about)
      return treat({ between })
    },
  }
}
