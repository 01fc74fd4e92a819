/** Who asks, as endpoints declare that they want to know it. */
import { Context } from "effect"
import { HttpApiMiddleware } from "effect/http-api"
import { MatrixErrorSchema } from "./matrix-error.ts"

/** The name of the server that sent the request at hand, proved by its signature. */
export class Origin extends Context.Service<Origin, string>()("netsplit/Origin") {}

/** Where the request at hand came from, as far as the network says; nothing proves it. */
export class Asker extends Context.Service<Asker, string>()("netsplit/Asker") {}

/**
 * The mark of endpoints that answer signed requests only (server-server API §Request Authentication). Whoever serves
 * them sees to it: `authenticate.ts` on the wire.
 */
export class Authentication extends HttpApiMiddleware.Service<Authentication, { provides: Origin }>()(
  "netsplit/Authentication",
  { error: MatrixErrorSchema },
) {}
