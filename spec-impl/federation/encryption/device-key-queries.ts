/** The identity keys of users' devices, of this server's and of all others (§End-to-End Encryption). */
import { Context, Effect, Layer } from "effect"
import { domainOf } from "../../core/identifiers.ts"
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { storeFailed } from "../../homeserver/failures.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Signatures } from "../../homeserver/signatures/signatures.ts"
import { FederationClient } from "../client.ts"
import { CrossSigning } from "../devices/cross-signing.ts"
import { memberOf, readDeviceKeys, readTrustRoot, signaturesBy } from "../devices/device-keys.ts"
import { LocalDevices } from "../devices/local-devices.ts"
import type { Device, DeviceList } from "../devices/own-list.ts"
import { RemoteDevices } from "../devices/remote-devices.ts"
import { forbidden, type MatrixError } from "../matrix-error.ts"
import { askAll, byServer, type Failures } from "./by-server.ts"

/** By user: device ids; none stands for all. */
export type KeyQuery = Readonly<Record<string, readonly string[]>>

type ByUser = Record<string, JsonObject>

/** What is told of keys, to a server. */
export interface QueriedKeys {
  /** By user, by device. */
  readonly device_keys: ByUser
  readonly master_keys: ByUser
  readonly self_signing_keys: ByUser
}

/** What is told to a user: its own user-signing key as well, and which servers did not answer. */
export interface QueriedKeysForUser extends QueriedKeys {
  readonly user_signing_keys: ByUser
  readonly failures: Failures
}

export class DeviceKeyQueries extends Context.Service<
  DeviceKeyQueries,
  {
    /** What other servers are told: of this server's users alone, without what only they themselves may see. */
    readonly answerFor: (query: KeyQuery) => QueriedKeys
    /** `POST /keys/query` of a user of this server, about anybody; other servers have 10 s unless it says otherwise. */
    readonly query: (
      requester: string,
      query: KeyQuery,
      timeoutMs?: number,
    ) => Effect.Effect<QueriedKeysForUser, MatrixError>
    /** What this server holds of a user's devices, its own user or another's: for observers. */
    readonly held: (userId: string) => DeviceList | undefined
  }
>()("netsplit/DeviceKeyQueries") {
  static readonly layer = Layer.effect(
    DeviceKeyQueries,
    Effect.gen(function* () {
      const client = yield* FederationClient
      const local = yield* LocalDevices
      const remote = yield* RemoteDevices
      const crossSigning = yield* CrossSigning
      const { verify } = yield* Signatures
      const { serverName } = yield* ServerIdentity

      const answerFor = (query: KeyQuery): QueriedKeys => {
        const answer: QueriedKeys = { device_keys: {}, master_keys: {}, self_signing_keys: {} }
        for (const [userId, deviceIds] of Object.entries(query)) {
          const list = local.listOf(userId)
          if (list !== undefined) tell(answer, userId, list, deviceIds)
        }
        return answer
      }

      /** Of who shares a room: what is held is current, or else the user's server is asked for all of it. */
      const askForList = (answer: QueriedKeys, userId: string, deviceIds: readonly string[]) =>
        remote.current(userId).pipe(
          Effect.catchTag("StoreFailure", ({ detail }) => Effect.fail(storeFailed(detail))),
          Effect.map((list) => list !== undefined && tell(answer, userId, list, deviceIds)),
        )

      /** Of who shares none nothing is held. */
      const askForKeys = Effect.fnUntraced(function* (answer: QueriedKeys, server: string, query: KeyQuery) {
        const told = yield* client.call(server, (api) =>
          api.encryption.queryKeys({ payload: { device_keys: query } }),
        )
        for (const [userId, deviceIds] of Object.entries(query)) {
          const devices = memberOf(told.device_keys, userId)
          const master = memberOf(told.master_keys ?? {}, userId)
          const selfSigning = memberOf(told.self_signing_keys ?? {}, userId)
          if (devices === undefined && master === undefined) continue
          const root = readTrustRoot({ master, selfSigning }, userId, verify)
          tell(answer, userId, { devices: devicesIn(devices ?? {}, userId), ...root }, deviceIds)
        }
      })

      const askServer = (answer: QueriedKeys) =>
        Effect.fnUntraced(function* (server: string, query: KeyQuery) {
          const sharing = Object.entries(query).filter(([userId]) => remote.sharesRoom(userId))
          const others = Object.entries(query).filter(([userId]) => !remote.sharesRoom(userId))
          yield* Effect.forEach(sharing, ([userId, deviceIds]) => askForList(answer, userId, deviceIds), {
            discard: true,
          })
          if (others.length > 0) yield* askForKeys(answer, server, Object.fromEntries(others))
        })

      /** Adds what the requester has signed of others' master keys: that is for it alone to see. */
      const withSignaturesOf = (requester: string, keys: ByUser): ByUser =>
        Object.fromEntries(
          Object.entries(keys).map(([userId, key]) => {
            const own = crossSigning.signaturesOn(requester, userId, key)
            if (userId === requester || Object.keys(own).length === 0) return [userId, key]
            const signatures = { [userId]: signaturesBy(key, userId), [requester]: own }
            return [userId, { ...key, signatures }]
          }),
        )

      return DeviceKeyQueries.of({
        answerFor,
        query: Effect.fnUntraced(function* (requester, query, timeoutMs) {
          if (domainOf(requester) !== serverName)
            return yield* forbidden(`${requester} is not a user of ${serverName}`)
          const servers = new Map(byServer(query))
          const answer = answerFor(servers.get(serverName) ?? {})
          servers.delete(serverName)
          const failures = yield* askAll(servers, askServer(answer), timeoutMs)
          const userSigningKey = Object.hasOwn(query, requester)
            ? local.listOf(requester)?.userSigningKey
            : undefined
          return {
            ...answer,
            master_keys: withSignaturesOf(requester, answer.master_keys),
            user_signing_keys: userSigningKey === undefined ? {} : { [requester]: userSigningKey },
            failures,
          }
        }),
        held: (userId) => (domainOf(userId) === serverName ? local.listOf(userId) : remote.listOf(userId)),
      })
    }),
  )
}

/** Adds what the answer is to say of one user; a device without keys is not in it. */
const tell = (answer: QueriedKeys, userId: string, list: DeviceList, deviceIds: readonly string[]): void => {
  const asked = deviceIds.length === 0 ? Object.keys(list.devices) : deviceIds
  const devices = asked.flatMap((deviceId): [string, JsonObject][] => {
    const { keys, displayName } = memberOf(list.devices, deviceId) ?? {}
    if (keys === undefined) return []
    const unsigned = displayName === undefined ? {} : { unsigned: { device_display_name: displayName } }
    return [[deviceId, { ...keys, ...unsigned }]]
  })
  answer.device_keys[userId] = Object.fromEntries(devices)
  if (list.masterKey !== undefined) answer.master_keys[userId] = list.masterKey
  if (list.selfSigningKey !== undefined) answer.self_signing_keys[userId] = list.selfSigningKey
}

/** The devices in another server's answer; one whose keys are not its own is left out. */
const devicesIn = (given: JsonObject, userId: string): Readonly<Record<string, Device>> =>
  Object.fromEntries(
    Object.entries(given).flatMap(([deviceId, value]) => {
      const keys = readDeviceKeys(value, userId, deviceId)
      if (keys === undefined) return []
      const unsigned = isJsonObject(value) ? value.unsigned : undefined
      const name = isJsonObject(unsigned) ? unsigned.device_display_name : undefined
      return [[deviceId, { keys, ...(typeof name === "string" ? { displayName: name } : {}) }]]
    }),
  )
