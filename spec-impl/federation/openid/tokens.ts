/** Tokens by which a user proves to somebody else who it is (server-server API §OpenID; client-server API §OpenID). */
import { Clock, Context, Effect, Layer } from "effect"
import { encodeBase64Url } from "../../core/base64.ts"
import { domainOf } from "../../core/identifiers.ts"
import { Chance } from "../../homeserver/chance.ts"
import { badAnswer } from "../../homeserver/failures.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"
import { FederationClient, type FederationUnreachable } from "../client.ts"
import { forbidden, type MatrixError, unknownToken } from "../matrix-error.ts"

const collection = "openid-tokens"
/** How long a token is good, as in Synapse. */
const lifetimeMs = 60 * 60_000

/** What a user gives to whom it wants to prove itself. */
export interface OpenIdToken {
  readonly accessToken: string
  readonly serverName: string
  readonly expiresInMs: number
}

interface Kept {
  readonly userId: string
  readonly untilMs: number
}

export class OpenIdTokens extends Context.Service<
  OpenIdTokens,
  {
    /** For a user of this server. */
    readonly make: (userId: string) => Effect.Effect<OpenIdToken, MatrixError | StoreFailure>
    /** Whose token it is; 401 M_UNKNOWN_TOKEN where it is nobody's, or no longer. */
    readonly ownerOf: (accessToken: string) => Effect.Effect<string, MatrixError>
    /** Asks `server` whose token it is. A server may speak of its own users alone (v1.18): else 502. */
    readonly verify: (
      server: string,
      accessToken: string,
    ) => Effect.Effect<string, MatrixError | FederationUnreachable>
  }
>()("netsplit/OpenIdTokens") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    OpenIdTokens,
    Effect.gen(function* () {
      const store = yield* EventStore
      const chance = yield* Chance
      const client = yield* FederationClient
      const { serverName } = yield* ServerIdentity
      const tokens = new Map<string, Kept>()
      for (const [token, kept] of yield* store.records(collection)) tokens.set(token, kept as unknown as Kept)
      let serial = 0

      /** Those whose time is over are forgotten as new ones are made. */
      const expired = (nowMs: number): readonly string[] =>
        [...tokens].filter(([, { untilMs }]) => untilMs <= nowMs).map(([token]) => token)

      return OpenIdTokens.of({
        make: Effect.fnUntraced(function* (userId) {
          if (domainOf(userId) !== serverName)
            return yield* forbidden(`${userId} is not a user of ${serverName}`)
          const nowMs = yield* Clock.currentTimeMillis
          serial += 1
          const accessToken = encodeBase64Url(
            chance.bytes(24, "openid", userId, String(nowMs), String(serial)),
          )
          const kept = { userId, untilMs: nowMs + lifetimeMs }
          const over = expired(nowMs)
          const gone = over.map((token) => ({ collection, key: token, value: null }))
          yield* store.commit({ records: [...gone, { collection, key: accessToken, value: kept }] })
          for (const token of over) tokens.delete(token)
          tokens.set(accessToken, kept)
          return { accessToken, serverName, expiresInMs: lifetimeMs }
        }, Effect.uninterruptible),
        ownerOf: Effect.fnUntraced(function* (accessToken) {
          const kept = tokens.get(accessToken)
          if (kept !== undefined && kept.untilMs > (yield* Clock.currentTimeMillis)) return kept.userId
          return yield* unknownToken("the token is nobody's, or no longer good")
        }),
        verify: Effect.fnUntraced(function* (server, accessToken) {
          const query = { access_token: accessToken }
          const { sub } = yield* client.call(server, (api) => api.openid.userInfo({ query }))
          if (domainOf(sub) !== server)
            return yield* badAnswer(`${server} speaks of ${sub}, who is not its user`)
          return sub
        }),
      })
    }),
  )
}
