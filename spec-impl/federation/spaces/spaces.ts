/** Spaces, as this server knows them and as others tell of them (server-server API §Spaces). */
import { Clock, Context, Effect, Layer } from "effect"
import { domainOf } from "../../core/identifiers.ts"
import { isJsonArray, isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { type Room, Rooms } from "../../homeserver/rooms.ts"
import { serversIn } from "../../homeserver/shared-rooms.ts"
import { FederationClient } from "../client.ts"
import { type MatrixError, notFound } from "../matrix-error.ts"
import { isOpen, readChild, roomsLetIn, type SpaceChild, spaceSummary } from "./space-children.ts"

/** One level of a hierarchy: a room, its children as far as they may be seen, and those that may not. */
export interface SpaceLevel {
  readonly room: JsonObject
  readonly children: readonly JsonObject[]
  readonly inaccessible_children: readonly string[]
}

/** How long what another server told is believed, and of how many rooms. */
const keptMs = 5 * 60_000
const keptLevelsMax = 1_000
/** A walk goes no deeper and finds no more than that, whatever it meets. */
const walkDepthMax = 10
const walkRoomsMax = 1_000

export class Spaces extends Context.Service<
  Spaces,
  {
    /** What the server `origin` may see; 404 where that is nothing. */
    readonly levelFor: (
      origin: string,
      roomId: string,
      suggestedOnly: boolean,
    ) => Effect.Effect<SpaceLevel, MatrixError>
    /**
     * What a user of this server finds in a space, depth first, each room once: as this server holds it, or as the
     * servers say that are named as ways to it; no deeper than `depthMax`. 404 where the space itself is not to be seen.
     */
    readonly walk: (
      userId: string,
      roomId: string,
      options?: {
        readonly via?: readonly string[]
        readonly suggestedOnly?: boolean
        readonly depthMax?: number
      },
    ) => Effect.Effect<readonly JsonObject[], MatrixError>
  }
>()("netsplit/Spaces") {
  static readonly layer = Layer.effect(
    Spaces,
    Effect.gen(function* () {
      const rooms = yield* Rooms
      const client = yield* FederationClient
      const { serverName } = yield* ServerIdentity
      const kept = new Map<string, { readonly level: SpaceLevel; readonly untilMs: number }>()

      /** A room that this server is in: of others what it holds may be long out of date. */
      const residentRoom = (roomId: string): Room | undefined => {
        const room = rooms.find(roomId)
        return room !== undefined && serversIn(room).has(serverName) ? room : undefined
      }

      /** Whether one of `who` is in the room, is invited, or is in a room whose members may join. */
      const isLetIn = (room: Room, isOneOf: (userId: string) => boolean): boolean =>
        hasMember(room, isOneOf, ["join", "invite"]) ||
        roomsLetIn(room).some((roomId) => {
          const allowed = residentRoom(roomId)
          return allowed !== undefined && hasMember(allowed, isOneOf, ["join"])
        })

      const maySee = (room: Room, isOneOf: (userId: string) => boolean): boolean =>
        isOpen(room) || isLetIn(room, isOneOf)

      const ask = Effect.fnUntraced(function* (
        roomId: string,
        via: readonly string[],
        suggestedOnly: boolean,
      ) {
        const nowMs = yield* Clock.currentTimeMillis
        const key = `${roomId} ${suggestedOnly}`
        const known = kept.get(key)
        if (known !== undefined && known.untilMs > nowMs) return known.level
        for (const server of via.filter((name) => name !== serverName)) {
          const request = { params: { roomId }, query: { suggested_only: suggestedOnly } }
          const level = yield* client
            .call(server, (api) => api.spaces.hierarchy(request))
            .pipe(Effect.orElseSucceed(() => undefined))
          if (level === undefined || level.room.room_id !== roomId) continue
          kept.set(key, { level, untilMs: nowMs + keptMs })
          const [oldest] = kept.keys()
          if (kept.size > keptLevelsMax && oldest !== undefined) kept.delete(oldest)
          return level
        }
        return undefined
      })

      /** The room as it is found, and what another server told of its children on that occasion. */
      const look = Effect.fnUntraced(function* (userId: string, at: Stop, suggestedOnly: boolean) {
        const room = residentRoom(at.roomId)
        if (room !== undefined) {
          const isAllowed = maySee(room, (one) => one === userId)
          return { summary: isAllowed ? spaceSummary(room, suggestedOnly) : undefined, told: [] }
        }
        const level = yield* ask(at.roomId, at.via, suggestedOnly)
        return { summary: level?.room ?? at.told, told: level?.children ?? [] }
      })

      return Spaces.of({
        levelFor: Effect.fnUntraced(function* (origin, roomId, suggestedOnly) {
          const isOfOrigin = (userId: string): boolean => domainOf(userId) === origin
          const room = residentRoom(roomId)
          if (room === undefined || !maySee(room, isOfOrigin)) {
            return yield* notFound(`room ${roomId} is not known here, or not to be seen`)
          }
          const summary = spaceSummary(room, suggestedOnly)
          const children = childrenIn(summary).flatMap((child) => residentRoom(child.roomId) ?? [])
          const seen = children.filter((child) => maySee(child, isOfOrigin))
          return {
            room: summary,
            children: seen.map((child) => spaceSummary(child, suggestedOnly)),
            inaccessible_children: children
              .filter((child) => !seen.includes(child))
              .map((child) => child.roomId),
          }
        }),
        walk: Effect.fnUntraced(function* (userId, roomId, options = {}) {
          const { via = [], suggestedOnly = false, depthMax = walkDepthMax } = options
          const found = new Map<string, JsonObject>()
          const waiting: Stop[] = [{ roomId, via, depth: 0, told: undefined }]
          const visited = new Set<string>()
          for (let at = waiting.pop(); at !== undefined && found.size < walkRoomsMax; at = waiting.pop()) {
            if (visited.has(at.roomId)) continue
            visited.add(at.roomId)
            const { summary, told } = yield* look(userId, at, suggestedOnly)
            if (summary === undefined) continue
            found.set(at.roomId, summary)
            if (at.depth >= Math.min(depthMax, walkDepthMax)) continue
            const depth = at.depth + 1
            for (const child of childrenIn(summary).toReversed()) {
              const ofChild = told.find((one) => one.room_id === child.roomId)
              waiting.push({ roomId: child.roomId, via: child.via, depth, told: ofChild })
            }
          }
          return found.has(roomId) ? [...found.values()] : yield* notFound(`room ${roomId} is not to be seen`)
        }),
      })
    }),
  )
}

/** A room that a walk has yet to look at. */
interface Stop {
  readonly roomId: string
  readonly via: readonly string[]
  readonly depth: number
  /** What its parent's server said of it. */
  readonly told: JsonObject | undefined
}

/** The children that a summary names, in order. */
const childrenIn = (summary: JsonObject): readonly SpaceChild[] => {
  const { children_state: events } = summary
  if (!isJsonArray(events)) return []
  return events.flatMap((event) => {
    if (!isJsonObject(event) || event.type !== "m.space.child" || !isJsonObject(event.content)) return []
    const { state_key: stateKey, content, origin_server_ts: originServerTs } = event
    if (typeof stateKey !== "string" || typeof originServerTs !== "number") return []
    return readChild({ stateKey, content, originServerTs }) ?? []
  })
}

const hasMember = (
  { dag }: Room,
  isOneOf: (userId: string) => boolean,
  memberships: readonly string[],
): boolean => {
  let isFound = false
  dag.currentState().forEach((index) => {
    const { type, stateKey = "", content } = dag.graph.event(index)
    isFound ||=
      type === "m.room.member" && memberships.includes(String(content.membership)) && isOneOf(stateKey)
  })
  return isFound
}
