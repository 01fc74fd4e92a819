/** Servers that tell of a state what was so before, or not all of it. */
import { Schema } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import type { WireRequest } from "#spec-impl/federation/wire.ts"
import type { Room } from "#spec-impl/homeserver/rooms.ts"
import { drawLinks, drawShare } from "../draws.ts"
import { type Draws, defineFault, type FaultWorld, faultKey } from "../fault.ts"
import { linkFields, Names, optional, requestFields, Share, shareOf, withDefault } from "../fields.ts"
import { striking } from "../strikes.ts"
import { idIn, inFormOf, roomAsked, withLists } from "./told.ts"

const stateFields = {
  ...linkFields,
  endpoints: withDefault(
    Schema.Array(Schema.Literals(["state_ids", "state"])).check(Schema.isMinLength(1)),
    ["state_ids", "state"],
    "which of the two endpoints",
  ),
  rooms: requestFields.rooms,
  types: optional(Names, "all types", "types of the state of which it is so"),
  share: shareOf(1),
}

/** Whoever lies does so to all, mostly, and each time; a little of the state is wrong, or much of it. */
const drawTold = (draws: Draws, servers: readonly string[]) => ({
  ...(draws.chance(0.75, "everywhere") ? {} : drawLinks(draws, servers)),
  ...(draws.chance(0.75, "always") ? {} : { share: drawShare(draws, 0.3, 1) }),
  keysShare: drawShare(draws, 0.1, 0.6, "keys"),
})

/** The events that once stood where `event` does, or that were rejected and never did, oldest first. */
const othersOf = (
  { type, stateKey, depth, eventId }: Event,
  { dag }: Room,
  areRejected: boolean,
): readonly Event[] => {
  const others: Event[] = []
  for (const { event, verdict } of dag.records()) {
    if (event.type !== type || event.stateKey !== stateKey || event.eventId === eventId) continue
    if (areRejected ? verdict === "rejected" : verdict !== "rejected" && event.depth < depth)
      others.push(event)
  }
  return others.sort((a, b) =>
    a.depth < b.depth ? -1 : a.depth > b.depth ? 1 : a.eventId < b.eventId ? -1 : 1,
  )
}

/** Chance for what a server tells of the state at one event: whoever asks, however often and where, is told the same. */
const chanceOf = (
  { kernel }: FaultWorld,
  fault: Parameters<typeof faultKey>[0],
  { destination, target }: WireRequest,
): Draws => {
  const key = [...faultKey(fault), destination, target.slice(target.lastIndexOf("/"))]
  return {
    unit: (...about) => kernel.chance.unit(...key, ...about),
    integer: (end, ...about) => kernel.chance.integer(end, ...key, ...about),
    chance: (share, ...about) => kernel.chance.chance(share, ...key, ...about),
    pick: (items, ...about) => kernel.chance.pick(items, ...key, ...about),
  }
}

/** Which of these is told of. */
const pickOne = {
  any: (draws: Draws, others: readonly Event[], key: readonly string[]) =>
    draws.pick(others, "which", ...key),
  first: (_: Draws, others: readonly Event[]) => others[0]!,
  last: (_: Draws, others: readonly Event[]) => others.at(-1)!,
  rejected: (_: Draws, others: readonly Event[]) => others.at(-1)!,
}

const stale =
  (
    room: Room,
    { keysShare, types, which }: typeof staleState.schema.Type,
    draws: Draws,
  ): ((said: JsonValue) => JsonValue) =>
  (said) => {
    const event = room.dag.record(idIn(said, room) ?? "")?.event
    if (event?.stateKey === undefined || types?.includes(event.type) === false) return said
    const key = [event.type, event.stateKey]
    if (!draws.chance(keysShare, "stale", ...key)) return said
    const others = othersOf(event, room, which === "rejected")
    return others.length === 0 ? said : inFormOf(said, pickOne[which](draws, others, key))
  }

export const staleState = defineFault({
  name: "stale-state",
  family: "protocol",
  standsFor:
    "a server whose caches lie, or whose state was wrong when it kept it: of some keys it tells the event that was " +
    "there before (`/state_ids`, `/state`)",
  fields: {
    ...stateFields,
    keysShare: withDefault(Share, 0.3, "the part of the keys of a state that are of an earlier time"),
    which: withDefault(
      Schema.Literals(["any", "first", "last", "rejected"]),
      "any",
      "which of the events that were there before it tells of: any, by chance, or the first or last of them; " +
        "`rejected`: of the last one that it rejected instead",
    ),
  },
  draw: (draws, servers) => ({ fault: "stale-state", ...drawTold(draws, servers) }),
  apply: (world, fault) =>
    world.network.disturb(
      striking(world, fault, () => ({
        alterReply: (response, request) => {
          const room = roomAsked(world, request)
          if (room === undefined) return response
          const change = stale(room, fault, chanceOf(world, fault, request))
          return withLists(response, (list) => list.map(change), "pdu_ids", "pdus")
        },
      })),
    ),
})

export const holedState = defineFault({
  name: "holed-state",
  family: "protocol",
  standsFor:
    "a server that has lost part of a state or of its auth chain, and tells the rest as if it were all",
  fields: {
    ...stateFields,
    keysShare: withDefault(Share, 0.1, "the part of the keys of a state that it leaves out"),
    chainShare: withDefault(Share, 0, "the part of the auth chain that it leaves out"),
  },
  draw: (draws, servers) => ({
    fault: "holed-state",
    ...drawTold(draws, servers),
    chainShare: draws.chance(0.5, "chained") ? drawShare(draws, 0.05, 0.5, "chain") : 0,
  }),
  apply: (world, fault) =>
    world.network.disturb(
      striking(world, fault, () => ({
        alterReply: (response, request) => {
          const room = roomAsked(world, request)
          if (room === undefined) return response
          const draws = chanceOf(world, fault, request)
          const isLeft = (said: JsonValue, share: number): boolean =>
            !draws.chance(share, "hole", idIn(said, room) ?? "")
          const isMeant = (said: JsonValue): boolean =>
            fault.types?.includes(room.dag.record(idIn(said, room) ?? "")?.event.type ?? "") !== false
          const state = withLists(
            response,
            (list) => list.filter((said) => !isMeant(said) || isLeft(said, fault.keysShare)),
            "pdu_ids",
            "pdus",
          )
          return withLists(
            state,
            (list) => list.filter((said) => isLeft(said, fault.chainShare)),
            "auth_chain_ids",
            "auth_chain",
          )
        },
      })),
    ),
})
