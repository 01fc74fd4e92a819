/** Users of this server who stand outside a room that it is not in: invited, or knocking. */
import { Context, Effect, Layer } from "effect"
import { domainOf } from "../core/identifiers.ts"
import { compareCodePoints } from "../core/json/encode.ts"
import type { TimelineRecord } from "../core/room-dag/event-record.ts"
import {
  EventStore,
  type OutsideStanding,
  type OutsideWrite,
  type StoreFailure,
} from "../store/event-store.ts"
import { joinedServersIn, strippedState } from "./room-members.ts"
import type { Room } from "./rooms.ts"

export class Outside extends Context.Service<
  Outside,
  {
    readonly standingOf: (userId: string, roomId: string) => OutsideStanding | undefined
    /** All of the user, by room id in code-point order. */
    readonly ofUser: (
      userId: string,
    ) => readonly { readonly roomId: string; readonly standing: OutsideStanding }[]
    /** Durable when it is done. */
    readonly stand: (
      userId: string,
      roomId: string,
      standing: OutsideStanding,
    ) => Effect.Effect<void, StoreFailure>
    /** The user went in, or turned away; or was turned away. */
    readonly end: (userId: string, roomId: string) => Effect.Effect<void, StoreFailure>
    /**
     * What to keep in the group of an event by which this server's last member leaves: whom of its users that
     * leaves outside, and whom no longer.
     */
    readonly writesFor: (room: Room, record: TimelineRecord, serverName: string) => readonly OutsideWrite[]
    /** Such writes are durable. */
    readonly note: (writes: readonly OutsideWrite[]) => void
  }
>()("netsplit/Outside") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    Outside,
    Effect.gen(function* () {
      const store = yield* EventStore
      const standings = new Map<string, OutsideWrite & { readonly standing: OutsideStanding }>()
      const keyOf = (userId: string, roomId: string): string => JSON.stringify([userId, roomId])

      const note = (writes: readonly OutsideWrite[]): void => {
        for (const { userId, roomId, standing } of writes) {
          if (standing === null) standings.delete(keyOf(userId, roomId))
          else standings.set(keyOf(userId, roomId), { userId, roomId, standing })
        }
      }
      const write = (writes: readonly OutsideWrite[]) =>
        Effect.andThen(
          store.commit({ outside: writes }),
          Effect.sync(() => note(writes)),
        ).pipe(Effect.uninterruptible)
      note(yield* store.outside)

      return Outside.of({
        standingOf: (userId, roomId) => standings.get(keyOf(userId, roomId))?.standing,
        ofUser: (userId) =>
          [...standings.values()]
            .filter((kept) => kept.userId === userId)
            .sort((a, b) => compareCodePoints(a.roomId, b.roomId)),
        stand: (userId, roomId, standing) => write([{ userId, roomId, standing }]),
        end: (userId, roomId) =>
          Effect.suspend(() =>
            standings.has(keyOf(userId, roomId)) ? write([{ userId, roomId, standing: null }]) : Effect.void,
          ),
        writesFor: (room, record, serverName) => {
          if (!leavesRoom(room, record, serverName)) return []
          const over = [...standings.values()].filter(({ roomId }) => roomId === room.roomId)
          return [
            ...over.map(({ userId, roomId }) => ({ userId, roomId, standing: null })),
            ...leftOutside(room, record, serverName),
          ]
        },
        note,
      })
    }),
  )
}

const leavesRoom = (
  { dag }: Room,
  { verdict, event, stateBefore, stateAfter }: TimelineRecord,
  serverName: string,
): boolean =>
  verdict === "accepted" &&
  event.type === "m.room.member" &&
  joinedServersIn(dag, stateBefore).has(serverName) &&
  !joinedServersIn(dag, stateAfter).has(serverName)

/** The server's users who are still invited or knocking, as if they had been told so from outside. */
const leftOutside = (
  { roomId, dag, version }: Room,
  { stateAfter }: TimelineRecord,
  serverName: string,
): readonly OutsideWrite[] => {
  const [neighbour] = [...joinedServersIn(dag, stateAfter)].sort(compareCodePoints)
  return dag.eventIdsIn(stateAfter).flatMap((eventId) => {
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
