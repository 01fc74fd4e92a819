/** Small rooms out of random numbers, with honest forks and with states that somebody got wrong. */
import { authEventKeys } from "../../auth-rules/auth-events-selection.ts"
import { type AuthContext, authorise } from "../../auth-rules/authorise.ts"
import type { Event } from "../../event.ts"
import type { JsonObject } from "../../json/value.ts"
import { buildEvent } from "./build-event.ts"
import { type NaiveRoom, type NaiveState, naiveKey, resolveNaively } from "./naive-resolver.ts"

/** Natural numbers from which one event is made; each is taken modulo what there is to choose from. */
export interface Step {
  readonly kind: number
  readonly actor: number
  readonly target: number
  readonly value: number
  readonly parents: readonly number[]
  readonly time: number
  /** Which of the states that were seen before stands in for an entry of the state; mostly none. */
  readonly stale: number
}

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

/** Plays `steps` on a new room; the states that are to be resolved are those after the events `tips`. */
export const makeRandomRoom = (
  context: AuthContext,
  steps: readonly Step[],
  tips: readonly number[],
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
  for (const step of [...begin, ...steps]) {
    const parents = [...new Set(step.parents.map((parent) => points[parent % points.length]!))]
    const merged = resolveNaively(
      room,
      parents.map(({ stateAfter }) => stateAfter),
      context,
    )
    const stateBefore = withStaleEntry(merged, points, step)
    const content = contentOf(step, stateBefore, version.auth.knock)
    const sender = users[step.actor % users.length]!
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
  return { ...room, states: tips.map((tip) => points[tip % points.length]!.stateAfter) }
}

/** As a server would have it that was given an old state by another. */
const withStaleEntry = (state: NaiveState, points: readonly Point[], { stale, value }: Step): NaiveState => {
  const old = stale % 3 === 0 ? points[stale % points.length] : undefined
  if (old === undefined) return state
  const entries = [...old.stateAfter.entries()].filter(([key]) => key !== "m.room.create|")
  const entry = entries[value % Math.max(1, entries.length)]
  return entry === undefined ? state : new Map([...state, entry])
}

const noStep: Step = { kind: 0, actor: 0, target: 0, value: 1, parents: [], time: 0, stale: 1 }
/** The creator joins, sets power levels and a join rule, and two others join. */
const opening: readonly Partial<Step>[] = [
  { kind: 0 },
  { kind: 1, value: 1 },
  { kind: 2, value: 1 },
  { kind: 0, actor: 1 },
  { kind: 0, actor: 2 },
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

const contentOf = ({ kind, actor, target, value }: Step, state: NaiveState, knocks: boolean): Chosen => {
  const self = users[actor % users.length]!
  const other = users[target % users.length]!
  const joinRules = knocks ? ["public", "invite", "public", "knock"] : ["public", "invite"]
  switch (kind % 9) {
    case 0:
      return { ...member(self, "join"), content: { membership: "join", displayname: `${value}` } }
    case 1:
      return { type: "m.room.power_levels", stateKey: "", content: levels(state, other, value) }
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
