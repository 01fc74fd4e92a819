/** Messages from device to device, outside of any room (§Send-to-device messaging; client-server API the same). */
import { Clock, Context, Effect, Layer } from "effect"
import { encodeBase64Url } from "../../core/base64.ts"
import { domainOf } from "../../core/identifiers.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import { toDeviceMessageIdCodePointsMax } from "../../core/limits.ts"
import { Chance } from "../../homeserver/chance.ts"
import { Changes } from "../../homeserver/changes.ts"
import { Destinations } from "../../homeserver/destinations.ts"
import { Edus } from "../../homeserver/edus.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { EventStore, type QueuedEdu, type RecordWrite, type StoreFailure } from "../../store/event-store.ts"
import { LocalDevices } from "../devices/local-devices.ts"
import { byServer } from "../encryption/by-server.ts"
import { forbidden, invalidParameter, type MatrixError } from "../matrix-error.ts"

const inboxCollection = "to-device-inbox"
const seenCollection = "to-device-seen"
/** One record: how many messages were kept or sent so far. */
const countCollection = "to-device-count"
/** How many message ids of one server are remembered. It sends a message again soon, or not at all. */
const seenMax = 1_000
/** Message ids of so many senders, servers and clients, are remembered. */
const sendersSeenMax = 1_000
/**
 * How many messages wait for a device, which may never come for them. Of more the oldest go of the server that has sent
 * most of them: nobody can crowd out the others.
 */
const inboxMax = 5_000
/** So many go at once. */
const crowdedOut = 100
/** How many messages a client gets at once (client-server API §Send-to-Device messaging). */
const givenMax = 100

/** A message as its device gets it. */
export interface ToDeviceMessage {
  readonly sender: string
  readonly type: string
  readonly content: JsonObject
}

interface Kept extends ToDeviceMessage {
  /** Its place among all messages that ever came in. */
  readonly position: number
}

/** By user, by device or `*`: the content. */
type Messages = Readonly<Record<string, Readonly<Record<string, JsonObject>>>>

export class ToDevice extends Context.Service<
  ToDevice,
  {
    /**
     * `PUT /sendToDevice`: `messages` by user and by device, or `*` for all of the user's devices. Done means kept, here
     * or for the other server. 403 for a sender of another server, 400 for messages that are none. What a client sends
     * again, as the transaction that it `came` by, is sent once.
     */
    readonly send: (
      sender: string,
      type: string,
      messages: JsonObject,
      came?: { readonly deviceId: string; readonly transactionId: string },
    ) => Effect.Effect<void, MatrixError | StoreFailure>
    /** What waits for a device of this server, in the order of arrival, and by what to acknowledge it. */
    readonly inbox: (
      userId: string,
      deviceId: string,
    ) => { readonly messages: readonly ToDeviceMessage[]; readonly position: number }
    /** The device has got all up to that position: they are gone. */
    readonly acknowledge: (
      userId: string,
      deviceId: string,
      position: number,
    ) => Effect.Effect<void, StoreFailure>
  }
>()("netsplit/ToDevice") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    ToDevice,
    Effect.gen(function* () {
      const store = yield* EventStore
      const devices = yield* LocalDevices
      const destinations = yield* Destinations
      const edus = yield* Edus
      const changes = yield* Changes
      const chance = yield* Chance
      const { serverName } = yield* ServerIdentity
      const inboxes = new Map<string, Kept[]>()
      /** By server, in the order of arrival. */
      const seen = new Map<string, Map<string, number>>()
      let count = 0
      for (const [, value] of yield* store.records(countCollection)) count = Number(value)
      const inboxOf = (userId: string, deviceId: string): Kept[] => {
        const key = JSON.stringify([userId, deviceId])
        const known = inboxes.get(key) ?? []
        inboxes.set(key, known)
        return known
      }
      const seenFrom = (server: string): Map<string, number> => {
        const known = seen.get(server) ?? new Map<string, number>()
        seen.set(server, known)
        return known
      }
      const inOrder = <A extends { readonly position: number }>(kept: A[]): A[] =>
        kept.sort((a, b) => a.position - b.position)
      for (const [key, value] of yield* store.records(inboxCollection)) {
        const [userId, deviceId] = JSON.parse(key)
        inboxOf(userId, deviceId).push(value as unknown as Kept)
      }
      for (const inbox of inboxes.values()) inOrder(inbox)
      const remembered = (yield* store.records(seenCollection)).map(([key, value]) => ({
        key,
        position: Number(value),
      }))
      for (const { key, position } of inOrder(remembered)) {
        const [origin, messageId] = JSON.parse(key)
        seenFrom(origin).set(messageId, position)
      }

      const inboxRecord = (
        userId: string,
        deviceId: string,
        position: number,
        kept: Kept | null,
      ): RecordWrite => ({
        collection: inboxCollection,
        key: JSON.stringify([userId, deviceId, position]),
        value: kept as unknown as JsonValue,
      })
      const seenRecord = (origin: string, messageId: string, position: number | null): RecordWrite => ({
        collection: seenCollection,
        key: JSON.stringify([origin, messageId]),
        value: position,
      })

      devices.addBelongings((userId, deviceId) => {
        const key = JSON.stringify([userId, deviceId])
        const inbox = inboxes.get(key) ?? []
        const client = clientOf(userId, deviceId)
        return {
          records: [
            ...inbox.map(({ position }) => inboxRecord(userId, deviceId, position, null)),
            ...[...(seen.get(client)?.keys() ?? [])].map((id) => seenRecord(client, id, null)),
          ],
          forget: () => {
            inboxes.delete(key)
            seen.delete(client)
          },
        }
      })

      /** What notes that `origin`, a server or a client, has sent that message; undefined where it is noted. */
      const seeing = (origin: string, messageId: string) => {
        const known = seen.get(origin)
        if (known?.has(messageId)) return undefined
        const [oldest] = known === undefined || known.size < seenMax ? [] : known.keys()
        const [silent] = known !== undefined || seen.size < sendersSeenMax ? [] : seen.keys()
        return {
          records: [
            seenRecord(origin, messageId, count),
            ...(oldest === undefined ? [] : [seenRecord(origin, oldest, null)]),
            ...[...(seen.get(silent ?? "")?.keys() ?? [])].map((id) => seenRecord(silent!, id, null)),
          ],
          whenKept: () => {
            if (silent !== undefined) seen.delete(silent)
            const ofOrigin = seenFrom(origin)
            if (oldest !== undefined) ofOrigin.delete(oldest)
            ofOrigin.set(messageId, count)
            // Who was heard of last stands last.
            seen.delete(origin)
            seen.set(origin, ofOrigin)
          },
        }
      }

      /** The messages for devices that are there, numbered; `*` is every device that the user has now. */
      const addressed = (sender: string, type: string, messages: Messages) => {
        let position = count
        return Object.entries(messages).flatMap(([userId, byDevice]) => {
          const known = Object.keys(devices.listOf(userId)?.devices ?? {})
          return Object.entries(byDevice).flatMap(([given, content]) =>
            (given === "*" ? known : known.filter((deviceId) => deviceId === given)).map((deviceId) => {
              position += 1
              return { userId, deviceId, kept: { sender, type, content, position } }
            }),
          )
        })
      }

      /** Keeps messages for this server's devices, in one group with `more`. The caller writes. */
      const deliver = Effect.fnUntraced(function* (
        delivered: ReturnType<typeof addressed>,
        more: {
          readonly records?: readonly RecordWrite[]
          readonly queued?: readonly (readonly [server: string, edu: QueuedEdu])[]
        },
      ) {
        const counted = count + delivered.length + 1
        const crowded = delivered.flatMap(({ userId, deviceId }) => {
          const inbox = inboxOf(userId, deviceId)
          return inbox.length < inboxMax ? [] : [{ userId, deviceId, inbox, out: oldestOfMost(inbox) }]
        })
        yield* store.commit({
          records: [
            ...crowded.flatMap(({ userId, deviceId, out }) =>
              [...out].map(({ position }) => inboxRecord(userId, deviceId, position, null)),
            ),
            ...delivered.map(({ userId, deviceId, kept }) =>
              inboxRecord(userId, deviceId, kept.position, kept),
            ),
            { collection: countCollection, key: "", value: counted },
            ...(more.records ?? []),
          ],
          destinations: (more.queued ?? []).flatMap(([server, edu]) =>
            destinations.eduWritesFor([edu], [server]),
          ),
        })
        count = counted
        for (const { userId, deviceId, inbox, out } of crowded) {
          inboxes.set(
            JSON.stringify([userId, deviceId]),
            inbox.filter((kept) => !out.has(kept)),
          )
        }
        for (const { userId, deviceId, kept } of delivered) {
          inboxOf(userId, deviceId).push(kept)
          changes.note("toDevice", userId, deviceId)
        }
      })

      edus.handle("m.direct_to_device", (origin, edu) => {
        const read = readMessage(edu)
        if (read === undefined || domainOf(read.sender) !== origin) return Effect.void
        const { sender, type, messageId, messages } = read
        return devices.whileWriting(
          Effect.gen(function* () {
            // §Send-to-device messaging: the id is there for idempotence.
            const news = seeing(origin, messageId)
            if (news === undefined) return
            yield* deliver(addressed(sender, type, messages), { records: news.records })
            news.whenKept()
          }),
        )
      })

      const send: ToDevice["Service"]["send"] = Effect.fnUntraced(function* (sender, type, given, came) {
        if (domainOf(sender) !== serverName)
          return yield* forbidden(`${sender} is not a user of ${serverName}`)
        const isWhole = Object.entries(given).every(
          ([userId, byDevice]) =>
            domainOf(userId) !== undefined &&
            isJsonObject(byDevice) &&
            Object.values(byDevice).every((content) => isJsonObject(content)),
        )
        if (!isWhole) return yield* invalidParameter("a message is an object, by user and by device")
        const { deviceId, transactionId } = came ?? {}
        const news =
          deviceId === undefined ? undefined : seeing(clientOf(sender, deviceId), `${type} ${transactionId}`)
        if (deviceId !== undefined && news === undefined) return
        const servers = new Map(byServer(given as unknown as Messages))
        const own = addressed(sender, type, servers.get(serverName) ?? {})
        servers.delete(serverName)
        const nowMs = yield* Clock.currentTimeMillis
        const queued = [...servers].map(([server, messages]): readonly [string, QueuedEdu] => {
          const label = ["to-device", server, String(count), String(nowMs)]
          const messageId = encodeBase64Url(chance.bytes(16, ...label))
          const content = { sender, type, message_id: messageId, messages }
          return [
            server,
            { id: `m.direct_to_device ${messageId}`, edu: { edu_type: "m.direct_to_device", content } },
          ]
        })
        yield* deliver(own, { queued, ...(news === undefined ? {} : { records: news.records }) })
        news?.whenKept()
        for (const [server, edu] of queued) yield* destinations.sendEdus([edu], [server])
      })

      return ToDevice.of({
        send: (sender, type, messages, came) => devices.whileWriting(send(sender, type, messages, came)),
        inbox: (userId, deviceId) => {
          const kept = (inboxes.get(JSON.stringify([userId, deviceId])) ?? []).slice(0, givenMax)
          return {
            messages: kept.map(({ position: _, ...message }) => message),
            position: kept.at(-1)?.position ?? 0,
          }
        },
        acknowledge: (userId, deviceId, position) =>
          devices.whileWriting(
            Effect.gen(function* () {
              const inbox = inboxOf(userId, deviceId)
              const got = inbox.filter((kept) => kept.position <= position)
              if (got.length === 0) return
              yield* store.commit({
                records: got.map((kept) => inboxRecord(userId, deviceId, kept.position, null)),
              })
              inbox.splice(0, got.length)
            }),
          ),
      })
    }),
  )
}

/** Those that make room in an inbox for others. */
const oldestOfMost = (inbox: readonly Kept[]): ReadonlySet<Kept> => {
  const servers = Map.groupBy(inbox, ({ sender }) => domainOf(sender))
  const [most = []] = [...servers.values()].sort((a, b) => b.length - a.length)
  return new Set(most.slice(0, crowdedOut))
}

/** A client among those that send; no server has such a name. */
const clientOf = (userId: string, deviceId: string): string => JSON.stringify([userId, deviceId])

/** Reads the content of an `m.direct_to_device`; what is no message in it is left out, undefined where nothing is right. */
const readMessage = (edu: JsonObject) => {
  const { sender, type, message_id: messageId, messages } = edu
  if (typeof sender !== "string" || typeof type !== "string" || typeof messageId !== "string")
    return undefined
  if ([...messageId].length > toDeviceMessageIdCodePointsMax || !isJsonObject(messages)) return undefined
  const good = Object.entries(messages).map(([userId, byDevice]) => [
    userId,
    isJsonObject(byDevice)
      ? Object.fromEntries(Object.entries(byDevice).filter(([, content]) => isJsonObject(content)))
      : {},
  ])
  return { sender, type, messageId, messages: Object.fromEntries(good) as Messages }
}
