/** The accounts of this server's users, and who of them is logged in (client-server API §Legacy API). */
import { Clock, Context, Effect, Layer } from "effect"
import { encodeBase64Url } from "../../core/base64.ts"
import { sha256 } from "../../core/hash.ts"
import { isStrictUserId } from "../../core/identifiers.ts"
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { LocalDevices } from "../../federation/devices/local-devices.ts"
import {
  forbidden,
  invalidUsername,
  limitExceeded,
  type MatrixError,
  userInUse,
} from "../../federation/matrix-error.ts"
import { Turns } from "../../federation/turns.ts"
import { Chance } from "../../homeserver/chance.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { EventStore, type RecordWrite, type StoreFailure } from "../../store/event-store.ts"
import { hashPassword, isPassword } from "./passwords.ts"

const accountsCollection = "accounts"
/** By the hash of the token: who reads the disk cannot log in. */
const tokensCollection = "access-tokens"

/** What an access token stands for. */
export interface Session {
  readonly userId: string
  readonly deviceId: string
}

/** Which device a login is for; a new one where nothing is said. */
export interface DeviceWishes {
  readonly deviceId?: string | undefined
  readonly displayName?: string | undefined
}

/** A login that was granted. */
export interface Login extends Session {
  readonly accessToken: string
}

type Act<A> = Effect.Effect<A, MatrixError | StoreFailure>

/** How many passwords may be tried for one user (client-server API §Rate limiting). */
const attemptsPerMinuteMax = 20

export class Accounts extends Context.Service<
  Accounts,
  {
    /** 400 M_INVALID_USERNAME for what can be no localpart here, M_USER_IN_USE for what is taken. */
    readonly checkFree: (username: string) => Effect.Effect<void, MatrixError>
    /**
     * Makes an account, under a name that is made up where none is given, and logs in, all in one group; without
     * `device` it does not log in. Errors as `checkFree`, and as `LocalDevices.add`. Without a password nobody can log
     * in later.
     */
    readonly register: (
      username: string | undefined,
      password: string | undefined,
      device: DeviceWishes | undefined,
    ) => Act<{ readonly userId: string; readonly login: Login | undefined }>
    /**
     * Whether that is the password of the user, given by its id or its localpart; the user's id if so. 429 for whoever
     * tries too many.
     */
    readonly authenticate: (user: string, password: string) => Effect.Effect<string | undefined, MatrixError>
    /** Whether the user has a password at all. */
    readonly hasPassword: (userId: string) => boolean
    /** Logs a user in; tokens that its device had before are no longer valid. */
    readonly logIn: (userId: string, device: DeviceWishes) => Act<Login>
    /** Who a token stands for; undefined for one that is not known, or no longer. */
    readonly sessionOf: (accessToken: string) => Session | undefined
    /** Whether there is such an account. */
    readonly has: (userId: string) => boolean
    /** Ends all sessions of the user, and removes all its devices. */
    readonly logOutEverywhere: (userId: string) => Act<void>
  }
>()("netsplit/client-api/Accounts") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    Accounts,
    Effect.gen(function* () {
      const store = yield* EventStore
      const chance = yield* Chance
      const devices = yield* LocalDevices
      const { serverName } = yield* ServerIdentity
      const accounts = new Map<string, JsonObject>()
      const sessions = new Map<string, Session>()
      const attempts = new Turns(attemptsPerMinuteMax)
      for (const [userId, account] of yield* store.records(accountsCollection)) {
        if (isJsonObject(account)) accounts.set(userId, account)
      }
      for (const [hash, kept] of yield* store.records(tokensCollection)) {
        if (isJsonObject(kept) && typeof kept.user_id === "string" && typeof kept.device_id === "string")
          sessions.set(hash, { userId: kept.user_id, deviceId: kept.device_id })
      }

      let serial = 0
      const draw = Effect.fnUntraced(function* (length: number, ...what: readonly string[]) {
        serial += 1
        return chance.bytes(length, ...what, String(yield* Clock.currentTimeMillis), String(serial))
      })

      const checkFree = (username: string): Effect.Effect<void, MatrixError> => {
        const userId = `@${username}:${serverName}`
        if (!isStrictUserId(userId) || username.includes(":"))
          return Effect.fail(invalidUsername(`${username} can be no user's name`))
        return accounts.has(userId) ? Effect.fail(userInUse(`${userId} is taken`)) : Effect.void
      }

      const tokensOf = (userId: string, deviceId: string): readonly string[] =>
        [...sessions].flatMap(([hash, session]) =>
          session.userId === userId && session.deviceId === deviceId ? [hash] : [],
        )
      const removal = (hashes: readonly string[]): readonly RecordWrite[] =>
        hashes.map((key) => ({ collection: tokensCollection, key, value: null }))
      const forget = (hashes: readonly string[]): void => {
        for (const hash of hashes) sessions.delete(hash)
      }

      devices.addBelongings((userId, deviceId) => {
        const hashes = tokensOf(userId, deviceId)
        return { records: removal(hashes), forget: () => forget(hashes) }
      })

      /** §Relationship between access tokens and devices: older tokens of the device are no longer valid. */
      const logInWith = Effect.fnUntraced(function* (
        userId: string,
        { deviceId, displayName }: DeviceWishes,
        more: Effect.Effect<{ records: readonly RecordWrite[]; whenKept: () => void }, MatrixError>,
      ) {
        const accessToken = encodeBase64Url(yield* draw(32, "access-token", userId))
        const hash = hashOf(accessToken)
        const wishes = {
          ...(deviceId === undefined ? {} : { deviceId }),
          ...(displayName === undefined ? {} : { displayName }),
        }
        const login = (device: string) =>
          Effect.map(more, ({ records, whenKept }) => {
            const before = tokensOf(userId, device)
            const value = { user_id: userId, device_id: device }
            return {
              records: [...records, ...removal(before), { collection: tokensCollection, key: hash, value }],
              whenKept: () => {
                whenKept()
                forget(before)
                sessions.set(hash, { userId, deviceId: device })
              },
            }
          })
        return { userId, deviceId: yield* devices.add(userId, wishes, login), accessToken }
      })

      const logIn = (userId: string, device: DeviceWishes) =>
        logInWith(userId, device, Effect.succeed({ records: [], whenKept: () => undefined }))

      return Accounts.of({
        checkFree,
        register: Effect.fnUntraced(function* (username, password, device) {
          const localpart = username ?? encodeHex(yield* draw(8, "username"))
          yield* checkFree(localpart)
          const userId = `@${localpart}:${serverName}`
          const kept =
            password === undefined ? {} : { password: yield* hashPassword(password, yield* draw(16, "salt")) }
          // Asked while it is written: another may have taken the name since.
          const isFree = Effect.suspend(() => checkFree(localpart))
          const account = Effect.map(isFree, () => ({
            records: [{ collection: accountsCollection, key: userId, value: kept }],
            whenKept: () => void accounts.set(userId, kept),
          }))
          if (device !== undefined) return { userId, login: yield* logInWith(userId, device, account) }
          yield* devices.whileWriting(
            Effect.flatMap(account, ({ records, whenKept }) =>
              Effect.andThen(store.commit({ records }), Effect.sync(whenKept)),
            ),
          )
          return { userId, login: undefined }
        }),
        authenticate: Effect.fnUntraced(function* (user, password) {
          const userId = user.startsWith("@") ? user : `@${user}:${serverName}`
          const waitMs = attempts.take(userId, yield* Clock.currentTimeMillis)
          if (waitMs > 0) return yield* limitExceeded("too many passwords", { retry_after_ms: waitMs })
          return (yield* isPassword(password, accounts.get(userId)?.password)) ? userId : undefined
        }),
        hasPassword: (userId) => accounts.get(userId)?.password !== undefined,
        logIn: (userId, device) =>
          accounts.has(userId)
            ? logIn(userId, device)
            : Effect.fail(forbidden(`there is no account ${userId}`)),
        sessionOf: (accessToken) => sessions.get(hashOf(accessToken)),
        has: (userId) => accounts.has(userId),
        logOutEverywhere: Effect.fnUntraced(function* (userId) {
          for (const deviceId of Object.keys(devices.listOf(userId)?.devices ?? {}))
            yield* devices.remove(userId, deviceId)
        }),
      })
    }),
  )
}

const hashOf = (accessToken: string): string => encodeBase64Url(sha256(new TextEncoder().encode(accessToken)))

const encodeHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
