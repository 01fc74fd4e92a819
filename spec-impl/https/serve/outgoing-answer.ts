/** Answers, as they leave for the real network. */
import { isAscii } from "node:buffer"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { MatrixError, matrixErrorResponse } from "../../federation/matrix-error.ts"
import { toWire, type WireResponse } from "../../federation/wire.ts"

const wireError = (status: number, errcode: string, error: string): WireResponse =>
  toWire(matrixErrorResponse(new MatrixError({ status, errcode, error })))

/** What is answered where the server itself failed. */
export const internalError = wireError(500, "M_UNKNOWN", "internal server error")

/** What a server cannot read as HTTP, by Node's names for what is wrong with it. */
const unparsed = {
  HPE_HEADER_OVERFLOW: wireError(431, "M_TOO_LARGE", "the headers are too long"),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: wireError(413, "M_TOO_LARGE", "the chunk extensions are too long"),
  ERR_HTTP_REQUEST_TIMEOUT: wireError(408, "M_UNKNOWN", "the request took too long"),
} as Readonly<Record<string, WireResponse>>
const malformed = wireError(400, "M_UNKNOWN", "this is no HTTP request")

const reasonPhrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  408: "Request Timeout",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
}

/** Answers what is no request, if anybody is there, and closes the connection. */
export const sendUnparsed = (error: NodeJS.ErrnoException, socket: Socket): void => {
  const { code = "" } = error
  // Without a handshake nothing could be said, and saying it would wait for the handshake.
  if (!/^(?:HPE|ERR_HTTP)_/.test(code) || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, body } = unparsed[code] ?? malformed
  const lines = [
    `HTTP/1.1 ${status} ${reasonPhrases[status]}`,
    `content-type: ${headers["content-type"]}`,
    `content-length: ${body.length}`,
    "connection: close",
  ]
  socket.end(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]))
  socket.destroySoon()
}

/** RFC 9112 §6.3: a request has a body where one of these says so. */
export const announcesBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0"

const isBodiless = (status: number): boolean => status === 204 || status === 304

/** Sends an answer; the last one where the server stops. */
export const endWith = (outgoing: ServerResponse, response: WireResponse, isLast: boolean): void => {
  const { status, headers, body } =
    response.status >= 500 && response.body.length === 0
      ? { ...internalError, status: response.status }
      : response
  const length = isBodiless(status) ? {} : { "content-length": body.length }
  outgoing.writeHead(status, { ...headers, ...length, ...(isLast ? { connection: "close" } : {}) })
  const text = shortText(body)
  if (text === undefined) outgoing.end(body)
  else outgoing.end(text, "latin1")
}

/** A text leaves with the headers as one string, bytes after them: that takes a write more. */
const shortBytesMax = 4_096

/** The body as a string of as many characters as bytes, where it is such a text and worth it. */
const shortText = (body: Uint8Array): string | undefined => {
  if (body.length === 0 || body.length > shortBytesMax || !isAscii(body)) return undefined
  return Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1")
}

/** How long somebody who is refused may go on sending before the connection is cut. */
const refusedMsMax = 1_000

/**
 * Answers a request that is not taken, whose body may be still on its way: that is thrown away for a while, since
 * whoever is cut off in the middle of sending may never see the answer.
 */
export const refuse = (incoming: IncomingMessage, outgoing: ServerResponse, error: MatrixError): void => {
  const { status, headers, body } = toWire(matrixErrorResponse(error))
  const isWhole = incoming.complete || !announcesBody(incoming)
  outgoing.writeHead(status, {
    ...headers,
    "content-length": body.length,
    ...(isWhole ? {} : { connection: "close" }),
  })
  incoming.resume()
  if (isWhole) {
    outgoing.end(body)
    return
  }
  outgoing.write(body)
  const end = () => {
    clearTimeout(overdue)
    outgoing.end()
  }
  const overdue = setTimeout(end, refusedMsMax)
  incoming.once("end", end)
  outgoing.once("close", () => clearTimeout(overdue))
}
