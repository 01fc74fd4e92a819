/** The origin: a homeserver of ours that holds its rooms in memory, and makes those that a flow wants. */
import { Context, Effect, Layer } from "effect"
import { parseEvent } from "#spec-impl/core/event-format.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { type RoomVersion, roomVersion, roomVersionDefault } from "#spec-impl/core/room-version.ts"
import { federationHandler } from "#spec-impl/federation/server.ts"
import { whileWriting } from "#spec-impl/homeserver/admission.ts"
import { Chance } from "#spec-impl/homeserver/chance.ts"
import { layerChapters, layerHomeserver } from "#spec-impl/homeserver/homeserver.ts"
import { ServerIdentity } from "#spec-impl/homeserver/identity.ts"
import { LocalUsers } from "#spec-impl/homeserver/local-users.ts"
import { firstLevels } from "#spec-impl/homeserver/room-creation.ts"
import { joinedServersIn } from "#spec-impl/homeserver/room-members.ts"
import { Rooms } from "#spec-impl/homeserver/rooms.ts"
import { Settings } from "#spec-impl/homeserver/settings.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { Signatures } from "#spec-impl/homeserver/signatures/signatures.ts"
import { EventStore } from "#spec-impl/store/event-store.ts"
import { MemoryDisk, memoryStore } from "#spec-impl/store/memory.ts"
import type { RoomsWanted } from "../corpus/flows.ts"
import { originKey, signatures } from "../corpus/origin-identity.ts"
import { RoomMaker } from "../corpus/room-maker.ts"
import type { RoomStart } from "../corpus/room-start.ts"
import { layerTargetClients, type TargetAddress } from "./target-client.ts"

export interface OriginOptions {
  readonly serverName: string
  readonly seed: number
  readonly target: TargetAddress
  /** The entropy of room ids: chance, unless a test wants the same rooms each time. */
  readonly chance?: Layer.Layer<Chance>
}

/** Builds the homeserver; what it holds lives as long as the scope. */
export const makeOrigin = Effect.fnUntraced(function* (options: OriginOptions) {
  const { serverName, seed, target, chance = Chance.layerRandom } = options
  const signingKey = originKey(seed, serverName)
  const services = yield* Layer.build(
    layerHomeserver().pipe(
      Layer.provideMerge(layerTargetClients(serverName, target)),
      Layer.provideMerge(ServerIdentity.layer({ serverName, signingKey, oldKeys: [] })),
      Layer.provideMerge(
        Layer.mergeAll(
          chance,
          Layer.succeed(Signatures, synchronously(signatures)),
          Settings.layer({}),
          Layer.succeed(EventStore, memoryStore(new MemoryDisk())),
        ),
      ),
    ),
  )
  const handler = yield* Effect.provide(federationHandler(layerChapters), services)
  const rooms = Context.get(services, Rooms)
  const users = Context.get(services, LocalUsers)

  /** Takes events into a room as they stand: they are the origin's own, or were judged by it before. */
  const hold = Effect.fnUntraced(function* (
    roomId: string,
    pdus: readonly JsonObject[],
    version?: RoomVersion,
  ) {
    const room = rooms.find(roomId) ?? rooms.make(roomId, version ?? roomVersionDefault)
    yield* whileWriting(
      room,
      Effect.gen(function* () {
        for (const pdu of pdus) {
          const parsed = parseEvent(pdu, room.version)
          if ("problem" in parsed) return yield* Effect.die(new Error(parsed.problem))
          if (room.dag.timeline(parsed.event.eventId) !== undefined) continue
          yield* rooms.commit(room, [room.dag.examine(parsed.event, "new")])
        }
      }),
    )
  }, Effect.orDie)

  return {
    handler,
    services,
    hold,
    /** Makes rooms as a flow wants them; gives their ids. */
    makeRooms: Effect.fnUntraced(function* (wanted: RoomsWanted, roomVersionId: string) {
      const made: string[] = []
      for (let nth = 0; nth < wanted.count; nth++) {
        const [creator, ...others] = userNames(serverName, wanted.users)
        const roomId = yield* users.createRoom(creator!, {
          roomVersion: roomVersionId,
          powerLevels: levelsOf(creator!, others[0], roomVersionId),
        })
        const start = startOf(rooms.find(roomId)!, serverName)
        const room = new RoomMaker(start, seed, { origin: serverName, target: target.serverName, signingKey })
        yield* hold(
          roomId,
          others.map((user) => joinNext(room, user)),
        )
        made.push(roomId)
      }
      return made as readonly string[]
    }),
    /** The rooms as they are now. */
    starts: (roomIds: readonly string[]): readonly RoomStart[] =>
      roomIds.map((roomId) => startOf(rooms.find(roomId)!, serverName)),
    /** Holds rooms as an earlier process left them. */
    takeUp: Effect.fnUntraced(function* (starts: readonly RoomStart[]) {
      for (const { roomId, roomVersion: id, events } of starts) yield* hold(roomId, events, roomVersion(id))
    }),
    /** The servers that have somebody in the room. */
    serversIn: (roomId: string): ReadonlySet<string> => {
      const { dag } = rooms.find(roomId)!
      return joinedServersIn(dag, dag.currentState())
    },
  }
})

export type Origin = Effect.Success<ReturnType<typeof makeOrigin>>

const userNames = (serverName: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, nth) => `@user${nth}:${serverName}`)

/** The join of a user at the end of the room, taken into it. */
const joinNext = (room: RoomMaker, user: string): JsonObject => {
  const said = { type: "m.room.member", sender: user, stateKey: user, content: { membership: "join" } }
  const { pdu } = room.make(said, room.extremities(), room.authEvents(said, room.dag.currentState()))
  room.take(pdu)
  return pdu
}

/** The first two have all power. */
const levelsOf = (creator: string, second: string | undefined, version: string): JsonObject => {
  const levels = firstLevels(creator, roomVersion(version)!)
  return second === undefined
    ? levels
    : { ...levels, users: { ...(levels.users as JsonObject), [second]: 100 } }
}

const startOf = (room: NonNullable<ReturnType<Rooms["Service"]["find"]>>, serverName: string): RoomStart => {
  const { dag, roomId, version } = room
  const events: JsonObject[] = []
  for (const record of dag.records()) if (record.place === "timeline") events.push(record.event.pdu)
  const users = dag.eventIdsIn(dag.currentState()).flatMap((eventId) => {
    const { type, stateKey, content } = dag.record(eventId)!.event
    const isOurs =
      type === "m.room.member" && content.membership === "join" && stateKey?.endsWith(`:${serverName}`)
    return isOurs ? [stateKey!] : []
  })
  return { roomId, roomVersion: version.id, events, users: users.sort(byNumber) }
}

/** As they came: `@user2` before `@user10`. */
const byNumber = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : 1)
