/**
 * State resolution as the specification's text has it, sentence by sentence, on plain maps and sets of events:
 * slow, and easy to hold against the text. What `resolve` is tested against.
 */
import { type AuthContext, type AuthState, authorise } from "../../auth-rules/authorise.ts"
import { powerLevelForOrdering } from "../../auth-rules/power-levels.ts"
import type { Event } from "../../event.ts"
import { sha1Hex } from "../../hash.ts"

/** `type|state_key` → event. */
export type NaiveState = ReadonlyMap<string, Event>

/** A room's events by id, auth chains included, and which were rejected. */
export interface NaiveRoom {
  readonly events: ReadonlyMap<string, Event>
  readonly rejected: ReadonlySet<string>
  readonly create: Event
}

export const naiveKey = ({ type, stateKey }: Event): string => `${type}|${stateKey}`

/** The resolution of `states`. */
export const resolveNaively = (
  room: NaiveRoom,
  states: readonly NaiveState[],
  context: AuthContext,
): NaiveState =>
  context.version.stateResolution === "v1" ? resolveByV1(states, context) : resolveByV2(room, states, context)

const union = <T>(sets: Iterable<Iterable<T>>): Set<T> => {
  const all = new Set<T>()
  for (const set of sets) for (const item of set) all.add(item)
  return all
}

const keysOf = (states: readonly NaiveState[]): Set<string> => union(states.map((state) => state.keys()))

// --- v2 and v2.1 ---

const resolveByV2 = (room: NaiveRoom, states: readonly NaiveState[], context: AuthContext): NaiveState => {
  const isV21 = context.version.stateResolution === "v2.1"
  const unconflicted = new Map<string, Event>()
  const conflicted = new Set<Event>()
  for (const key of keysOf(states)) {
    const values = new Set(states.map((state) => state.get(key)))
    const [value] = values
    if (values.size === 1 && value !== undefined) unconflicted.set(key, value)
    else for (const event of values) if (event !== undefined) conflicted.add(event)
  }
  if (conflicted.size === 0) return unconflicted
  const full = union([
    conflicted,
    authDifference(room, states, context),
    isV21 ? subgraph(room, conflicted) : [],
  ])

  const power = [...full].filter((event) => isPowerEvent(event, context))
  const x = new Set(power)
  for (const p of power) for (const event of reachableInto(room, p, full, context)) x.add(event)
  const step2 = iterativeAuthChecks(
    room,
    isV21 ? new Map() : unconflicted,
    powerOrder(room, x, context),
    context,
  )
  const rest = [...full].filter((event) => !x.has(event))
  const step4 = iterativeAuthChecks(room, step2, mainlineOrder(room, rest, step2), context)
  return new Map([...step4, ...unconflicted])
}

const authEventsOf = (room: NaiveRoom, event: Event): readonly Event[] =>
  event.authEvents.map((eventId) => room.events.get(eventId)!)

const authChain = (room: NaiveRoom, event: Event): Set<Event> => {
  const chain = new Set<Event>()
  const waiting = [...authEventsOf(room, event)]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (chain.has(next)) continue
    chain.add(next)
    waiting.push(...authEventsOf(room, next))
  }
  return chain
}

const authDifference = (
  room: NaiveRoom,
  states: readonly NaiveState[],
  { readings }: AuthContext,
): Event[] => {
  const fullChains = states.map((state) => {
    const chain = union([...state.values()].map((event) => authChain(room, event)))
    return readings.chainIncludesSelf === "yes" ? union([chain, state.values()]) : chain
  })
  return [...union(fullChains)].filter((event) => !fullChains.every((chain) => chain.has(event)))
}

const subgraph = (room: NaiveRoom, conflicted: ReadonlySet<Event>): Event[] => {
  const withSelf = (event: Event): Set<Event> => authChain(room, event).add(event)
  return [...room.events.values()].filter(
    (event) =>
      [...conflicted].some((later) => withSelf(later).has(event)) &&
      [...withSelf(event)].some((earlier) => conflicted.has(earlier)),
  )
}

const isPowerEvent = (event: Event, { readings }: AuthContext): boolean => {
  if (event.type === "m.room.power_levels" || event.type === "m.room.join_rules") {
    return event.stateKey === "" || readings.oddKeyPowerEvents === "yes"
  }
  if (event.type === "m.room.create") return event.stateKey === "" && readings.createPowerEvent === "yes"
  const { membership } = event.content
  const takesAway = membership === "leave" || membership === "ban"
  return event.type === "m.room.member" && takesAway && event.sender !== event.stateKey
}

const reachableInto = (
  room: NaiveRoom,
  event: Event,
  full: ReadonlySet<Event>,
  { readings }: AuthContext,
): Set<Event> => {
  if (readings.chainThroughUnconflicted === "whole-chain") return authChain(room, event).intersection(full)
  const reached = new Set<Event>()
  const waiting = [event]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const cited of authEventsOf(room, next)) {
      if (!full.has(cited) || reached.has(cited)) continue
      reached.add(cited)
      waiting.push(cited)
    }
  }
  return reached
}

const cited = (room: NaiveRoom, event: Event, key: string): Event | undefined =>
  authEventsOf(room, event).find((other) => naiveKey(other) === key)

const byTime = (a: Event, b: Event): number => {
  if (a.originServerTs < b.originServerTs) return -1
  if (a.originServerTs > b.originServerTs) return 1
  return a.eventId < b.eventId ? -1 : 1
}

const powerOrder = (room: NaiveRoom, set: ReadonlySet<Event>, context: AuthContext): Event[] => {
  const { version } = context
  const level = (event: Event): number | bigint => {
    const create =
      version.auth.createInAuthEvents === "forbidden" ? room.create : cited(room, event, "m.room.create|")
    return powerLevelForOrdering(event.sender, cited(room, event, "m.room.power_levels|"), create, context)
  }
  const order: Event[] = []
  const remaining = new Set(set)
  while (remaining.size > 0) {
    const ready = [...remaining].filter(
      (event) => !authEventsOf(room, event).some((other) => remaining.has(other)),
    )
    const smallest = ready.reduce((a, b) => {
      if (level(a) !== level(b)) return level(a) > level(b) ? a : b
      return byTime(a, b) < 0 ? a : b
    })
    order.push(smallest)
    remaining.delete(smallest)
  }
  return order
}

const powerLevelsBehind = (room: NaiveRoom, event: Event): Event[] => {
  const list: Event[] = []
  for (let at = cited(room, event, "m.room.power_levels|"); at !== undefined; ) {
    list.push(at)
    at = cited(room, at, "m.room.power_levels|")
  }
  return list
}

const mainlineOrder = (room: NaiveRoom, events: readonly Event[], resolved: NaiveState): Event[] => {
  const p0 = resolved.get("m.room.power_levels|")
  const mainline = p0 === undefined ? [] : [p0, ...powerLevelsBehind(room, p0)]
  const position = (event: Event): number => {
    const first = powerLevelsBehind(room, event).find((behind) => mainline.includes(behind))
    return first === undefined ? Number.POSITIVE_INFINITY : mainline.indexOf(first)
  }
  return events.toSorted((a, b) =>
    position(a) === position(b) ? byTime(a, b) : position(a) > position(b) ? -1 : 1,
  )
}

const iterativeAuthChecks = (
  room: NaiveRoom,
  start: NaiveState,
  order: readonly Event[],
  context: AuthContext,
): NaiveState => {
  const { readings, version } = context
  const isRejected = (event: Event): boolean => room.rejected.has(event.eventId)
  const state = new Map(start)
  for (const event of order) {
    if (readings.rejectedInState === "skip" && isRejected(event)) continue
    const view: AuthState = {
      get: (type, stateKey) => {
        const key = `${type}|${stateKey}`
        const held = state.get(key)
        if (held !== undefined && (readings.rejectedInPartialState === "use" || !isRejected(held)))
          return held
        const own = authEventsOf(room, event).find((other) => naiveKey(other) === key && !isRejected(other))
        if (own !== undefined && readings.authFallback === "auth-events") return own
        const implied = version.auth.createInAuthEvents === "forbidden" && key === "m.room.create|"
        return implied && !isRejected(room.create) ? room.create : undefined
      },
    }
    if (authorise(event, view, context).allowed) state.set(naiveKey(event), event)
  }
  return state
}

// --- v1 ---

const resolveByV1 = (states: readonly NaiveState[], context: AuthContext): NaiveState => {
  const state = new Map<string, Event>()
  const conflicts = new Map<string, readonly Event[]>()
  for (const key of keysOf(states)) {
    const events = new Set(states.map((set) => set.get(key)).filter((event) => event !== undefined))
    if (events.size > 1) conflicts.set(key, [...events].sort(byDepth))
    else for (const event of events) state.set(key, event)
  }
  const isAllowed = (event: Event, among: NaiveState): boolean =>
    authorise(event, { get: (type, stateKey) => among.get(`${type}|${stateKey}`) }, context).allowed
  const passes = ["m.room.power_levels", "m.room.join_rules", "m.room.member"]
  for (const type of passes) {
    const winners = new Map<string, Event>()
    for (const [key, events] of conflicts) {
      if (events[0]!.type !== type) continue
      let winner = events[0]!
      for (const event of events.slice(1)) {
        if (!isAllowed(event, new Map([...state, [key, winner]]))) break
        winner = event
      }
      winners.set(key, winner)
    }
    for (const [key, event] of winners) state.set(key, event)
  }
  const before = new Map(state)
  for (const [key, events] of conflicts) {
    if (passes.includes(events[0]!.type)) continue
    state.set(key, events.findLast((event) => isAllowed(event, before)) ?? events[0]!)
  }
  return state
}

const byDepth = (a: Event, b: Event): number => {
  if (a.depth !== b.depth) return a.depth < b.depth ? -1 : 1
  return sha1Hex(a.eventId) > sha1Hex(b.eventId) ? -1 : 1
}
