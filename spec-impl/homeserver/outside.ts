/** Users of this server who stand outside a room that it is not in: invited, or knocking. */
import { Context, Effect, Layer } from "effect"
import { domainOf } from "../core/identifiers.ts"
import { compareCodePoints } from "../core/json/encode.ts"
import type { TimelineRecord } from "../core/room-dag/event-record.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { StateMap } from "../core/state-resolution/state-map.ts"
import {
  EventStore,
  type OutsideStanding,
  type OutsideWrite,
  type RecordWrite,
  type StoreFailure,
} from "../store/event-store.ts"
import { Changes } from "./changes.ts"
import { joinedServersIn, strippedState } from "./room-members.ts"
import type { Room } from "./rooms.ts"

/** Where it was over at least once that a user stood outside a room: for clients that have not heard of it. */
const overCollection = "outside-over"

/** How many invites may be open by way of one server, and to one user: whoever sends more has them refused. */
const invitesOfServerMax = 500
const invitesOfUserMax = 500

export class Outside extends Context.Service<
  Outside,
  {
    readonly standingOf: (userId: string, roomId: string) => OutsideStanding | undefined
    /** All of the user, by room id in code-point order. */
    readonly ofUser: (
      userId: string,
    ) => readonly { readonly roomId: string; readonly standing: OutsideStanding }[]
    /** Rooms outside of which the user stood once, and stands no more; by room id in code-point order. */
    readonly overFor: (userId: string) => readonly string[]
    /** Whether there may be one more invite to the user, by way of that server. */
    readonly mayBeInvited: (userId: string, via: string) => boolean
    /** Durable when it is done. */
    readonly stand: (
      userId: string,
      roomId: string,
      standing: OutsideStanding,
    ) => Effect.Effect<void, StoreFailure>
    /** The user went in, or turned away; or was turned away. */
    readonly end: (userId: string, roomId: string) => Effect.Effect<void, StoreFailure>
    /**
     * What to keep in the group of an event by which this server's first member goes in: nobody stands outside any more,
     * for now the room says who is invited. And of one by which its last leaves: whom of its users that leaves outside.
     */
    readonly writesFor: (room: Room, record: TimelineRecord, serverName: string) => readonly OutsideWrite[]
    /** The same for a room that was decided anew as `dag`, by which this server may have left it. */
    readonly writesForWhole: (room: Room, dag: RoomDag, serverName: string) => readonly OutsideWrite[]
    /** What else to keep in the group of such writes. */
    readonly recordsFor: (writes: readonly OutsideWrite[]) => readonly RecordWrite[]
    /** Such writes are durable. */
    readonly note: (writes: readonly OutsideWrite[]) => void
  }
>()("netsplit/Outside") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    Outside,
    Effect.gen(function* () {
      const store = yield* EventStore
      const changes = yield* Changes
      const standings = new Map<string, OutsideWrite & { readonly standing: OutsideStanding }>()
      const keyOf = (userId: string, roomId: string): string => JSON.stringify([userId, roomId])

      const over = new Set((yield* store.records(overCollection)).map(([key]) => key))

      const recordsFor = (writes: readonly OutsideWrite[]): readonly RecordWrite[] =>
        writes.flatMap(({ userId, roomId, standing }) => {
          const key = keyOf(userId, roomId)
          return over.has(key) === (standing === null)
            ? []
            : [{ collection: overCollection, key, value: standing === null ? true : null }]
        })

      const note = (writes: readonly OutsideWrite[]): void => {
        for (const { userId, roomId, standing } of writes) {
          const key = keyOf(userId, roomId)
          if (standing === null) {
            standings.delete(key)
            over.add(key)
          } else {
            standings.set(key, { userId, roomId, standing })
            over.delete(key)
          }
          changes.note("outside", userId, roomId)
        }
      }
      const write = (writes: readonly OutsideWrite[]) =>
        Effect.andThen(
          store.commit({ outside: writes, records: recordsFor(writes) }),
          Effect.sync(() => note(writes)),
        ).pipe(Effect.uninterruptible)
      const endsIn = (room: Room): readonly OutsideWrite[] =>
        [...standings.values()].flatMap(({ userId, roomId }) =>
          roomId === room.roomId ? [{ userId, roomId, standing: null }] : [],
        )
      for (const kept of yield* store.outside) {
        if (kept.standing !== null)
          standings.set(keyOf(kept.userId, kept.roomId), { ...kept, standing: kept.standing })
      }

      return Outside.of({
        standingOf: (userId, roomId) => standings.get(keyOf(userId, roomId))?.standing,
        ofUser: (userId) =>
          [...standings.values()]
            .filter((kept) => kept.userId === userId)
            .sort((a, b) => compareCodePoints(a.roomId, b.roomId)),
        overFor: (userId) =>
          [...over]
            .map((key): readonly [string, string] => JSON.parse(key))
            .flatMap(([owner, roomId]) => (owner === userId ? [roomId] : []))
            .sort(compareCodePoints),
        mayBeInvited: (userId, via) => {
          const invites = [...standings.values()].filter(({ standing }) => standing.membership === "invite")
          return (
            invites.filter(({ standing }) => standing.via === via).length < invitesOfServerMax &&
            invites.filter((invite) => invite.userId === userId).length < invitesOfUserMax
          )
        },
        recordsFor,
        stand: (userId, roomId, standing) => write([{ userId, roomId, standing }]),
        end: (userId, roomId) =>
          Effect.suspend(() =>
            standings.has(keyOf(userId, roomId)) ? write([{ userId, roomId, standing: null }]) : Effect.void,
          ),
        writesFor: (room, record, serverName) => {
          const [wasIn, isIn] = residence(room, record, serverName)
          if (wasIn === isIn) return []
          return [...endsIn(room), ...(isIn ? [] : leftOutside(room, record.stateAfter, serverName))]
        },
        writesForWhole: (room, dag, serverName) => {
          const state = dag.currentState()
          if (joinedServersIn(dag, state).has(serverName)) return []
          return [...endsIn(room), ...leftOutside({ ...room, dag }, state, serverName)]
        },
        note,
      })
    }),
  )
}

/** Whether this server is in the room before the event, and after it. */
const residence = (
  { dag }: Room,
  { verdict, event, stateBefore, stateAfter }: TimelineRecord,
  serverName: string,
): readonly [before: boolean, after: boolean] => {
  if (
    verdict !== "accepted" ||
    event.type !== "m.room.member" ||
    domainOf(event.stateKey ?? "") !== serverName
  )
    return [false, false]
  return [joinedServersIn(dag, stateBefore).has(serverName), joinedServersIn(dag, stateAfter).has(serverName)]
}

/** The server's users who are still invited or knocking, as if they had been told so from outside. */
const leftOutside = (
  { roomId, dag, version }: Room,
  state: StateMap,
  serverName: string,
): readonly OutsideWrite[] => {
  const [neighbour] = [...joinedServersIn(dag, state)].sort(compareCodePoints)
  return dag.eventIdsIn(state).flatMap((eventId) => {
    const event = dag.record(eventId)?.event
    const membership = event?.type === "m.room.member" ? event.content.membership : undefined
    const userId = event?.stateKey ?? ""
    if (event === undefined || domainOf(userId) !== serverName) return []
    if (membership !== "invite" && membership !== "knock") return []
    const inviter = domainOf(event.sender)
    const via = inviter === undefined || inviter === serverName ? neighbour : inviter
    if (via === undefined) return []
    const roomState = strippedState(dag, membership === "invite" ? event.sender : undefined)
    const standing: OutsideStanding = {
      membership,
      roomVersion: version.id,
      pdu: event.pdu,
      roomState: roomState.map(({ pdu }) => pdu),
      via,
    }
    return [{ userId, roomId, standing }]
  })
}
