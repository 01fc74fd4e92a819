/** Small rooms out of random numbers, with honest forks and with states that somebody got wrong. */
import { authEventKeys } from "../../auth-rules/auth-events-selection.ts"
import { type AuthContext, authorise } from "../../auth-rules/authorise.ts"
import type { Event } from "../../event.ts"
import type { JsonObject } from "../../json/value.ts"
import { buildEvent } from "./build-event.ts"
import { type NaiveRoom, type NaiveState, naiveKey, resolveNaively } from "./naive-resolver.ts"

/** Natural numbers that decide about one thing, each taken modulo what there is to choose from; none counts as 0. */
export type Numbers = readonly number[]

/** One event. */
interface Step {
  readonly kind: number
  readonly actor: number
  readonly target: number
  readonly value: number
  readonly parents: readonly number[]
  readonly time: number
  /** Whether the state before it has an entry from elsewhere, and which; mostly not. */
  readonly stale: number
}

const stepOf = ([
  kind = 0,
  actor = 0,
  target = 0,
  value = 0,
  time = 0,
  stale = 0,
  ...parents
]: Numbers): Step => {
  return { kind, actor, target, value, time: time % 13, stale, parents }
}

/** A state that is to be resolved: the one after an event, with what somebody got wrong about it. */
interface Tip {
  readonly point: number
  /** Where entries come from that stand in for this state's own; each is one of another event's state. */
  readonly stale: readonly number[]
  /** Entries that are left out. */
  readonly lost: readonly number[]
}

const tipOf = ([point = 0, staleCount = 0, lost = 1, ...stale]: Numbers): Tip => ({
  point,
  stale: stale.slice(0, staleCount % 4),
  lost: lost % 5 === 0 ? [lost] : [],
})

/** A room with the states at some of its events. */
export interface RandomRoom extends NaiveRoom {
  readonly states: readonly NaiveState[]
}

const users = ["@alice:a.example", "@bob:b.example", "@carol:c.example", "@dave:d.example", "@erin:a.example"]
const creator = users[0]!

interface Point {
  readonly event: Event
  readonly stateAfter: NaiveState
}

/**
 * Makes a room: after an opening one event from each of `steps` (eight numbers each), and a state to be resolved
 * from each of `tips` (six numbers each).
 */
export const makeRandomRoom = (
  context: AuthContext,
  steps: readonly Numbers[],
  tips: readonly Numbers[],
): RandomRoom => {
  const { version } = context
  const events = new Map<string, Event>()
  const rejected = new Set<string>()
  const points: Point[] = []
  const create = buildEvent(version, {
    type: "m.room.create",
    stateKey: "",
    sender: creator,
    content: { room_version: version.id, ...(version.auth.creator === "content" && { creator }) },
    authEvents: [],
    prevEvents: [],
    originServerTs: 1,
    ...(!version.roomIdIsCreateHash && { roomId: "!room:a.example" }),
  })
  const room: NaiveRoom = { events, rejected, create }
  const keep = (event: Event, stateBefore: NaiveState): void => {
    events.set(event.eventId, event)
    points.push({ event, stateAfter: new Map([...stateBefore, [naiveKey(event), event]]) })
  }
  keep(create, new Map())

  const begin: readonly Step[] = opening.map((step, at) => ({ ...noStep, ...step, time: at, parents: [at] }))
  for (const step of [...begin, ...steps.map(stepOf)]) {
    const parents = [...new Set(step.parents.map((parent) => recent(points, parent)))]
    const merged = resolveNaively(
      room,
      parents.map(({ stateAfter }) => stateAfter),
      context,
    )
    const stateBefore =
      step.stale % 4 === 0 ? withEntryOf(merged, recent(points, step.value), step.stale) : merged
    const sender = actorOf(step, stateBefore)
    const content = contentOf(step, sender, stateBefore, version.auth.knock)
    const draft = { ...content, sender }
    const authEvents = authEventKeys(draft, version).flatMap(([type, stateKey]) => {
      return stateBefore.get(`${type}|${stateKey}`) ?? []
    })
    const event = buildEvent(version, {
      ...draft,
      authEvents,
      prevEvents: parents.map((parent) => parent.event),
      originServerTs: step.time,
      roomId: create.roomId,
    })
    const view = { get: (type: string, stateKey: string) => stateBefore.get(`${type}|${stateKey}`) }
    const isAllowed = authorise(event, view, context).allowed
    if (events.has(event.eventId) || (!isAllowed && step.value % 4 !== 0)) continue
    // Now and then a rejected event stays, as if somebody's state had let it in.
    if (!isAllowed) rejected.add(event.eventId)
    keep(event, stateBefore)
  }
  return { ...room, states: tips.map((tip) => stateAtTip(points, tipOf(tip))) }
}

/** Mostly one of the last few, so that forks grow and meet. */
const recent = (points: readonly Point[], at: number): Point =>
  points[Math.max(0, points.length - 1 - (at % (at % 5 === 0 ? points.length : 6)))]!

const stateAtTip = (points: readonly Point[], { point, stale, lost }: Tip): NaiveState => {
  const state = stale.reduce(
    (before, other) => withEntryOf(before, recent(points, other), other),
    recent(points, point).stateAfter,
  )
  const keys = [...state.keys()].filter((key) => key !== "m.room.create|")
  const gone = new Set(lost.map((at) => keys[at % Math.max(1, keys.length)]))
  return new Map([...state].filter(([key]) => !gone.has(key)))
}

/** As a server would have it that was given an old or a foreign entry by another. */
const withEntryOf = (state: NaiveState, other: Point, at: number): NaiveState => {
  const entries = [...other.stateAfter].filter(([key, event]) => state.get(key) !== event)
  const entry = entries[at % Math.max(1, entries.length)]
  return entry === undefined ? state : new Map([...state, entry])
}

/** Mostly somebody who is in the room. */
const actorOf = ({ kind, actor }: Step, state: NaiveState): string => {
  const joined = users.filter((user) => state.get(`m.room.member|${user}`)?.content.membership === "join")
  const among = joined.length === 0 || kind % 12 === 0 ? users : joined
  return among[actor % among.length]!
}

const noStep: Step = { kind: 0, actor: 0, target: 0, value: 1, parents: [], time: 0, stale: 1 }
/** The creator joins, sets power levels and a join rule, and three others join. */
const opening: readonly Partial<Step>[] = [
  { kind: 0 },
  { kind: 1, value: 1 },
  { kind: 2, value: 1 },
  { kind: 12, actor: 1 },
  { kind: 12, actor: 2 },
  { kind: 12, actor: 3 },
]

interface Chosen {
  readonly type: string
  readonly stateKey: string
  readonly content: JsonObject
}

const member = (stateKey: string, membership: string): Chosen => ({
  type: "m.room.member",
  stateKey,
  content: { membership },
})

const contentOf = (
  { kind, target, value }: Step,
  self: string,
  state: NaiveState,
  knocks: boolean,
): Chosen => {
  const other = users[target % users.length]!
  const joinRules = knocks ? ["public", "invite", "public", "knock"] : ["public", "invite"]
  switch (kind % 12) {
    case 0:
      return { ...member(self, "join"), content: { membership: "join", displayname: `${value}` } }
    case 1:
    case 7:
      return {
        type: "m.room.power_levels",
        stateKey: value % 13 === 0 ? "odd" : "",
        content: levels(state, other, value),
      }
    case 2: {
      const content = { join_rule: joinRules[value % joinRules.length]! }
      return { type: "m.room.join_rules", stateKey: value % 7 === 0 ? "odd" : "", content }
    }
    case 3:
      return member(other, "ban")
    case 4:
      return member(other, "leave")
    case 5:
      return member(other, "invite")
    case 6:
      return member(self, knocks ? "knock" : "leave")
    default:
      return { type: "m.room.topic", stateKey: value % 5 === 0 ? "b" : "", content: { topic: `${value}` } }
  }
}

/** The levels before with one user's changed; room 12 does not let creators be named. */
const levels = (state: NaiveState, user: string, value: number): JsonObject => {
  const before = state.get("m.room.power_levels|")?.content ?? { users: { [creator]: 100 } }
  const namesCreators = state.get("m.room.create|")?.content.room_version !== "12"
  const { [creator]: ofCreator, ...others } = (before.users ?? {}) as JsonObject
  const level = [0, 50, 100, 60, 50, 99][value % 6]!
  const users = { ...(namesCreators && { [creator]: ofCreator ?? 100 }), ...others }
  const changed = user === creator && !namesCreators ? users : { ...users, [user]: level }
  return {
    ...before,
    users: changed,
    ...(value % 11 === 0 && { ban: 60 }),
    events: { "m.room.topic": value % 2 === 0 ? 0 : 50 },
  }
}
