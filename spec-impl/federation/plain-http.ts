/** Requests to places that are no homeservers, unsigned: where another server says that its media is to be had. */
import { Context, type Effect } from "effect"
import type { WireError, WireResponse } from "./wire-message.ts"

export class PlainHttp extends Context.Service<
  PlainHttp,
  {
    /**
     * `GET`s an `http:` or `https:` URL that another server has named; whoever makes the request sees to it that it
     * leads to no place that only this server may reach. The answer is given whatever its status.
     */
    readonly get: (url: URL) => Effect.Effect<WireResponse, WireError>
  }
>()("netsplit/PlainHttp") {}
