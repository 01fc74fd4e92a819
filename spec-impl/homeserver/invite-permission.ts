/** Whether users want to be invited at all (client-server API §Invite permission). */
import { Context, Effect, Layer } from "effect"
import { domainOf } from "../core/identifiers.ts"
import { isJsonObject, type JsonObject } from "../core/json/value.ts"
import { forbidden, inviteBlocked, type MatrixError } from "../federation/matrix-error.ts"
import { EventStore, type StoreFailure } from "../store/event-store.ts"
import { ServerIdentity } from "./identity.ts"
import { Settings } from "./settings.ts"

const collection = "invite-permissions"

export class InvitePermission extends Context.Service<
  InvitePermission,
  {
    /** A user of this server sets its `m.invite_permission_config`: `{default_action: "block"}` keeps all invites off. */
    readonly configure: (
      userId: string,
      config: JsonObject,
    ) => Effect.Effect<void, MatrixError | StoreFailure>
    /**
     * Whether the user may be invited: 403 M_INVITE_BLOCKED where it does not want to be, 403 M_FORBIDDEN where this
     * server lets nobody invite its users (§PUT …/invite).
     */
    readonly check: (userId: string) => Effect.Effect<void, MatrixError>
  }
>()("netsplit/InvitePermission") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    InvitePermission,
    Effect.gen(function* () {
      const store = yield* EventStore
      const { serverName } = yield* ServerIdentity
      const { acceptsInvites } = yield* Settings
      const blocking = new Set<string>()
      const note = (userId: string, config: JsonObject): void => {
        if (config.default_action === "block") blocking.add(userId)
        else blocking.delete(userId)
      }
      for (const [userId, config] of yield* store.records(collection)) {
        if (isJsonObject(config)) note(userId, config)
      }

      return InvitePermission.of({
        configure: Effect.fnUntraced(function* (userId, config) {
          if (domainOf(userId) !== serverName)
            return yield* forbidden(`${userId} is not a user of ${serverName}`)
          yield* store.commit({ records: [{ collection, key: userId, value: config }] })
          note(userId, config)
        }, Effect.uninterruptible),
        check: (userId) => {
          if (!acceptsInvites) return Effect.fail(forbidden(`users of ${serverName} cannot be invited`))
          return blocking.has(userId)
            ? Effect.fail(inviteBlocked(`${userId} does not want to be invited`))
            : Effect.void
        },
      })
    }),
  )
}
