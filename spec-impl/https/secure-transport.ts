/** What carries a request to an address: the one seam between finding servers and real or simulated networks. */
import { Context, type Effect } from "effect"
import type { WireError, WireRequest, WireResponse } from "../federation/wire.ts"
import type { Identity } from "./direction.ts"

/** An IP address and a port, and what is expected there. */
export interface Endpoint extends Identity {
  readonly address: string
  readonly port: number
}

/** A connection that is not there by then, certificate and all, is "unreachable": the next address has its turn. */
export const connectMsMax = 3_000

export class SecureTransport extends Context.Service<
  SecureTransport,
  {
    /**
     * Connects to `endpoint` over TLS, naming the certificate that it expects (SNI) unless that is an IP
     * address's; checks it; and only then sends `request`, with that `Host` header (§TLS). Fails with "refused",
     * "unreachable" or "bad-certificate" where nothing was sent, and with "reset" for an answer of more bytes than
     * it may have.
     */
    readonly exchange: (
      endpoint: Endpoint,
      request: WireRequest,
      answerBytesMax: number,
    ) => Effect.Effect<WireResponse, WireError>
  }
>()("netsplit/SecureTransport") {}

/** Why a certificate is not valid, in the order in which it is asked. */
export type CertificateProblem = "unknown-authority" | "not-yet-valid" | "expired" | "wrong-name"
