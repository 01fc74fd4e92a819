/** For tests: an event with a state, and the rule that must decide about it. */
import type { Event } from "../../event.ts"
import type { TestRoom } from "./room.ts"

export interface Case {
  readonly room: TestRoom
  readonly event: Event
  readonly allowed: boolean
  /** The rule that decides; undefined where any may, in a neighbour of the case meant. */
  readonly rule: string | undefined
  /** The rule that the pair of cases is about. */
  readonly about: string
}

/** The neighbour of a case: another event in the same room, or in another. */
type Neighbour = Event | readonly [TestRoom, Event]

const neighbourOf = (room: TestRoom, neighbour: Neighbour): readonly [TestRoom, Event] =>
  "eventId" in neighbour ? [room, neighbour] : neighbour

/** The rule rejects that event, and nearest to it one is allowed. */
export const rejects = (rule: string, room: TestRoom, event: Event, nearest: Neighbour): readonly Case[] => {
  const [nearRoom, nearEvent] = neighbourOf(room, nearest)
  return [
    { room, event, allowed: false, rule, about: rule },
    { room: nearRoom, event: nearEvent, allowed: true, rule: undefined, about: rule },
  ]
}

/** The rule allows that event, and nearest to it one is rejected. */
export const allows = (rule: string, room: TestRoom, event: Event, nearest: Neighbour): readonly Case[] => {
  const [nearRoom, nearEvent] = neighbourOf(room, nearest)
  return [
    { room, event, allowed: true, rule, about: rule },
    { room: nearRoom, event: nearEvent, allowed: false, rule: undefined, about: rule },
  ]
}
