/** Links that carry nothing. */
import { Effect, Latch, Schema, type Scope } from "effect"
import { between, type LinkTest } from "../../network/partition.ts"
import { drawLinks, drawMs, drawServer, drawSome } from "../draws.ts"
import { type Draws, defineFault, type FaultWorld, faultKey } from "../fault.ts"
import { Direction, Links, Milliseconds, Names, wanted, withDefault } from "../fields.ts"
import { onLinks } from "../strikes.ts"

/** How long a cut stays, and how long the links are whole before it comes again: stability in either state. */
const stabilityFields = (cutMs: readonly [number, number], wholeMs: readonly [number, number]) => ({
  cutMs: withDefault(
    Schema.Tuple([Milliseconds, Milliseconds]),
    cutMs,
    "how long the links are cut at a time, at least and at most; `[0, 0]`: until it is undone",
  ),
  wholeMs: withDefault(
    Schema.Tuple([Milliseconds, Milliseconds]),
    wholeMs,
    "how long they are whole in between, at least and at most",
  ),
})

/** Stays until it is undone, where nothing else is said. */
const steady = stabilityFields([0, 0], [1_000, 60_000])

interface Cutting {
  readonly fault: string
  readonly id?: string
  readonly cutMs: readonly [number, number]
  readonly wholeMs: readonly [number, number]
}

/** Cuts those links, at once and then again and again, or for good where `cutMs` says nothing. */
const sever = (
  world: FaultWorld,
  fault: Cutting,
  isSevered: LinkTest,
): Effect.Effect<void, never, Scope.Scope> => {
  const { kernel, network } = world
  const { cutMs, wholeMs } = fault
  if (cutMs[1] === 0) return network.sever(isSevered)
  /** At least a millisecond, or time would stand. */
  const drawn = ([min, max]: readonly [number, number], what: string, nth: number): number =>
    Math.max(1, min + kernel.chance.integer(max - min + 1, ...faultKey(fault), what, nth))
  const begun = Latch.makeUnsafe(false)
  const spell = (nth: number) =>
    Effect.scoped(
      network
        .sever(isSevered)
        .pipe(Effect.andThen(begun.open), Effect.andThen(Effect.sleep(drawn(cutMs, "cut", nth)))),
    ).pipe(Effect.andThen(Effect.sleep(drawn(wholeMs, "whole", nth))))
  const flapping = Effect.gen(function* () {
    for (let nth = 1; ; nth++) yield* spell(nth)
  })
  return Effect.andThen(Effect.forkScoped(flapping), begun.await)
}

const drawTimes = (draws: Draws) =>
  draws.chance(0.3, "steady")
    ? {}
    : {
        cutMs: [drawMs(draws, 500, 30_000, "cut"), drawMs(draws, 30_000, 120_000, "cut-max")] as const,
        wholeMs: [drawMs(draws, 500, 5_000, "whole"), drawMs(draws, 5_000, 40_000, "whole-max")] as const,
      }

const groupsField = wanted(
  Schema.Array(Names).check(Schema.isMinLength(1)),
  "groups of servers that hear each other; one in two groups is a bridge, one in none hears all",
)

/** Two groups, or with enough servers at times three or more. */
const drawGroups = (draws: Draws, servers: readonly string[], count: number): string[][] => {
  const places = servers.map((server, at) => ({ server, place: draws.unit("place", server), at }))
  const shuffled = places.sort((a, b) => a.place - b.place || a.at - b.at).map(({ server }) => server)
  const groups: string[][] = Array.from({ length: count }, () => [])
  for (const [at, server] of shuffled.entries()) {
    groups[at < count ? at : draws.integer(count, "group", server)]!.push(server)
  }
  return groups
}

export const partition = defineFault({
  name: "partition",
  family: "network",
  standsFor:
    "a cable is dug up: two halves, bridged or not, or many islands, each of which hears itself alone",
  fields: { groups: groupsField, ...steady },
  draw: (draws, servers) => ({
    fault: "partition",
    groups: drawGroups(draws, servers, servers.length > 2 && draws.chance(0.3, "three") ? 3 : 2),
    ...drawTimes(draws),
  }),
  apply: (world, fault) => sever(world, fault, between(fault.groups)),
})

export const bridge = defineFault({
  name: "bridge",
  family: "network",
  standsFor: "two halves that cannot hear each other, and servers that hear both",
  fields: { groups: groupsField, bridges: wanted(Names, "the servers that hear all"), ...steady },
  draw: (draws, servers) => {
    if (servers.length < 3) return undefined
    const middle = drawServer(draws, servers)
    const others = servers.filter((server) => server !== middle)
    return { fault: "bridge", groups: drawGroups(draws, others, 2), bridges: [middle], ...drawTimes(draws) }
  },
  apply: (world, fault) =>
    sever(world, fault, between(fault.groups.map((group) => [...group, ...fault.bridges]))),
})

export const islands = defineFault({
  name: "islands",
  family: "network",
  standsFor: "every one of these servers hears nobody but itself and those that are not named",
  fields: { servers: wanted(Names, "the servers that are cut off from each other"), ...steady },
  draw: (draws, servers) => ({ fault: "islands", servers, ...drawTimes(draws) }),
  apply: (world, fault) => sever(world, fault, between(fault.servers.map((server) => [server]))),
})

export const isolation = defineFault({
  name: "isolation",
  family: "network",
  standsFor: "a server whose network is down: it runs on, and nobody hears it nor does it hear anybody",
  fields: {
    servers: wanted(Names, "the servers that are cut off from all others, and each other"),
    ...steady,
  },
  draw: (draws, servers) => ({
    fault: "isolation",
    servers: [drawServer(draws, servers)],
    ...drawTimes(draws),
  }),
  apply: (world, fault) => {
    const isolated = new Set<string>(fault.servers)
    return sever(
      world,
      fault,
      (source, destination) => source !== destination && (isolated.has(source) || isolated.has(destination)),
    )
  },
})

export const oneWayPartition = defineFault({
  name: "one-way-partition",
  family: "network",
  standsFor: "a firewall or route that is wrong in one direction: what one side sends never arrives",
  fields: {
    from: wanted(Names, "the servers whose requests and answers are lost"),
    to: wanted(Names, "the servers that they are lost to"),
    ...steady,
  },
  draw: (draws, servers) => {
    const from = drawSome(draws, servers)
    const to = servers.filter((server) => !from.includes(server))
    return { fault: "one-way-partition", from, to, ...drawTimes(draws) }
  },
  apply: (world, fault) => {
    const from = new Set<string>(fault.from)
    const to = new Set<string>(fault.to)
    return sever(world, fault, (source, destination) => from.has(source) && to.has(destination))
  },
})

export const linkCut = defineFault({
  name: "link-cut",
  family: "network",
  standsFor: "two servers that cannot hear each other, though all others hear both",
  fields: {
    between: wanted(Links, "pairs of servers"),
    direction: withDefault(Direction, "both", "`one-way`: from the first of a pair to the second alone"),
    ...steady,
  },
  draw: (draws, servers) => {
    const drawn = drawLinks(draws, servers)
    const between = drawn.between ?? [[servers[0]!, servers[1]!]]
    return { fault: "link-cut", ...drawn, between, ...drawTimes(draws) }
  },
  apply: (world, fault) => sever(world, fault, onLinks(fault)),
})

export const flapping = defineFault({
  name: "flapping",
  family: "network",
  standsFor: "a link that comes and goes: a route that is announced and withdrawn again and again",
  fields: { groups: groupsField, ...stabilityFields([1_000, 30_000], [1_000, 30_000]) },
  draw: (draws, servers) => ({ fault: "flapping", groups: drawGroups(draws, servers, 2) }),
  apply: (world, fault) => sever(world, fault, between(fault.groups)),
})
