/** Client-server API §Password-based: users who are logged in show once more who they are. */
import { Context, Effect, Layer } from "effect"
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Accounts } from "./accounts.ts"
import type { Stages } from "./interactive-auth.ts"

/** The stages by which that user can authenticate itself: who has no password has nothing to show. */
export class OwnPassword extends Context.Service<OwnPassword, (userId: string) => Stages>()(
  "netsplit/client-api/OwnPassword",
) {
  static readonly layer = Layer.effect(
    OwnPassword,
    Effect.gen(function* () {
      const accounts = yield* Accounts
      const { serverName } = yield* ServerIdentity

      /** Whom the client says that it is; by `user` alone, as before there were identifiers. */
      const isNamed = (userId: string, { identifier, user }: JsonObject): boolean => {
        const given = isJsonObject(identifier) ? identifier.user : user
        return given === userId || `@${String(given)}:${serverName}` === userId
      }

      const showsPassword = (userId: string): Stages => ({
        "m.login.password": (auth) =>
          typeof auth.password === "string" && isNamed(userId, auth)
            ? Effect.map(accounts.authenticate(userId, auth.password), (found) => found === userId)
            : Effect.succeed(false),
      })
      const dummy: Stages = { "m.login.dummy": () => Effect.succeed(true) }

      return (userId) => (accounts.hasPassword(userId) ? showsPassword(userId) : dummy)
    }),
  )
}
