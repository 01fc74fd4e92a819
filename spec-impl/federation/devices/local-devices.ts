/** The devices of this server's users (client-server API §Device management; server-server API §Device Management). */
import { Clock, Context, Effect, Layer, Semaphore } from "effect"
import { encodeBase64Url } from "../../core/base64.ts"
import { domainOf, utf8Length } from "../../core/identifiers.ts"
import { canonicalJson, compareCodePoints } from "../../core/json/encode.ts"
import type { JsonObject, JsonValue } from "../../core/json/value.ts"
import { identifierBytesMax } from "../../core/limits.ts"
import { Chance } from "../../homeserver/chance.ts"
import { Changes } from "../../homeserver/changes.ts"
import { Destinations } from "../../homeserver/destinations.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { MembershipChanges } from "../../homeserver/membership-changes.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { isJoined, roomsOf, serversIn, serversSharingWith } from "../../homeserver/shared-rooms.ts"
import { Signatures } from "../../homeserver/signatures/signatures.ts"
import { EventStore, type RecordWrite, type StoreFailure } from "../../store/event-store.ts"
import { forbidden, invalidParameter, invalidSignature, type MatrixError, notFound } from "../matrix-error.ts"
import { deviceSigningKey, isSignedBy, memberOf, mergedWith, readDeviceKeys } from "./device-keys.ts"
import {
  type Device,
  emptyOwnList,
  lastUpdate,
  type OwnList,
  signingKeyUpdate,
  userDevicesAnswer,
} from "./own-list.ts"

const collection = "device-lists"

type Act<A> = Effect.Effect<A, MatrixError | StoreFailure>

/** What becomes of a user's list. */
export interface ListChange {
  readonly list: OwnList
  /** The devices that other servers are to be told of. */
  readonly devices?: readonly string[]
  /** Whether the public cross-signing keys are others now. */
  readonly signingKeys?: boolean
  /** What else is kept in the same group, and what is done once that is durable. */
  readonly records?: readonly RecordWrite[]
  readonly whenKept?: () => void
}

/** What another chapter keeps for a device: the records that go with it, and how they are forgotten then. */
export type Belongings = (
  userId: string,
  deviceId: string,
) => { readonly records: readonly RecordWrite[]; readonly forget: () => void }

export class LocalDevices extends Context.Service<
  LocalDevices,
  {
    /**
     * A device of a user of this server, by the id that its client asks for or a new one; one that is there already
     * stays. Gives its id. 403 for others' users and for the id of a cross-signing key, 400 for an id that is none.
     * What `login` gives goes into the same group, and what it fails with keeps the device from being.
     */
    readonly add: (
      userId: string,
      wishes?: { readonly deviceId?: string; readonly displayName?: string },
      login?: (deviceId: string) => Effect.Effect<Pick<ListChange, "records" | "whenKept">, MatrixError>,
    ) => Act<string>
    /** 404 where there is no such device. */
    readonly rename: (userId: string, deviceId: string, displayName: string) => Act<void>
    /** With its keys and its messages. Nothing happens where there is no such device. */
    readonly remove: (userId: string, deviceId: string) => Act<void>
    /**
     * The device's identity keys: 400 M_INVALID_PARAM where they are not its own, 400 M_INVALID_SIGNATURE where it
     * has not signed them (client-server API §Uploading keys), 404 where there is no such device.
     */
    readonly uploadKeys: (userId: string, deviceId: string, deviceKeys: JsonObject) => Act<void>
    /** Undefined for who never had a device or a key. */
    readonly listOf: (userId: string) => OwnList | undefined
    /** The answer of `GET /user/devices`; 404 where there is no such user here. */
    readonly answerFor: (userId: string) => Effect.Effect<ReturnType<typeof userDevicesAnswer>, MatrixError>
    /** Changes a list and tells of it, all in one group; undefined changes nothing. */
    readonly change: (
      userId: string,
      edit: (list: OwnList) => Effect.Effect<ListChange | undefined, MatrixError>,
    ) => Act<void>
    /** Runs `effect` while no list and nothing that belongs to a device changes; never across a request. */
    readonly whileWriting: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Each chapter names what it keeps for devices once, as its service is made. */
    readonly addBelongings: (belongings: Belongings) => void
  }
>()("netsplit/LocalDevices") {
  /** Takes up what the store keeps, and tells servers that came to share a room just before it went down. */
  static readonly layer = Layer.effect(
    LocalDevices,
    Effect.gen(function* () {
      const store = yield* EventStore
      const rooms = yield* Rooms
      const destinations = yield* Destinations
      const changes = yield* Changes
      const chance = yield* Chance
      const { verify } = yield* Signatures
      const { serverName } = yield* ServerIdentity
      const scope = yield* Effect.scope
      const writing = Semaphore.makeUnsafe(1)
      const lists = new Map<string, OwnList>()
      const belongings: Belongings[] = []
      for (const [userId, list] of yield* store.records(collection)) {
        lists.set(userId, list as unknown as OwnList)
      }

      const whileWriting: LocalDevices["Service"]["whileWriting"] = (effect) =>
        Semaphore.withPermits(writing, 1)(Effect.uninterruptible(effect))

      const othersSharingWith = (userId: string): readonly string[] =>
        [...serversSharingWith(rooms, userId)].filter((name) => name !== serverName).sort(compareCodePoints)

      /**
       * Keeps the change together with what tells of it. Servers that did not hear of the list before get the last
       * update as well: they cannot know the one before it, or know the list already.
       */
      const keep = Effect.fnUntraced(function* (userId: string, before: OwnList, change: ListChange) {
        const servers = othersSharingWith(userId)
        const newcomers = servers.filter((name) => !before.receivers.includes(name))
        let list: OwnList = { ...change.list, receivers: servers }
        const updates = (change.devices ?? []).flatMap((deviceId) => {
          list = { ...list, streamId: list.streamId + 1, lastDeviceId: deviceId }
          return lastUpdate(userId, list)
        })
        if (change.signingKeys) list = { ...list, signingRevision: list.signingRevision + 1 }
        const told = change.signingKeys ? [...updates, ...signingKeyUpdate(userId, list)] : updates
        const greeting = [...lastUpdate(userId, list), ...signingKeyUpdate(userId, list)].slice(0, 1)
        yield* store.commit({
          records: [
            { collection, key: userId, value: list as unknown as JsonValue },
            ...(change.records ?? []),
          ],
          destinations: [
            ...destinations.eduWritesFor(told, servers),
            ...destinations.eduWritesFor(greeting, newcomers),
          ],
        })
        lists.set(userId, list)
        change.whenKept?.()
        if (told.length > 0) changes.note("devices", userId)
        yield* destinations.sendEdus(told, servers)
        yield* destinations.sendEdus(greeting, newcomers)
      })

      const change: LocalDevices["Service"]["change"] = (userId, edit) =>
        domainOf(userId) === serverName
          ? whileWriting(
              Effect.gen(function* () {
                const before = lists.get(userId) ?? emptyOwnList
                const changed = yield* edit(before)
                if (changed !== undefined) yield* keep(userId, before, changed)
              }),
            )
          : Effect.fail(forbidden(`${userId} is not a user of ${serverName}`))

      /** §Device Management: a list is told to who comes to share a room with its user. */
      const tellNewcomers = (userId: string) =>
        whileWriting(
          Effect.suspend(() => {
            const list = lists.get(userId)
            if (
              list === undefined ||
              canonicalJson(list.receivers) === canonicalJson(othersSharingWith(userId))
            )
              return Effect.void
            return Effect.ignore(keep(userId, list, { list }))
          }),
        )

      for (const userId of lists.keys()) yield* tellNewcomers(userId)

      const serversBefore = new Map(rooms.all().map((room) => [room.roomId, serversIn(room)]))
      const memberships = new MembershipChanges(rooms)
      rooms.watch((room) => {
        const servers = serversIn(room)
        const isOther = !areEqual(serversBefore.get(room.roomId), servers)
        const changed = memberships.since(room)
        if (!isOther && changed.length === 0) return undefined
        serversBefore.set(room.roomId, servers)
        const joined = isOther ? [...lists.keys()].filter((userId) => isJoined(room, userId)) : []
        const concerned = new Set([...joined, ...changed])
        const owners = [...concerned].filter((userId) => lists.has(userId)).sort(compareCodePoints)
        if (owners.length === 0) return undefined
        return Effect.asVoid(Effect.forkIn(Effect.forEach(owners, tellNewcomers, { discard: true }), scope))
      })

      const deviceOf = (
        list: OwnList,
        userId: string,
        deviceId: string,
      ): Effect.Effect<Device, MatrixError> => {
        const device = memberOf(list.devices, deviceId)
        return device === undefined
          ? Effect.fail(notFound(`${userId} has no device ${deviceId}`))
          : Effect.succeed(device)
      }

      const withDevice = (list: OwnList, deviceId: string, device: Device): ListChange => ({
        list: { ...list, devices: { ...list.devices, [deviceId]: device } },
        devices: [deviceId],
      })

      let serial = 0
      const newDeviceId = Effect.fnUntraced(function* (userId: string) {
        serial += 1
        const label = [userId, String(yield* Clock.currentTimeMillis), String(serial)]
        return encodeBase64Url(chance.bytes(9, "device", ...label))
      })

      return LocalDevices.of({
        add: Effect.fnUntraced(function* (userId, wishes = {}, login) {
          const deviceId = wishes.deviceId ?? (yield* newDeviceId(userId))
          const problem = problemWithDeviceId(deviceId)
          if (problem !== undefined) return yield* invalidParameter(problem)
          yield* change(
            userId,
            Effect.fnUntraced(function* (list) {
              const isKnown = memberOf(list.devices, deviceId) !== undefined
              if (!isKnown && isCrossSigningKey(list, deviceId))
                return yield* forbidden("a key of the user has that id")
              if (isKnown && login === undefined) return undefined
              const { displayName } = wishes
              return {
                ...(isKnown
                  ? { list }
                  : withDevice(list, deviceId, displayName === undefined ? {} : { displayName })),
                ...(login === undefined ? {} : yield* login(deviceId)),
              }
            }),
          )
          return deviceId
        }),
        rename: (userId, deviceId, displayName) =>
          change(userId, (list) =>
            Effect.map(deviceOf(list, userId, deviceId), (device) =>
              device.displayName === displayName
                ? undefined
                : withDevice(list, deviceId, { ...device, displayName }),
            ),
          ),
        remove: (userId, deviceId) =>
          change(userId, (list) => {
            if (memberOf(list.devices, deviceId) === undefined) return Effect.undefined
            const { [deviceId]: _, ...devices } = list.devices
            const owned = belongings.map((of) => of(userId, deviceId))
            return Effect.succeed({
              list: { ...list, devices },
              devices: [deviceId],
              records: owned.flatMap(({ records }) => records),
              whenKept: () => {
                for (const { forget } of owned) forget()
              },
            })
          }),
        uploadKeys: (userId, deviceId, deviceKeys) =>
          change(
            userId,
            Effect.fnUntraced(function* (list) {
              const device = yield* deviceOf(list, userId, deviceId)
              const read = readDeviceKeys(deviceKeys, userId, deviceId)
              const signingKey = read === undefined ? undefined : deviceSigningKey(read, deviceId)
              if (read === undefined || signingKey === undefined)
                return yield* invalidParameter(`these are no keys of device ${deviceId} of ${userId}`)
              if (!isSignedBy(read, userId, signingKey, verify))
                return yield* invalidSignature(`device ${deviceId} has not signed its keys`)
              const keys = mergedWith(device.keys, read, userId)
              if (device.keys !== undefined && canonicalJson(device.keys) === canonicalJson(keys))
                return undefined
              return withDevice(list, deviceId, { ...device, keys })
            }),
          ),
        listOf: (userId) => lists.get(userId),
        answerFor: (userId) => {
          const list = lists.get(userId)
          const isHere = domainOf(userId) === serverName
          return isHere && (list !== undefined || roomsOf(rooms, userId).length > 0)
            ? Effect.succeed(userDevicesAnswer(userId, list ?? emptyOwnList))
            : Effect.fail(notFound(`there is no user ${userId} here`))
        },
        change,
        whileWriting,
        addBelongings: (of) => void belongings.push(of),
      })
    }),
  )
}

const problemWithDeviceId = (deviceId: string): string | undefined => {
  if (deviceId === "" || deviceId === "*" || !deviceId.isWellFormed()) return "this is no device id"
  return utf8Length(deviceId) > identifierBytesMax
    ? `a device id has at most ${identifierBytesMax} bytes`
    : undefined
}

/** Client-server API §Cross-signing: device ids must not collide with cross-signing public keys. */
const isCrossSigningKey = (list: OwnList, deviceId: string): boolean =>
  [list.masterKey, list.selfSigningKey, list.userSigningKey].some(
    (key) => key !== undefined && Object.hasOwn(key.keys as JsonObject, `ed25519:${deviceId}`),
  )

/** By what they hold: whether it is one object depends on what was resolved before, and by whom. */
const areEqual = (some: ReadonlySet<string> | undefined, others: ReadonlySet<string>): boolean =>
  some === others || (some?.size === others.size && others.isSubsetOf(some))
