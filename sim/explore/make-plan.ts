/**
 * A random plan: a seed draws an option set, and from that the plan. Each entry draws by its own id: from what users have
 * made of the rooms by then, never from what goes wrong.
 */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { type AnyFaultDefinition, type Fault, faults } from "../faults/catalogue.ts"
import type { Draws } from "../faults/fault.ts"
import { KeyedChance } from "../kernel/keyed-chance.ts"
import { type Crew, drawsFor, type Options, type PlanWishes } from "./crew.ts"
import { drawActions } from "./draw-actions.ts"
import { drawOptions } from "./draw-options.ts"
import { openings, storyMs } from "./openings.ts"
import type { Plan, PlanEntry } from "./plan.ts"

export type { PlanWishes } from "./crew.ts"

const actionsDefault = 37
/** Now and then there are so many servers that a cut leaves more tips than a few events can tie together again. */
const crowdShare = 0.003
const crowdServers = 13
/** How long a plan of default size lasts before its core is healed. */
const faultsMsMin = 120_000
const faultsMsMax = 600_000

/** Makes the plan of that seed. */
export const makePlan = (seed: number, wishes: PlanWishes = {}): Plan => {
  const chance = new KeyedChance(`plan ${seed}`)
  const versions = wishes.roomVersions ?? roomVersions.map(({ id }) => id)
  const size = drawsFor(chance, "size")
  const isCrowd = wishes.servers === undefined && size.chance(crowdShare, "crowd")
  const serverCount = wishes.servers ?? (isCrowd ? crowdServers : 3 + size.pick([0, 0, 1, 1, 2], "servers"))
  const names = Array.from({ length: serverCount }, (_, at) => `s${at + 1}`)
  const users = names.flatMap((name) => {
    const count = isCrowd ? 1 : 1 + size.integer(3, "users", name)
    return Array.from({ length: count }, (_, at) => `@u${at + 1}:${name}`)
  })
  const rooms = Array.from({ length: 1 + size.pick([0, 0, 1], "rooms") }, (_, at) => `r${at + 1}`)
  const options = drawOptions(drawsFor(chance, "options"), versions, wishes, isCrowd)
  const actionCount = Math.round(
    (wishes.actions ?? (isCrowd ? 2 : 1) * actionsDefault) * (0.5 + size.unit("actions")),
  )
  const faultsMs = Math.round(
    (faultsMsMin + size.unit("faults-ms") * (faultsMsMax - faultsMsMin)) *
      Math.max(1, (wishes.actions ?? actionsDefault) / actionsDefault),
  )
  const mutantName = drawsFor(chance, "mutant").pick(names)
  const servers = names.map((name) => drawServer(drawsFor(chance, "server", name), name, options))
  const crew: Crew = { chance, servers, names, cast: users, users, rooms, options, faultsMs }
  const opened = openings(crew)
  const entries = [...opened, ...drawActions(crew, opened, actionCount), ...drawFaults(crew)]
  return {
    seed,
    options,
    servers: servers.map((server) => ({
      ...server,
      ...(wishes.mutant !== undefined && server.name === mutantName ? { mutant: wishes.mutant } : {}),
    })),
    users,
    core: drawCore(drawsFor(chance, "core"), names),
    faultsMs,
    entries: entries.toSorted((a, b) => a.atMs - b.atMs || compareCodePoints(a.id, b.id)),
  }
}

/** Servers differ in how much history they ask for at once, in how they join, in their patience, and in their age. */
const drawServer = (
  draws: Draws,
  name: string,
  { roomVersions, stateAskersShare }: Options,
): Plan["servers"][number] => ({
  name,
  ...(draws.chance(0.1, "old") ? { roomVersions: drawVersions(draws, roomVersions) } : {}),
  settings: {
    ...(draws.chance(stateAskersShare ?? 0, "state-asker")
      ? { missingEventsLimit: 0, unfillableGap: "accept" }
      : { missingEventsLimit: draws.pick([1, 20], "gaps") }),
    ...(draws.chance(0.2, "partial") ? { partialStateJoins: true } : {}),
    fullStateShareMin: draws.pick([0, 0.5, 1], "full-state"),
    retryMsMax: draws.pick([20_000, 60_000, 300_000], "retry"),
  },
})

/** Those of an old server: one at least. */
const drawVersions = (draws: Draws, versions: readonly string[]): readonly string[] => {
  const certain = draws.pick(versions, "version")
  return versions.filter((id) => id === certain || draws.chance(0.6, "knows", id))
}

/** Two servers at least, where there are two. */
const drawCore = (draws: Draws, names: readonly string[]): readonly string[] => {
  const first = draws.integer(names.length, "first")
  const second = (first + 1 + draws.integer(Math.max(1, names.length - 1), "second")) % names.length
  return names.filter((name, at) => at === first || at === second || draws.chance(0.4, name))
}

/** What is wrong with a server stays so, mostly; a network that is cut now and then is so for long. */
const throughoutShareOf = (fault: Fault, { family }: AnyFaultDefinition): number =>
  family === "protocol" ? 0.8 : "cutMs" in fault ? 0.6 : 0

/** Of each kind one or a few, each for a while or throughout, once the calm is over. */
const drawFaults = ({ chance, names, options, faultsMs }: Crew): readonly PlanEntry[] => {
  if (names.length < 2) return []
  const calmMs = storyMs + Math.round((options.calmShare ?? 0) * Math.max(0, faultsMs - storyMs))
  return options.faults.flatMap((name) => {
    const definition = faults.find((fault) => fault.name === name)!
    const count = 1 + chance.integer(2, "fault", name, "count")
    return Array.from({ length: count }, (_, nth): readonly PlanEntry[] => {
      const id = `${name}-${nth + 1}`
      const draws = drawsFor(chance, "fault", id)
      const fault = definition.draw(draws, names) as Fault | undefined
      if (fault === undefined) return []
      const isThroughout = draws.chance(throughoutShareOf(fault, definition), "throughout")
      const atMs = isThroughout ? calmMs : calmMs + draws.integer(Math.max(1, faultsMs - calmMs), "at")
      const forMs = isThroughout ? faultsMs - atMs : Math.round((faultsMs - atMs) * draws.unit("for"))
      return [{ id, atMs, fault: { ...fault, id } as Fault, forMs }]
    }).flat()
  })
}
