/** What crosses the wire of the `http` transport. */
import type { Effect } from "effect"
import { ErrorWithoutStack } from "./error-without-stack.ts"

/** A request as it crosses the network. */
export interface WireRequest {
  /** The server that sends it. */
  readonly source: string
  /** The server that it is for. */
  readonly destination: string
  readonly method: string
  /** Path and query, exactly as signed. */
  readonly target: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** An answer as it crosses the network. */
export interface WireResponse {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** A server's side: it answers every request. */
export type WireHandler = (request: WireRequest) => Effect.Effect<WireResponse>

/** Why a request got no answer. A client of the real network gives it as the cause of its error, too. */
export class WireError extends ErrorWithoutStack("WireError")<{
  /** The last two: its name led nowhere, or whoever answered there did not prove to be that server. */
  readonly reason: "refused" | "reset" | "timed-out" | "unreachable" | "unresolved" | "bad-certificate"
  /** What else is known of it. */
  readonly detail?: string
}> {}
