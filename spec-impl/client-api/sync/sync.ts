/** What a client has not been told yet, as soon as there is something (client-server API §Syncing). */
import { Clock, Context, Effect, Layer } from "effect"
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { invalidParameter, type MatrixError } from "../../federation/matrix-error.ts"
import { Presence, type PresenceKind } from "../../federation/presence/presence.ts"
import { ToDevice } from "../../federation/to-device/to-device.ts"
import { Typing } from "../../federation/typing/typing.ts"
import { Changes } from "../../homeserver/changes.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import type { StoreFailure } from "../../store/event-store.ts"
import { AccountData } from "../account-data/account-data.ts"
import { makeSyncAnswer } from "./answer.ts"
import { makeDeviceChanges } from "./answer-devices.ts"
import { makeBoots } from "./boots.ts"
import type { Span } from "./span.ts"
import type { SyncFilter } from "./sync-filter.ts"
import { readSyncPoint, type SyncPoint, writeSyncPoint } from "./token.ts"
import { Waiting } from "./waiting.ts"

/** A request waits no longer than that, whatever it says. */
const timeoutMsMax = 10 * 60_000

/** What a client asks. */
export interface SyncRequest {
  readonly filter: SyncFilter
  /** What an answer before gave as `next_batch`. */
  readonly since: string | undefined
  readonly fullState: boolean
  readonly setPresence: PresenceKind
  readonly timeoutMs: number
  readonly useStateAfter: boolean
}

export class Sync extends Context.Service<
  Sync,
  {
    /**
     * All that the device has not been told since then. Waits until there is something, for so long as the client says,
     * where it knows what was before. What was sent to the device before `since` is taken as come. 400 for a `since`
     * that this server has not given.
     */
    readonly sync: (
      requester: { readonly userId: string; readonly deviceId: string },
      request: SyncRequest,
    ) => Effect.Effect<JsonObject, MatrixError | StoreFailure>
    /** `GET /keys/changes`: whose devices the client is to look at anew, between two answers' `next_batch`. */
    readonly deviceChanges: (
      userId: string,
      from: string,
      to: string,
    ) => Effect.Effect<
      { readonly changed: readonly string[]; readonly left: readonly string[] },
      MatrixError | StoreFailure
    >
    /** The server stops: whoever waits is answered, and nobody waits any more. */
    readonly stopWaiting: Effect.Effect<void>
    /** How many requests wait now: for observers. */
    readonly waiting: () => number
  }
>()("netsplit/client-api/Sync") {
  static readonly layer = Layer.effect(
    Sync,
    Effect.gen(function* () {
      const rooms = yield* Rooms
      const changes = yield* Changes
      const typing = yield* Typing
      const presence = yield* Presence
      const toDevice = yield* ToDevice
      const accountData = yield* AccountData
      const answer = yield* makeSyncAnswer
      const changedDevices = yield* makeDeviceChanges
      const waiting = new Waiting((listener) => rooms.positions.watch(listener), changes.watch)
      const stopWaiting = Effect.sync(() => waiting.end())
      yield* Effect.addFinalizer(() => stopWaiting)

      const boots = yield* makeBoots
      const readPoint = (token: string): Effect.Effect<SyncPoint, MatrixError> => {
        const point = readSyncPoint(token)
        return point === undefined || point.position > rooms.positions.settled
          ? Effect.fail(invalidParameter(`${token} is no point in time of this server`))
          : Effect.succeed(point)
      }

      /** §GET /sync: who syncs is there, unless its client says otherwise. Nothing is told anew that is known. */
      const notePresence = Effect.fnUntraced(function* (userId: string, wish: PresenceKind) {
        if (wish === "offline") return
        const { presence: before, currentlyActive, statusMsg } = yield* presence.presenceOf(userId)
        if (before === wish && (wish !== "online" || currentlyActive)) return
        yield* presence.set(userId, wish, statusMsg)
      })

      const ignoredBy = (userId: string): ReadonlySet<string> => {
        const users = accountData.get(userId, "", "m.ignored_user_list")?.ignored_users
        return new Set(isJsonObject(users) ? Object.keys(users) : [])
      }

      /** The change up to which the client has been told; undefined where that was another boot, or too long ago. */
      const changeOf = (point: SyncPoint | undefined, boot: number): number | undefined =>
        point?.boot === boot && point.change >= changes.forgotten() ? point.change : undefined

      const sync = Effect.fnUntraced(function* (
        { userId, deviceId }: { readonly userId: string; readonly deviceId: string },
        request: SyncRequest,
      ) {
        const boot = yield* boots.current
        let since = request.since === undefined ? undefined : yield* readPoint(request.since)
        yield* notePresence(userId, request.setPresence)
        if (since !== undefined) yield* toDevice.acknowledge(userId, deviceId, since.toDevice)
        const waitMs = Math.min(Math.max(0, request.timeoutMs), timeoutMsMax)
        const deadlineMs = (yield* Clock.currentTimeMillis) + waitMs
        for (;;) {
          const nextLapseMs = yield* typing.lapse
          const until = { position: rooms.positions.settled, change: changes.last(), boot }
          const span: Span = {
            userId,
            deviceId,
            filter: request.filter,
            since: since?.position,
            until: until.position,
            changesSince: changeOf(since, boot),
            ignoredUsers: ignoredBy(userId),
            fullState: request.fullState,
            useStateAfter: request.useStateAfter,
          }
          const { body, isNews, toDevicePosition } = yield* answer(span)
          const point = { ...until, toDevice: Math.max(toDevicePosition, since?.toDevice ?? 0) }
          const leftMs = deadlineMs - (yield* Clock.currentTimeMillis)
          if (since === undefined || isNews || request.fullState || leftMs <= 0 || waiting.isOver)
            return { ...body, next_batch: writeSyncPoint(point) }
          // There was nothing of it for this client: it knows all up to there.
          since = point
          const lapseMs = nextLapseMs === undefined ? leftMs : Math.max(1, nextLapseMs - deadlineMs + leftMs)
          const hasMoved = () => rooms.positions.settled !== until.position || changes.last() !== until.change
          yield* waiting.until(hasMoved, Math.min(leftMs, lapseMs))
        }
      })

      return Sync.of({
        sync,
        deviceChanges: Effect.fnUntraced(function* (userId, from, to) {
          const boot = yield* boots.current
          const begin = yield* readPoint(from)
          const end = yield* readPoint(to)
          return changedDevices(userId, begin.position, end.position, changeOf(begin, boot))
        }),
        stopWaiting,
        waiting: () => waiting.count,
      })
    }),
  )
}
