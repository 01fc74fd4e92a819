/** Goals of what servers hold in the end. */
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { isJsonObject } from "#spec-impl/core/json/value.ts"
import type { Resolution } from "../shapes.ts"
import type { EndGoal, Held, HeldRecord, HeldRoom } from "./goal.ts"

const goal = (name: string, needs: string, count: (held: Held) => number): EndGoal => ({ name, needs, count })

/** Of all events on all servers. */
const events =
  (is: (record: HeldRecord, room: HeldRoom) => boolean) =>
  ({ rooms }: Held): number =>
    rooms.reduce((sum, room) => sum + room.records.filter((record) => is(record, room)).length, 0)

const rooms =
  (is: (room: HeldRoom) => boolean) =>
  (held: Held): number =>
    held.rooms.filter(is).length

const resolutions =
  (is: (resolution: Resolution) => boolean) =>
  (held: Held): number =>
    held.resolutions.filter(is).length

/** The membership that an event sets; undefined where it sets none. */
const membershipIn = ({ event, verdict }: HeldRecord): unknown =>
  event.type === "m.room.member" && verdict === "accepted" ? event.content.membership : undefined

/** Whether an event turns such a membership of the same user into another. */
const turns =
  (before: string, after: string, isByOneself?: boolean) =>
  (record: HeldRecord, { dag }: HeldRoom): boolean =>
    membershipIn(record) === after &&
    (isByOneself === undefined || (record.event.sender === record.event.stateKey) === isByOneself) &&
    record.event.authEvents.some((eventId) => {
      const cited = dag.record(eventId)
      return (
        cited !== undefined &&
        membershipIn(cited) === before &&
        cited.event.stateKey === record.event.stateKey
      )
    })

const isClaimed = (record: HeldRecord): boolean =>
  record.place === "timeline" && record.stateSource.kind === "claimed" && record.arrival === "new"

const isConflicted =
  (type: string) =>
  ({ dag, states }: Resolution): boolean =>
    new Set(states.map((state) => dag.eventIn(state, type, "")?.eventId)).size > 1

/** The keys by which an event was signed by its author's server. */
const keysOf = ({ event }: HeldRecord): readonly string[] => {
  const { signatures } = event.pdu
  const own = isJsonObject(signatures) ? signatures[domainOf(event.sender) ?? ""] : undefined
  return isJsonObject(own) ? Object.keys(own) : []
}

const hasServerWithTwoKeys = ({ records }: HeldRoom): boolean => {
  const keys = new Map<string, string>()
  return records.some((record) =>
    keysOf(record).some((key) => {
      const server = domainOf(record.event.sender) ?? ""
      const known = keys.get(server)
      keys.set(server, known ?? key)
      return known !== undefined && known !== key
    }),
  )
}

/** Whether a redaction was held before what it redacts. */
const isBeforeItsTarget = (record: HeldRecord, { records }: HeldRoom): boolean => {
  const { redacts } = record.event
  if (redacts === undefined) return false
  const target = records.findIndex(({ event }) => event.eventId === redacts)
  return target > records.indexOf(record)
}

/** Whether another server holds it with another verdict. */
const isJudgedOtherwise = (record: HeldRecord, held: HeldRoom, all: readonly HeldRoom[]): boolean =>
  all.some(({ roomId, dag }) => {
    const other = roomId === held.roomId ? dag.timeline(record.event.eventId) : undefined
    return record.place === "timeline" && other !== undefined && other.verdict !== record.verdict
  })

const isJoined = (record: HeldRecord): boolean => membershipIn(record) === "join"

export const endGoals: readonly EndGoal[] = [
  goal(
    "two forward extremities in the end",
    "servers that say something at once, at the very end",
    rooms(({ dag }) => dag.forwardExtremities().length > 1),
  ),
  goal(
    "an event with more than ten parents",
    "more than ten servers that each say something while all are cut off from each other",
    events(({ event }) => event.prevEvents.length > 10),
  ),
  goal(
    "a merge of two",
    "two servers that speak at once",
    events(({ event }) => event.prevEvents.length === 2),
  ),
  goal(
    "a merge of three or more",
    "three servers that speak at once",
    events(({ event }) => event.prevEvents.length > 2),
  ),
  goal(
    "a resolution of two states",
    "two servers that set state while they are cut off",
    resolutions(({ states }) => states.length === 2),
  ),
  goal(
    "a resolution of three states or more",
    "three servers that set state while they are cut off",
    resolutions(({ states }) => states.length > 2),
  ),
  goal(
    "join rules in conflict",
    "join rules that change on two sides",
    resolutions(isConflicted("m.room.join_rules")),
  ),
  goal(
    "power levels in conflict",
    "power levels that change on two sides",
    resolutions(isConflicted("m.room.power_levels")),
  ),
  goal(
    "a state is believed that another server told",
    "a gap that stays, and a state in its place",
    events(isClaimed),
  ),
  goal(
    "servers judge an event otherwise",
    "an event that some servers take in before, some after what forbids it",
    ({ rooms: all }) =>
      all.reduce(
        (sum, room) => sum + room.records.filter((record) => isJudgedOtherwise(record, room, all)).length,
        0,
      ),
  ),
  goal(
    "an accepted event builds on a soft-failed one",
    "a server that took in an event in time, and others that soft-failed it",
    events(
      ({ event, verdict }, { dag }) =>
        verdict === "accepted" &&
        event.prevEvents.some((eventId) => dag.timeline(eventId)?.verdict === "soft-failed"),
    ),
  ),
  goal(
    "an event builds on a rejected one",
    "a server that accepted what others reject",
    events(({ event }, { dag }) =>
      event.prevEvents.some((eventId) => dag.timeline(eventId)?.verdict === "rejected"),
    ),
  ),
  goal("rooms of two versions", "two rooms, and more than one version to make them of", ({ servers }) =>
    Math.max(
      0,
      new Set(servers.flatMap((server) => server.rooms.all().map(({ version }) => version.id))).size - 1,
    ),
  ),
  goal(
    "a room is upgraded",
    "the action upgrade",
    events(({ event }) => event.type === "m.room.tombstone"),
  ),
  goal(
    "others follow into the room that replaces theirs",
    "an upgrade, and users who join what replaces the room",
    rooms(
      ({ records }) =>
        records.some(
          ({ event }) => event.type === "m.room.create" && event.content.predecessor !== undefined,
        ) && new Set(records.filter(isJoined).map(({ event }) => event.sender)).size > 1,
    ),
  ),
  goal(
    "a server is shut out",
    "the action set-acl, with a server to deny",
    events(({ event }) => Array.isArray(event.content.deny) && event.content.deny.length > 0),
  ),
  goal(
    "an event is redacted",
    "the action redact",
    events(({ event, verdict }) => event.type === "m.room.redaction" && verdict === "accepted"),
  ),
  goal(
    "a redaction comes before what it redacts",
    "a redaction, and a server that lies in a gap and hears of it first",
    events(isBeforeItsTarget),
  ),
  goal(
    "a join by way of another room",
    "restricted join rules, and a member of a room that they allow",
    events(({ event }) => event.content.join_authorised_via_users_server !== undefined),
  ),
  goal("an invite is accepted", "an invite, and a join after it", events(turns("invite", "join"))),
  goal("an invite is turned down", "an invite, and a leave after it", events(turns("invite", "leave", true))),
  goal(
    "an invite is taken back",
    "an invite, and a kick of who was invited",
    events(turns("invite", "leave", false)),
  ),
  goal(
    "a knock is answered with an invite",
    "a knock, and an invite after it",
    events(turns("knock", "invite")),
  ),
  goal("a knock is taken back", "a knock, and a leave after it", events(turns("knock", "leave", true))),
  goal("somebody is removed", "a kick by somebody who may", events(turns("join", "leave", false))),
  goal("a member is banned", "a ban by somebody who may", events(turns("join", "ban"))),
  goal("a ban is lifted", "the action unban", events(turns("ban", "leave"))),
  goal(
    "events of one server under two keys",
    "a server that changes its key, and speaks before and after it",
    rooms(hasServerWithTwoKeys),
  ),
]
