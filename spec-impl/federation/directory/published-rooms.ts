/** The rooms that users of this server have published, and those that others have (§Published room directory). */
import { Context, Effect, Layer } from "effect"
import { PowerLevels } from "../../core/auth-rules/power-levels.ts"
import { decodeBase64, encodeBase64Url } from "../../core/base64.ts"
import { domainOf } from "../../core/identifiers.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import type { JsonObject } from "../../core/json/value.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { type Room, Rooms } from "../../homeserver/rooms.ts"
import { isJoined } from "../../homeserver/shared-rooms.ts"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"
import { FederationClient, type FederationUnreachable } from "../client.ts"
import { forbidden, invalidParameter, type MatrixError } from "../matrix-error.ts"
import { roomSummary } from "./room-summary.ts"

const collection = "published-rooms"

/** What is asked for. */
export interface DirectoryQuery {
  /** 0, or none: as many as there are. */
  readonly limit?: number
  /** Where a page before ended, or a page after began: what that page said. */
  readonly since?: string
  readonly include_all_networks?: boolean
  readonly third_party_instance_id?: string
  readonly filter?: {
    readonly generic_search_term?: string
    /** Null stands for rooms without a type. */
    readonly room_types?: readonly (string | null)[] | null
  }
}

export interface DirectoryPage {
  readonly chunk: readonly JsonObject[]
  readonly next_batch?: string
  readonly prev_batch?: string
  readonly total_room_count_estimate?: number
}

export class PublishedRooms extends Context.Service<
  PublishedRooms,
  {
    /** By a member with the power to set the room's canonical alias, as in Synapse. */
    readonly publish: (
      userId: string,
      roomId: string,
      isPublished: boolean,
    ) => Effect.Effect<void, MatrixError | StoreFailure>
    /** Whether the room is in this server's directory. */
    readonly isPublished: (roomId: string) => boolean
    /** This server's own directory, by room id: an order that nothing changes (v1.19). */
    readonly page: (query: DirectoryQuery) => Effect.Effect<DirectoryPage, MatrixError>
    /** Another server's. */
    readonly pageOf: (
      server: string,
      query: DirectoryQuery,
    ) => Effect.Effect<DirectoryPage, MatrixError | FederationUnreachable>
  }
>()("netsplit/PublishedRooms") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    PublishedRooms,
    Effect.gen(function* () {
      const store = yield* EventStore
      const rooms = yield* Rooms
      const client = yield* FederationClient
      const { serverName } = yield* ServerIdentity
      const published = new Set((yield* store.records(collection)).map(([roomId]) => roomId))

      const entries = ({
        third_party_instance_id: network,
        filter = {},
      }: DirectoryQuery): readonly JsonObject[] =>
        // No third-party network is bridged here.
        network !== undefined && network !== ""
          ? []
          : [...published]
              .sort(compareCodePoints)
              .flatMap((roomId) => rooms.find(roomId) ?? [])
              .map(roomSummary)
              .filter((entry) => matches(entry, filter))

      return PublishedRooms.of({
        publish: Effect.fnUntraced(function* (userId, roomId, isPublished) {
          const room = yield* rooms.get(roomId)
          if (domainOf(userId) !== serverName || !isJoined(room, userId) || !mayPublish(room, userId)) {
            return yield* forbidden(`${userId} may not publish the room`)
          }
          yield* store.commit({ records: [{ collection, key: roomId, value: isPublished ? true : null }] })
          if (isPublished) published.add(roomId)
          else published.delete(roomId)
        }, Effect.uninterruptible),
        isPublished: (roomId) => published.has(roomId),
        page: (query) => {
          const from = query.since === undefined ? "start" : readBatch(query.since)
          return from === undefined
            ? Effect.fail(invalidParameter("since is no batch of this server"))
            : Effect.succeed(pageFrom(entries(query), from, query.limit ?? 0))
        },
        pageOf: (server, query) =>
          client.call(server, (api) =>
            query.filter === undefined
              ? api.directory.publicRooms({ query })
              : api.directory.searchPublicRooms({ payload: query }),
          ),
      })
    }),
  )
}

const mayPublish = ({ dag, version }: Room, userId: string): boolean => {
  const levels = new PowerLevels(
    dag.eventIn(dag.currentState(), "m.room.power_levels", ""),
    dag.create(),
    version,
  )
  return levels.ofUser(userId) >= levels.required("m.room.canonical_alias", true)
}

const searched = ["name", "topic", "canonical_alias"] as const

const matches = (entry: JsonObject, filter: NonNullable<DirectoryQuery["filter"]>): boolean => {
  const types = filter.room_types
  const type = typeof entry.room_type === "string" ? entry.room_type : null
  if (types !== undefined && types !== null && !types.includes(type)) return false
  const term = (filter.generic_search_term ?? "").toLowerCase()
  return (
    term === "" ||
    searched.some((field) =>
      String(entry[field] ?? "")
        .toLowerCase()
        .includes(term),
    )
  )
}

/** A batch names the room at its edge, so that it is good whatever is published meanwhile. */
type Batch = "start" | { readonly direction: "after" | "before"; readonly roomId: string }

const writeBatch = (direction: "after" | "before", roomId: string): string =>
  encodeBase64Url(new TextEncoder().encode(`${direction} ${roomId}`))

const readBatch = (text: string): Batch | undefined => {
  const bytes = decodeBase64(text)
  const [direction, roomId] = bytes === undefined ? [] : new TextDecoder().decode(bytes).split(" ")
  if ((direction !== "after" && direction !== "before") || roomId === undefined) return undefined
  return { direction, roomId }
}

const pageFrom = (entries: readonly JsonObject[], from: Batch, limit: number): DirectoryPage => {
  const isPast = (entry: JsonObject, roomId: string): number =>
    compareCodePoints(String(entry.room_id), roomId)
  const length = limit > 0 ? limit : entries.length
  const begin = startOf(entries, from, length, isPast)
  const chunk = entries.slice(begin, begin + length)
  const [first, last] = [chunk[0], chunk.at(-1)]
  return {
    chunk,
    total_room_count_estimate: entries.length,
    ...(last !== undefined && begin + length < entries.length
      ? { next_batch: writeBatch("after", String(last.room_id)) }
      : {}),
    ...(first !== undefined && begin > 0 ? { prev_batch: writeBatch("before", String(first.room_id)) } : {}),
  }
}

const startOf = (
  entries: readonly JsonObject[],
  from: Batch,
  length: number,
  isPast: (entry: JsonObject, roomId: string) => number,
): number => {
  if (from === "start") return 0
  const at = entries.findIndex((entry) => isPast(entry, from.roomId) > (from.direction === "after" ? 0 : -1))
  const edge = at < 0 ? entries.length : at
  return from.direction === "after" ? edge : Math.max(0, edge - length)
}
