/** Request authentication (server-server API §Request Authentication), as endpoints declare it. */
import { Context } from "effect"
import { HttpApiMiddleware } from "effect/http-api"
import type { ReceivedBody } from "./json-body.ts"
import { MatrixErrorSchema } from "./matrix-error.ts"

/** The name of the server that sent the request at hand, proved by its signature. */
export class Origin extends Context.Service<Origin, string>()("netsplit/Origin") {}

/** The middleware of endpoints that answer signed requests only. */
export class Authentication extends HttpApiMiddleware.Service<
  Authentication,
  { provides: Origin; requires: ReceivedBody }
>()("netsplit/Authentication", { error: MatrixErrorSchema }) {}
