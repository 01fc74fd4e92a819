/**
 * The device lists of other servers' users, kept current by what their servers tell (§Device Management). A list is
 * held as long as its user shares a room with a user of this server: nobody else's changes are told to us.
 */
import { Context, Effect, Layer, Semaphore } from "effect"
import { domainOf } from "../../core/identifiers.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import type { JsonObject, JsonValue } from "../../core/json/value.ts"
import { Changes } from "../../homeserver/changes.ts"
import { Edus } from "../../homeserver/edus.ts"
import { badAnswer } from "../../homeserver/failures.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { MembershipChanges } from "../../homeserver/membership-changes.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { Settings } from "../../homeserver/settings.ts"
import { sharesRoomWith } from "../../homeserver/shared-rooms.ts"
import { Signatures } from "../../homeserver/signatures/signatures.ts"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"
import { FederationClient, type FederationUnreachable } from "../client.ts"
import type { MatrixError } from "../matrix-error.ts"
import type { UserDevices } from "./api.ts"
import { readTrustRoot } from "./device-keys.ts"
import {
  type DeviceListUpdate,
  fromAnswer,
  isLess,
  keysOf,
  type RemoteList,
  readUpdate,
  unknownRemoteList,
  withArrived,
  withUpdate,
} from "./remote-list.ts"
import { makeResyncs } from "./resyncs.ts"

const collection = "remote-device-lists"
/** How many updates are kept while a list is fetched; where there are more it is fetched once again. */
const arrivedMax = 100
/** How many users are remembered of whom something was told too early. */
const earlyMax = 1_000
/** How often a list is fetched again because it is older than what its own server told of it before. */
const laggingMax = 3

type FetchFailure = MatrixError | FederationUnreachable | StoreFailure

/** What was told of a list that is outdated. A server that answers less than it told before lags behind itself. */
interface Told {
  newestStreamId: number
  keys: string | undefined
  /** The last updates: an answer that was asked for before one of them may be older. */
  arrived: readonly { readonly number: number; readonly update: DeviceListUpdate }[]
  laggingCount: number
}

export class RemoteDevices extends Context.Service<
  RemoteDevices,
  {
    /** What is held of the user, even where it is outdated. */
    readonly listOf: (userId: string) => RemoteList | undefined
    /** Whether the user shares a room with one of this server, now. */
    readonly sharesRoom: (userId: string) => boolean
    /**
     * The user's list as its server has it: what is held, or else fetched, and held where a room is shared.
     * Undefined where its server knows no such user.
     */
    readonly current: (userId: string) => Effect.Effect<RemoteList | undefined, FetchFailure>
    /** Users whose lists are yet to be fetched again: for observers. */
    readonly outdated: () => readonly string[]
  }
>()("netsplit/RemoteDevices") {
  /** Takes up what the store keeps, and goes on fetching what is outdated. */
  static readonly layer = Layer.effect(
    RemoteDevices,
    Effect.gen(function* () {
      const store = yield* EventStore
      const rooms = yield* Rooms
      const client = yield* FederationClient
      const edus = yield* Edus
      const changes = yield* Changes
      const { verify } = yield* Signatures
      const { serverName } = yield* ServerIdentity
      const scope = yield* Effect.scope
      const lists = new Map<string, RemoteList>()
      const told = new Map<string, Told>()
      /** By user, while its list is asked for: the last request that was answered. */
      const asksUnderWay = new Map<string, { count: number; settled: number }>()
      /** Users of whom something was told that share no room: their join may be on its way. */
      const early = new Set<string>()
      let number = 0
      /** Numbers requests and updates, in their order. */
      const nextNumber = (): number => {
        number += 1
        return number
      }
      /** Held while a list is read and then kept; never across a request. */
      const writing = Semaphore.makeUnsafe(1)
      for (const [userId, list] of yield* store.records(collection)) {
        lists.set(userId, list as unknown as RemoteList)
      }

      const whileWriting = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
        Semaphore.withPermits(writing, 1)(Effect.uninterruptible(effect))

      const sharesRoom = (userId: string): boolean => sharesRoomWith(rooms, userId, serverName)

      const keep = Effect.fnUntraced(function* (userId: string, list: RemoteList | undefined) {
        const value = (list ?? null) as unknown as JsonValue
        yield* store.commit({ records: [{ collection, key: userId, value }] })
        if (list === undefined || !list.isOutdated) told.delete(userId)
        if (list !== undefined) {
          lists.set(userId, list)
          return changes.note("devices", userId)
        }
        lists.delete(userId)
        const asks = asksUnderWay.get(userId)
        if (asks !== undefined) asks.settled = nextNumber()
      })

      const forget = (userId: string) => (lists.has(userId) ? keep(userId, undefined) : Effect.void)

      const toldOf = (userId: string): Told => {
        const known = told.get(userId)
        if (known !== undefined) return known
        const made: Told = { newestStreamId: 0, keys: undefined, arrived: [], laggingCount: 0 }
        told.set(userId, made)
        return made
      }

      /** What the answer makes of the list, with what was told while it was on its way. */
      const settle = Effect.fnUntraced(function* (
        userId: string,
        answer: typeof UserDevices.Type,
        asked: number,
      ) {
        let list = fromAnswer(answer, userId, verify)
        if (list === undefined) return yield* badAnswer(`this is no device list of ${userId}`)
        const asks = asksUnderWay.get(userId)
        // Another answer that was asked for later came first, or the list was forgotten meanwhile.
        if (asks !== undefined && asks.settled > asked) return lists.get(userId) ?? list
        if (asks !== undefined) asks.settled = asked
        if (!sharesRoom(userId)) {
          yield* forget(userId)
          return list
        }
        const since = told.get(userId)
        const arrived = since?.arrived.filter(({ number }) => number > asked) ?? []
        list = withArrived(
          list,
          arrived.map(({ update }) => update),
        )
        let isOutdated = list.isOutdated || arrived.length > arrivedMax
        if (since !== undefined && isLess(list, since) && since.laggingCount < laggingMax) {
          since.laggingCount += 1
          isOutdated = true
        }
        list = { ...list, isOutdated }
        yield* keep(userId, list)
        return list
      })

      const ask = Effect.fnUntraced(function* (userId: string) {
        const asks = asksUnderWay.get(userId) ?? { count: 0, settled: 0 }
        asksUnderWay.set(userId, asks)
        asks.count += 1
        const asked = nextNumber()
        const answer = client.call(domainOf(userId) ?? "", (api) =>
          api.devices.userDevices({ params: { userId } }),
        )
        return yield* answer.pipe(
          Effect.flatMap((given) => whileWriting(settle(userId, given, asked))),
          Effect.catchTag(
            "MatrixError",
            (error): Effect.Effect<undefined, FetchFailure> =>
              error.errcode === "M_NOT_FOUND"
                ? Effect.as(whileWriting(forget(userId)), undefined)
                : Effect.fail(error),
          ),
          Effect.ensuring(
            Effect.sync(() => {
              asks.count -= 1
              if (asks.count === 0) asksUnderWay.delete(userId)
            }),
          ),
        )
      })

      const current = (userId: string): Effect.Effect<RemoteList | undefined, FetchFailure> =>
        Effect.suspend(() => {
          const held = lists.get(userId)
          return held !== undefined && !held.isOutdated && sharesRoom(userId)
            ? Effect.succeed(held)
            : ask(userId)
        })

      const resyncs = makeResyncs(
        (userId) =>
          lists.get(userId)?.isOutdated !== true
            ? Effect.succeed(true)
            : Effect.map(Effect.exit(current(userId)), () => lists.get(userId)?.isOutdated !== true),
        yield* Settings,
        scope,
      )

      /** Takes note that something is not as it is held: durable before the EDU is acknowledged. */
      const doubt = Effect.fnUntraced(function* (userId: string) {
        yield* keep(userId, { ...(lists.get(userId) ?? unknownRemoteList), isOutdated: true })
        yield* resyncs.ask(userId)
      })

      /** Of who shares no room nothing is held, so that nothing is lost with this. */
      const noteEarly = (userId: string): void => {
        const [oldest] = early
        if (early.size >= earlyMax && oldest !== undefined) early.delete(oldest)
        early.add(userId)
      }

      const receiveUpdate = Effect.fnUntraced(function* (update: DeviceListUpdate) {
        const { userId, streamId } = update
        if (!sharesRoom(userId)) return noteEarly(userId)
        const list = lists.get(userId)
        if (list?.isOutdated !== false) {
          const since = toldOf(userId)
          since.newestStreamId = Math.max(since.newestStreamId, streamId)
          since.arrived = [...since.arrived, { number: nextNumber(), update }].slice(-arrivedMax - 1)
          return list === undefined ? yield* doubt(userId) : undefined
        }
        const next = withUpdate(list, update)
        if (next === "known") return
        if (next !== "gap") return yield* keep(userId, next)
        toldOf(userId).newestStreamId = streamId
        yield* doubt(userId)
      })

      /**
       * An `m.signing_key_update` has no place in the sequence: what came late or twice cannot be told from what is
       * new. So it says that the keys have changed, and the list tells to what.
       */
      const receiveKeys = Effect.fnUntraced(function* (userId: string, content: JsonObject) {
        const { master_key: master, self_signing_key: selfSigning } = content
        const root = readTrustRoot({ master, selfSigning }, userId, verify)
        if (root?.masterKey === undefined) return
        if (!sharesRoom(userId)) return noteEarly(userId)
        const list = lists.get(userId)
        const keys = keysOf(root)
        if (list?.isOutdated === false && keysOf(list) === keys) return
        toldOf(userId).keys = keys
        if (list?.isOutdated !== true) yield* doubt(userId)
      })

      /** Only a user's own server speaks for it. */
      const fromOwnServer = (origin: string, userId: JsonValue | undefined): userId is string =>
        typeof userId === "string" && domainOf(userId) === origin && origin !== serverName

      edus.handle("m.device_list_update", (origin, content) => {
        resyncs.heardFrom(origin)
        const update = readUpdate(content)
        return update !== undefined && fromOwnServer(origin, update.userId)
          ? whileWriting(receiveUpdate(update))
          : Effect.void
      })
      // Servers from before v1.1 of the specification use the unstable name.
      for (const name of ["m.signing_key_update", "org.matrix.signing_key_update"]) {
        edus.handle(name, (origin, content) => {
          resyncs.heardFrom(origin)
          const { user_id: userId } = content
          return fromOwnServer(origin, userId) ? whileWriting(receiveKeys(userId, content)) : Effect.void
        })
      }

      /** Who shares no room any more is forgotten: its server tells us nothing. Who came to share one is asked for. */
      const review = (userIds: readonly string[]) =>
        Effect.forEach(
          userIds,
          (userId) =>
            whileWriting(
              Effect.suspend(() => {
                if (!sharesRoom(userId)) return forget(userId)
                return early.delete(userId) ? doubt(userId) : Effect.void
              }),
            ).pipe(Effect.ignore),
          { discard: true },
        )

      const memberships = new MembershipChanges(rooms)
      rooms.watch((room) => {
        const members = memberships.since(room)
        if (members.length === 0) return undefined
        const isOwn = members.some((userId) => domainOf(userId) === serverName)
        const concerned = isOwn ? [...lists.keys(), ...early] : [...members].sort(compareCodePoints)
        // Of most members nothing is known: they are not looked for in all rooms.
        const moved = concerned.filter(
          (userId) =>
            (early.has(userId) || lists.has(userId)) && (sharesRoom(userId) ? early : lists).has(userId),
        )
        return moved.length === 0 ? undefined : Effect.asVoid(Effect.forkIn(review(moved), scope))
      })

      yield* review([...lists.keys()])
      for (const [userId, { isOutdated }] of lists) if (isOutdated) yield* resyncs.ask(userId)

      return RemoteDevices.of({
        listOf: (userId) => lists.get(userId),
        sharesRoom,
        current,
        outdated: () => [...lists].filter(([, { isOutdated }]) => isOutdated).map(([userId]) => userId),
      })
    }),
  )
}
