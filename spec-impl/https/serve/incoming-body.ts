/** The bodies of requests. */
import type { IncomingMessage, ServerResponse } from "node:http"
import { type MatrixError, tooLarge } from "../../federation/matrix-error.ts"
import { jsonWeight } from "../json-weight.ts"
import { type ListenerLimits, tellsToComeAgain } from "./limits.ts"

interface BodyOptions {
  readonly limits: ListenerLimits
  /** What is held by all requests of the listener. */
  readonly budget: { weight: number }
  readonly target: string
  /** Whether the caller waits to be told to go on (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean
}

export interface IncomingBody {
  /** Gives back what it holds. */
  readonly release: () => void
}

const nothing = new Uint8Array(0)

/** Media is kept as it comes; all else is JSON. */
const isMedia = (target: string): boolean => target.startsWith("/_matrix/media/")

/**
 * Reads the body to its end, and gives it; or, as soon as that is known, why it is not taken. Where the caller goes
 * away before that it gives nothing.
 */
export const readBody = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { limits, budget, target, expectsContinue }: BodyOptions,
  done: (given: Uint8Array | MatrixError) => void,
): IncomingBody => {
  let held = 0
  let isDone = false
  const give = (given: Uint8Array | MatrixError): void => {
    if (isDone) return
    isDone = true
    done(given)
  }
  const hold = (weight: number): boolean => {
    if (budget.weight + weight > limits.bodiesWeightMax) return false
    budget.weight += weight
    held += weight
    return true
  }
  const release = (): void => {
    isDone = true
    budget.weight -= held
    held = 0
  }
  const tooLong = () => tooLarge(`the body is longer than ${limits.bodyBytesMax} bytes`)

  const { "content-length": length, "transfer-encoding": encoding } = incoming.headers
  if (Number(length ?? 0) > limits.bodyBytesMax) {
    give(tooLong())
    return { release }
  }
  if ((length === undefined || length === "0") && encoding === undefined) {
    give(nothing)
    return { release }
  }
  if (expectsContinue) outgoing.writeContinue()
  const chunks: Buffer[] = []
  let bytes = 0
  incoming.on("data", (chunk: Buffer) => {
    if (isDone) return
    bytes += chunk.length
    if (bytes > limits.bodyBytesMax) return give(tooLong())
    if (!hold(chunk.length)) return give(tellsToComeAgain())
    chunks.push(chunk)
  })
  incoming.on("end", () => {
    if (isDone) return
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    const weight = isMedia(target) ? 2 * bytes : jsonWeight(body)
    if (weight > limits.bodiesWeightMax / 2) return give(tooLarge("the body has too many values"))
    give(hold(weight - held) ? body : tellsToComeAgain())
  })
  // It ends before its length: there is nobody left to answer.
  incoming.on("error", () => undefined)
  return { release }
}
