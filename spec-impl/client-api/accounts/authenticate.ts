/** Client-server API §Using access tokens: the receiving half. */
import { Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { missingToken, unknownToken } from "../../federation/matrix-error.ts"
import { LoggedIn, Requester } from "../client-endpoint.ts"
import { Accounts } from "./accounts.ts"

/** Lets through whoever is logged in, and tells who that is. */
export const layerLoggedIn = Layer.effect(
  LoggedIn,
  Effect.gen(function* () {
    const accounts = yield* Accounts
    return (handler) =>
      Effect.gen(function* () {
        const accessToken = tokenOf(yield* HttpServerRequest.HttpServerRequest)
        if (accessToken === undefined) return yield* missingToken("there is no access token")
        const session = accounts.sessionOf(accessToken)
        if (session === undefined) return yield* unknownToken("the access token is not known here")
        return yield* Effect.provideService(handler, Requester, session)
      })
  }),
)

/** In the header; or, as clients did before v1.11, in the query. */
const tokenOf = ({ headers, url }: HttpServerRequest.HttpServerRequest): string | undefined => {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "") ?? []
  const query = url.indexOf("?")
  return bearer ?? new URLSearchParams(query < 0 ? "" : url.slice(query)).get("access_token") ?? undefined
}
