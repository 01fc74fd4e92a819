/** The bounds on what comes in. */
import { limitExceeded, type MatrixError } from "../../federation/matrix-error.ts"

/** What one listener takes. */
export interface ListenerLimits {
  /** Connections at once; the next one is closed. */
  readonly connectionsMax: number
  /** Requests in work at once: in all, and of one address. The next one is answered 429. */
  readonly requestsMax: number
  readonly requestsOfAddressMax: number
  /** Request line and headers of one request. */
  readonly headerBytesMax: number
  readonly headersMax: number
  /** The body of one request. */
  readonly bodyBytesMax: number
  /** What the bodies that are in work may take together once they are read: see `../json-weight.ts`. */
  readonly bodiesWeightMax: number
  /** By when a handshake is done, and then the headers of a request have come. */
  readonly headersMsMax: number
  /** By when all of a request has come. */
  readonly requestMsMax: number
  /** By when all of an answer was taken. */
  readonly answerMsMax: number
  /** How long nothing at all may pass on a connection while a request is in work. */
  readonly silenceMsMax: number
  /** How long a connection is kept between two requests, and for how many. */
  readonly keepAliveMs: number
  readonly requestsOfConnectionMax: number
  /** How long requests in work may take when the server stops. */
  readonly drainMsMax: number
}

/** Limits of the federation listener. */
export const federationLimits: ListenerLimits = {
  connectionsMax: 10_000,
  requestsMax: 512,
  requestsOfAddressMax: 256,
  headerBytesMax: 32 * 1_024,
  headersMax: 100,
  // §Transactions: 50 PDUs of 64 KiB and 100 EDUs, for which there is no such bound.
  bodyBytesMax: 16 * 1_048_576,
  bodiesWeightMax: 512 * 1_048_576,
  headersMsMax: 10_000,
  requestMsMax: 60_000,
  answerMsMax: 120_000,
  silenceMsMax: 120_000,
  keepAliveMs: 30_000,
  requestsOfConnectionMax: 100_000,
  drainMsMax: 10_000,
}

/**
 * Limits of the client listener: a client asks less at a time than a server, but waits long in `/sync`, and may upload
 * a file of `mediaBytesMax`.
 */
export const clientLimits: ListenerLimits = {
  ...federationLimits,
  requestsMax: 4_096,
  bodyBytesMax: 52 * 1_048_576,
  requestMsMax: 300_000,
}

/** Limits of the listener for whoever watches. */
export const metricsLimits: ListenerLimits = {
  ...federationLimits,
  connectionsMax: 64,
  requestsMax: 16,
  bodyBytesMax: 0,
}

/** A second is what most work takes at most. */
const retryAfterMs = 1_000

/** 429: there is no room for the request now. */
export const tellsToComeAgain = (): MatrixError =>
  limitExceeded("there are too many requests in work", { retry_after_ms: retryAfterMs })
