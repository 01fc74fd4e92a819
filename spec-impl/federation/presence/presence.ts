/** Who is there (server-server API §Presence; client-server API §Presence). */
import { Clock, Context, Effect, Layer } from "effect"
import { domainOf } from "../../core/identifiers.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import { Changes } from "../../homeserver/changes.ts"
import { Destinations } from "../../homeserver/destinations.ts"
import { Edus } from "../../homeserver/edus.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { isJoined, serversIn, serversSharingWith } from "../../homeserver/shared-rooms.ts"
import { forbidden, type MatrixError } from "../matrix-error.ts"

/** A user's own doing ends being `online` after so long without any, as in Synapse. */
const idleAfterMs = 5 * 60_000
/** A user of another server of whom nothing is heard for so long is taken for gone, as in Synapse. */
const goneAfterMs = 30 * 60_000

/** Of so many users of other servers it is known; who was not heard of for longest is offline. */
const othersMax = 100_000

const kinds = ["online", "unavailable", "offline"] as const
export type PresenceKind = (typeof kinds)[number]

/** What is known of a user's presence at a moment. */
export interface PresenceView {
  readonly presence: PresenceKind
  /** Milliseconds since the user was last seen to do something; undefined where that was never. */
  readonly lastActiveAgoMs: number | undefined
  readonly statusMsg: string | undefined
  readonly currentlyActive: boolean
}

interface Known {
  readonly presence: PresenceKind
  readonly lastActiveTs: number | undefined
  readonly statusMsg: string | undefined
  /** When it was last told. */
  readonly heardTs: number
}

const unknownUser: Known = { presence: "offline", lastActiveTs: undefined, statusMsg: undefined, heardTs: 0 }

export class Presence extends Context.Service<
  Presence,
  {
    /** A user of this server says what it is; being online counts as doing something. */
    readonly set: (
      userId: string,
      presence: PresenceKind,
      statusMsg?: string,
    ) => Effect.Effect<void, MatrixError>
    /** A user of this server does something. */
    readonly active: (userId: string) => Effect.Effect<void, MatrixError>
    readonly presenceOf: (userId: string) => Effect.Effect<PresenceView>
  }
>()("netsplit/Presence") {
  static readonly layer = Layer.effect(
    Presence,
    Effect.gen(function* () {
      const rooms = yield* Rooms
      const destinations = yield* Destinations
      const edus = yield* Edus
      const changes = yield* Changes
      const { serverName } = yield* ServerIdentity
      const users = new Map<string, Known>()
      /** Those of other servers, whom these may make up: who was heard of last stands last. */
      const others = new Map<string, Known>()

      /** Those of them who are users of this server. */
      const locals = new Set<string>()

      const isLocal = (userId: string): boolean => domainOf(userId) === serverName

      const viewOf = (userId: string, nowMs: number): PresenceView => {
        const { presence, lastActiveTs, statusMsg, heardTs } =
          (isLocal(userId) ? users : others).get(userId) ?? unknownUser
        const agoMs = lastActiveTs === undefined ? undefined : Math.max(0, nowMs - lastActiveTs)
        const isIdle = isLocal(userId) && presence === "online" && (agoMs ?? idleAfterMs) >= idleAfterMs
        const isGone = !isLocal(userId) && nowMs - heardTs >= goneAfterMs
        const shown = isGone ? "offline" : isIdle ? "unavailable" : presence
        return {
          presence: shown,
          lastActiveAgoMs: agoMs,
          statusMsg,
          currentlyActive: shown === "online" && (agoMs ?? idleAfterMs) < idleAfterMs,
        }
      }

      /** Each server hears of a user at most what is true when it is told, and the last of it. */
      const tell = Effect.fnUntraced(function* (userId: string, servers: Iterable<string>) {
        const push = [pushOf(userId, viewOf(userId, yield* Clock.currentTimeMillis))]
        const queued = { id: `m.presence ${userId}`, edu: { edu_type: "m.presence", content: { push } } }
        yield* destinations.sendEdus([queued], servers)
      })

      const set = Effect.fnUntraced(function* (userId: string, change: Partial<Known>) {
        if (!isLocal(userId)) return yield* forbidden(`${userId} is not a user of ${serverName}`)
        const heardTs = yield* Clock.currentTimeMillis
        users.set(userId, { ...(users.get(userId) ?? unknownUser), ...change, heardTs })
        locals.add(userId)
        changes.note("presence", userId)
        yield* tell(userId, serversSharingWith(rooms, userId))
      })

      edus.handle("m.presence", (origin, content) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          for (const entry of isJsonArray(content.push) ? content.push : []) {
            const read = readPush(entry, nowMs)
            // Who tells is about to share a room if it does not yet: a join is told of before its server holds it.
            if (read === undefined || domainOf(read.userId) !== origin || origin === serverName) continue
            others.delete(read.userId)
            others.set(read.userId, read.known)
            const [longestUnheard] = others.keys()
            if (others.size > othersMax && longestUnheard !== undefined) others.delete(longestUnheard)
            changes.note("presence", read.userId)
          }
        }),
      )

      /** §Presence: whoever comes to share a room with this server's users is told of them. */
      rooms.watch((room, { event }) => {
        const newcomer =
          event.type === "m.room.member" && event.content.membership === "join" ? event.stateKey : undefined
        if (newcomer === undefined) return undefined
        if (isLocal(newcomer)) return users.has(newcomer) ? tell(newcomer, serversIn(room)) : undefined
        const told = [...locals].filter((userId) => isJoined(room, userId)).sort(compareCodePoints)
        return Effect.forEach(told, (userId) => tell(userId, [domainOf(newcomer) ?? serverName]), {
          discard: true,
        })
      })

      return Presence.of({
        set: Effect.fnUntraced(function* (userId, presence, statusMsg) {
          const lastActiveTs = yield* Clock.currentTimeMillis
          yield* set(userId, { presence, statusMsg, ...(presence === "online" ? { lastActiveTs } : {}) })
        }),
        active: Effect.fnUntraced(function* (userId) {
          yield* set(userId, { presence: "online", lastActiveTs: yield* Clock.currentTimeMillis })
        }),
        presenceOf: (userId) => Effect.map(Clock.currentTimeMillis, (nowMs) => viewOf(userId, nowMs)),
      })
    }),
  )
}

const pushOf = (userId: string, view: PresenceView): JsonObject => ({
  user_id: userId,
  presence: view.presence,
  last_active_ago: view.lastActiveAgoMs ?? 0,
  currently_active: view.currentlyActive,
  ...(view.statusMsg === undefined ? {} : { status_msg: view.statusMsg }),
})

const readPush = (entry: JsonValue, nowMs: number): { userId: string; known: Known } | undefined => {
  if (!isJsonObject(entry)) return undefined
  const { user_id: userId, presence, last_active_ago: agoMs, status_msg: statusMsg } = entry
  const kind = kinds.find((known) => known === presence)
  if (typeof userId !== "string" || kind === undefined || typeof agoMs !== "number" || agoMs < 0)
    return undefined
  return {
    userId,
    known: {
      presence: kind,
      lastActiveTs: nowMs - agoMs,
      statusMsg: typeof statusMsg === "string" ? statusMsg : undefined,
      heardTs: nowMs,
    },
  }
}
