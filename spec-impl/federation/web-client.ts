/** Requests to web servers that are no homeservers, unsigned: where another server says that its media is to be had. */
import { Context, type Effect } from "effect"
import type { WireError, WireResponse } from "./wire-message.ts"

export class WebClient extends Context.Service<
  WebClient,
  {
    /**
     * `GET`s an `https:` URL that a stranger may have named: it goes to no address that is not public. The answer is
     * given whatever its status; one of more than `answerBytesMax` bytes fails with "reset". No redirect is followed.
     */
    readonly get: (url: URL, answerBytesMax: number) => Effect.Effect<WireResponse, WireError>
  }
>()("netsplit/WebClient") {}
