/** Client-server API §Legacy API, §Account management: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { JsonObject } from "../../core/json/value.ts"
import { LocalDevices } from "../../federation/devices/local-devices.ts"
import { badJson, forbidden, missingParameter, unknownKind } from "../../federation/matrix-error.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Settings } from "../../homeserver/settings.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"
import { Accounts, type Login } from "./accounts.ts"
import { InteractiveAuth } from "./interactive-auth.ts"

export const AccountsReceive = HttpApiBuilder.group(
  ClientApi,
  "accounts",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    const interactiveAuth = yield* InteractiveAuth
    const { enableRegistration } = yield* Settings
    const { serverName } = yield* ServerIdentity

    const answer = ({ userId, accessToken, deviceId }: Login) => ({
      user_id: userId,
      access_token: accessToken,
      device_id: deviceId,
      home_server: serverName,
    })

    return handlers
      .handle(
        "register",
        Effect.fnUntraced(function* ({ query: { kind = "user" }, payload }) {
          if (kind !== "user" && kind !== "guest") return yield* unknownKind(`${kind} is no kind of account`)
          if (!enableRegistration || kind === "guest") {
            return yield* forbidden(`a ${kind} account cannot be registered here`)
          }
          const { username, password } = payload
          // §POST /register: such errors come before any authentication.
          if (username !== undefined) yield* accounts.checkFree(username)
          const device = {
            deviceId: payload.device_id,
            displayName: payload.initial_device_display_name,
          }
          const register = acted(
            accounts.register(username, password, payload.inhibit_login === true ? undefined : device),
          )
          return yield* interactiveAuth.guard(
            payload.auth,
            { "m.login.dummy": () => Effect.succeed(true) },
            Effect.map(register, ({ userId, login }) =>
              login === undefined ? { user_id: userId, home_server: serverName } : answer(login),
            ),
          )
        }),
      )
      .handle("available", ({ query: { username } }) =>
        Effect.map(accounts.checkFree(username), () => ({ available: true })),
      )
      .handle("loginFlows", () => Effect.succeed({ flows: [{ type: "m.login.password" }] }))
      .handle(
        "login",
        Effect.fnUntraced(function* ({ payload }) {
          if (payload.type !== "m.login.password") return yield* unknownKind("there is no such login type")
          const { password } = payload
          const user = yield* userOf(payload)
          if (password === undefined) return yield* missingParameter("there is no password")
          const userId = yield* accounts.authenticate(user, password)
          if (userId === undefined) return yield* forbidden("the user's name or password is wrong")
          const login = yield* acted(
            accounts.logIn(userId, {
              deviceId: payload.device_id,
              displayName: payload.initial_device_display_name,
            }),
          )
          return answer(login)
        }),
      )
  }),
)

/** §Identifier types: by which a user says who it is; before there were such, by `user` alone. */
const userOf = Effect.fnUntraced(function* (login: {
  readonly identifier?: JsonObject
  readonly user?: string
}) {
  if (login.identifier === undefined) {
    return login.user ?? (yield* missingParameter("there is no identifier"))
  }
  const { type, user } = login.identifier
  if (type !== "m.id.user") return yield* unknownKind("there is no such type of identifier here")
  return typeof user === "string" ? user : yield* badJson("the identifier has no user")
})

export const SessionsReceive = HttpApiBuilder.group(
  ClientApi,
  "sessions",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    const devices = yield* LocalDevices
    return handlers
      .handle("whoami", () =>
        Effect.map(Requester, ({ userId, deviceId }) => ({
          user_id: userId,
          device_id: deviceId,
          is_guest: false,
        })),
      )
      .handle("logout", () =>
        Effect.flatMap(Requester, ({ userId, deviceId }) =>
          acted(Effect.as(devices.remove(userId, deviceId), {})),
        ),
      )
      .handle("logoutAll", () =>
        Effect.flatMap(Requester, ({ userId }) => acted(Effect.as(accounts.logOutEverywhere(userId), {}))),
      )
  }),
)
